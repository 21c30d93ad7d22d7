use super::Worker;
use super::judge::Judged;
use crate::alert::{About, Alert};
use crate::alert_policy::AlertPolicy;
use crate::delivery::{Channel, Claimed, MOST_ATTEMPTS};
use crate::mailer::Mail;
use crate::outbound::{Destination, Failure};
use crate::store::Sent;
use crate::text::cut;
use crate::webhook::parse_url;
use model::{Error, ErrorKind, Timestamp};
use proto::token_registry::Token;
use std::time::Duration;

/// How long to leave it when the registry or the database is away.
const AWAY: Duration = Duration::from_secs(15);
/// How long one failure keeps the recipient's other messages waiting, at most.
const HELD_BACK: Duration = Duration::from_mins(5);

/// What is to be said, and in whose name.
pub(super) struct Due {
    pub policy: AlertPolicy,
    pub token: Token,
    pub about: About,
}

/// Why a message did not arrive.
enum Failed {
    /// With words for the log and the row.
    Retry(String),
    /// It never will.
    Final(String),
}

impl Worker {
    pub(super) async fn claim(&self, channel: Channel) -> Result<Option<Claimed>, Error> {
        let now = self.store.now(self.clock.as_ref()).await?;
        self.store.claim(channel, now).await
    }

    /// Takes one claimed delivery to its next state. What fails here is logged, and found again when the claim runs out.
    pub(super) async fn deliver(&self, claimed: Claimed) {
        if let Err(error) = self.settle(&claimed).await {
            tracing::warn!(delivery = claimed.id, %error, "a message could not be settled; will be looked at again");
        }
    }

    async fn settle(&self, claimed: &Claimed) -> Result<(), Error> {
        let now = self.store.now(self.clock.as_ref()).await?;
        match self.judge(claimed, now).await {
            Ok(Judged::Due(due)) => self.send(claimed, &due, now).await,
            Ok(Judged::Cancelled) => {
                tracing::info!(delivery = claimed.id, "cancelled: the token is gone or has another expiry");
                self.store.cancel(claimed, now).await
            }
            Ok(Judged::Withdrawn) => self.store.withdraw(claimed).await,
            Err(error) => {
                tracing::warn!(delivery = claimed.id, %error, "not sent yet: the token's state is not known");
                self.store.postpone(claimed, now.after(AWAY)).await
            }
        }
    }

    async fn send(
        &self,
        claimed: &Claimed,
        Due { policy, token, about }: &Due,
        now: Timestamp,
    ) -> Result<(), Error> {
        if claimed.attempt > MOST_ATTEMPTS {
            // Every sender that took it died with it.
            return self.give_up(claimed, "every attempt ended without an outcome", now).await;
        }
        let spec = &policy.spec;
        let alert = Alert { id: &claimed.id, policy, token, about, now };
        let outcome = match claimed.key.channel {
            Channel::Email => self.send_mail(claimed, &alert).await,
            Channel::Webhook => self.send_webhook(claimed, &alert).await?,
        };
        let ended = self.store.now(self.clock.as_ref()).await?;
        if claimed.key.channel == Channel::Webhook {
            self.store.record_webhook(&claimed.key.recipient, outcome.is_ok(), ended).await?;
        }
        match outcome {
            Ok(body) => {
                let sent = Sent {
                    policy_name: &spec.name,
                    policy_description: &spec.description,
                    alert_type: &spec.alert_type,
                    body: &body,
                };
                let is_first = self.store.mark_sent(claimed, &sent, ended).await?;
                tracing::info!(delivery = claimed.id, policy = policy.id, is_first, "alert sent");
                Ok(())
            }
            Err(Failed::Retry(why)) if claimed.attempt < MOST_ATTEMPTS => {
                self.try_later(claimed, &why, ended).await
            }
            Err(Failed::Retry(why) | Failed::Final(why)) => self.give_up(claimed, &why, ended).await,
        }
    }

    /// Answers the text, for the history.
    async fn send_mail(&self, claimed: &Claimed, alert: &Alert<'_>) -> Result<String, Failed> {
        let text = alert.mail();
        let mail = Mail {
            id: claimed.id.clone(),
            to: claimed.key.recipient.clone(),
            subject: alert.subject(),
            text: text.clone(),
            at: alert.now,
        };
        match self.mailer.send(&mail).await {
            Ok(()) => Ok(text),
            Err(error) if error.kind() == ErrorKind::Unavailable => Err(Failed::Retry(error.to_string())),
            Err(error) => Err(Failed::Final(error.to_string())),
        }
    }

    /// Answers the JSON, for the history. The outer error: it could not be tried.
    async fn send_webhook(
        &self,
        claimed: &Claimed,
        alert: &Alert<'_>,
    ) -> Result<Result<String, Failed>, Error> {
        let key = &claimed.key;
        let (webhook, sealed) = self.store.get_webhook(&key.account_id, &key.recipient).await?;
        let secret = sealed.map(|sealed| self.secrets.open(&webhook.id, &sealed)).transpose();
        let secret = match secret {
            Ok(secret) => secret,
            // The key may be put right; until then the destination must not get an unauthenticated message.
            Err(error) => return Ok(Err(Failed::Retry(error.to_string()))),
        };
        let url = parse_url(&webhook.url).map_err(|broken| Error::internal(broken.rule))?;
        let body = alert.webhook(webhook.kind);
        let secret = secret.as_ref().map(|secret| secret.as_str());
        let destination = Destination { url: &url, kind: webhook.kind, secret };
        Ok(match self.outbound.post(&destination, &body).await {
            Ok(()) => Ok(body.to_string()),
            Err(failure @ (Failure::Gone | Failure::Unsendable(_))) => {
                Err(Failed::Final(failure.to_string()))
            }
            Err(failure) => {
                if let Failure::Unreachable(cause) = &failure {
                    tracing::debug!(delivery = claimed.id, cause, "webhook unreachable");
                }
                Err(Failed::Retry(failure.to_string()))
            }
        })
    }

    async fn try_later(&self, claimed: &Claimed, why: &str, now: Timestamp) -> Result<(), Error> {
        let pause = claimed.pause();
        let attempt = claimed.attempt;
        tracing::warn!(
            delivery = claimed.id,
            attempt,
            pause_s = pause.as_secs(),
            why,
            "alert not sent; will retry"
        );
        self.store.retry(claimed, now.after(pause), cut(why, 500)).await?;
        if claimed.key.channel == Channel::Webhook {
            self.store.hold_back(&claimed.key, now.after(pause.min(HELD_BACK)), now).await?;
        }
        Ok(())
    }

    async fn give_up(&self, claimed: &Claimed, why: &str, now: Timestamp) -> Result<(), Error> {
        let (attempt, token) = (claimed.attempt, &claimed.key.token_id);
        tracing::error!(delivery = claimed.id, token, attempt, why, "alert given up");
        self.store.bury(claimed, cut(why, 500), now).await
    }
}

use super::Worker;
use crate::alert::Alert;
use crate::alert_policy::AlertPolicy;
use crate::delivery::{Channel, Claimed, MOST_ATTEMPTS};
use crate::mailer::Mail;
use crate::outbound::{Destination, Failure};
use crate::store::Sent;
use crate::text::cut;
use crate::webhook::parse_url;
use model::{Error, ErrorKind, Timestamp};
use proto::token_registry::{GetTokenRequest, Token};
use service_kit::status::from_status;
use std::time::Duration;

/// How long to leave it when the registry or the database is away.
const AWAY: Duration = Duration::from_secs(15);
/// How long one failure keeps the recipient's other messages waiting, at most.
const HELD_BACK: Duration = Duration::from_mins(5);

/// Whether a claimed delivery is still to be sent.
enum Judged {
    Due(Box<(AlertPolicy, Token)>),
    Cancelled,
    Withdrawn,
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
        match self.judge(claimed).await {
            Ok(Judged::Due(due)) => self.send(claimed, &due.0, &due.1, now).await,
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

    /// Looks at policy and token as they are now: refreshing a token ends the matter.
    async fn judge(&self, claimed: &Claimed) -> Result<Judged, Error> {
        let key = &claimed.key;
        let Some(policy) = self.store.find_policy(&key.account_id, &key.policy_id).await? else {
            return Ok(Judged::Withdrawn);
        };
        let recipients = match key.channel {
            Channel::Email => &policy.spec.emails,
            Channel::Webhook => &policy.spec.webhooks,
        };
        if !policy.covers(&key.account_id, &key.token_id) || !recipients.contains(&key.recipient) {
            return Ok(Judged::Withdrawn);
        }
        let request = GetTokenRequest { account_id: key.account_id.clone(), id: key.token_id.clone() };
        let token = match self.registry.clone().get_token(request).await.map_err(from_status) {
            Ok(answer) => {
                answer.into_inner().token.ok_or_else(|| Error::internal("an answer without a token"))?
            }
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Judged::Cancelled),
            Err(error) => return Err(error),
        };
        if token.expires_at_ms != key.expires_at_ms {
            return Ok(Judged::Cancelled);
        }
        Ok(if token.enabled { Judged::Due(Box::new((policy, token))) } else { Judged::Withdrawn })
    }

    async fn send(
        &self,
        claimed: &Claimed,
        policy: &AlertPolicy,
        token: &Token,
        now: Timestamp,
    ) -> Result<(), Error> {
        if claimed.attempt > MOST_ATTEMPTS {
            // Every sender that took it died with it.
            return self.give_up(claimed, "every attempt ended without an outcome", now).await;
        }
        let spec = &policy.spec;
        let alert = Alert { id: &claimed.id, policy, token, now };
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

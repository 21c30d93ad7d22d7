//! Whether a claimed delivery is still to be sent: policy and token as they are now.

use super::Worker;
use super::scan::inactivity;
use super::send::Due;
use crate::alert::About;
use crate::delivery::{AHEAD, Channel, Claimed, Key, Matter};
use model::{Error, ErrorKind, Timestamp};
use proto::token_registry::{GetTokenRequest, ListEndedTokensRequest, ListUnusedTokensRequest, Token};
use service_kit::status::from_status;

pub(super) enum Judged {
    Due(Box<Due>),
    Cancelled,
    Withdrawn,
}

/// What the registry says of a token.
enum Stands {
    As(Box<(Token, About)>),
    /// For good.
    Over,
    /// It may come back.
    Otherwise,
}

impl Worker {
    pub(super) async fn judge(&self, claimed: &Claimed, now: Timestamp) -> Result<Judged, Error> {
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
        let stands = match key.matter {
            Matter::Expiry => self.expiry(key).await?,
            Matter::Unused => self.unused(key, now).await?,
            Matter::Ended => self.ended(key).await?,
        };
        Ok(match stands {
            Stands::As(it) => {
                let (token, about) = *it;
                Judged::Due(Box::new(Due { policy, token, about }))
            }
            Stands::Over => Judged::Cancelled,
            Stands::Otherwise => Judged::Withdrawn,
        })
    }

    /// Refreshing a token ends the matter.
    async fn expiry(&self, key: &Key) -> Result<Stands, Error> {
        let request = GetTokenRequest { account_id: key.account_id.clone(), id: key.token_id.clone() };
        let token = match self.registry.clone().get_token(request).await.map_err(from_status) {
            Ok(answer) => {
                answer.into_inner().token.ok_or_else(|| Error::internal("an answer without a token"))?
            }
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Stands::Over),
            Err(error) => return Err(error),
        };
        Ok(match token.enabled {
            _ if token.expires_at_ms != key.expires_at_ms => Stands::Over,
            true => Stands::As(Box::new((token, About::Expiry))),
            false => Stands::Otherwise,
        })
    }

    /// Used, changed, named or ended, it is no longer about to be ended.
    async fn unused(&self, key: &Key, now: Timestamp) -> Result<Stands, Error> {
        let request = ListUnusedTokensRequest {
            before_ms: now.after(AHEAD).as_millis(),
            token_id: key.token_id.clone(),
            ..ListUnusedTokensRequest::default()
        };
        let found = self.registry.clone().list_unused_tokens(request).await.map_err(from_status)?;
        let found = found.into_inner().tokens.into_iter().find(|it| it.due_at_ms == key.expires_at_ms);
        let about = |it: &proto::token_registry::UnusedToken| {
            About::Unused(inactivity(it.ends_at_ms, it.action(), it.threshold_days))
        };
        let stands = found.and_then(|it| Some(Stands::As(Box::new((it.token.clone()?, about(&it))))));
        Ok(stands.unwrap_or(Stands::Otherwise))
    }

    /// It happened, whatever was done with the token since.
    async fn ended(&self, key: &Key) -> Result<Stands, Error> {
        let request = ListEndedTokensRequest {
            since_ms: key.expires_at_ms,
            token_id: key.token_id.clone(),
            ..ListEndedTokensRequest::default()
        };
        let found = self.registry.clone().list_ended_tokens(request).await.map_err(from_status)?;
        let found = found.into_inner().tokens.into_iter().find(|it| it.ended_at_ms == key.expires_at_ms);
        let about = |it: &proto::token_registry::EndedToken| {
            About::Ended(inactivity(it.ended_at_ms, it.action(), it.threshold_days))
        };
        let stands = found.and_then(|it| Some(Stands::As(Box::new((it.token.clone()?, about(&it))))));
        Ok(stands.unwrap_or(Stands::Over))
    }
}

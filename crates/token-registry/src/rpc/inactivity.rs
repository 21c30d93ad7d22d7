//! Unused tokens are disabled or deleted, some at a time.

use super::Rpc;
use crate::store::{End, MARGIN, Only, Rule, Turn};
use crate::token::Token;
use change_feed::Wait;
use metrics::counter;
use model::{AccountId, Error, ErrorKind, Timestamp};
use proto::audit::Actor;
use proto::token_registry::{EndInactiveTokensRequest, EndInactiveTokensResponse, InactivityAction};
use service_kit::actor;
use std::time::Duration;

/// Tokens of one round.
const BATCH: i64 = 50;
const DAY: Duration = Duration::from_hours(24);

/// In whose name the changes are recorded.
fn inactivity() -> Actor {
    Actor {
        kind: "service".to_owned(),
        id: "inactivity".to_owned(),
        name: "inactivity".to_owned(),
        ..Actor::default()
    }
}

fn read(request: &EndInactiveTokensRequest) -> Result<Rule<'_>, Error> {
    let EndInactiveTokensRequest { account_id, threshold_days, action: _ } = request;
    account_id.parse::<AccountId>()?;
    if !(30..=365).contains(threshold_days) {
        return Err(Error::invalid("threshold_days", "must be 30-365"));
    }
    let deletes = match request.action() {
        InactivityAction::Disable => false,
        InactivityAction::Delete => true,
        InactivityAction::Unspecified => return Err(Error::invalid("action", "must be disable or delete")),
    };
    Ok(Rule { account_id, threshold_days: *threshold_days, deletes })
}

impl Rpc {
    pub(super) async fn end_inactive_tokens(
        &self,
        request: EndInactiveTokensRequest,
    ) -> Result<EndInactiveTokensResponse, Error> {
        let rule = read(&request)?;
        let now = self.store.cautious_now().await?;
        match self.store.state_rule(&rule, now).await? {
            Turn::Begins(at) => {
                Ok(EndInactiveTokensResponse { ended: 0, begins_at_ms: Some(at.as_millis()) })
            }
            Turn::Taken => Ok(EndInactiveTokensResponse::default()),
            Turn::Mine => {
                let ended = actor::scope(inactivity(), self.end_unused(&rule, now)).await?;
                Ok(EndInactiveTokensResponse { ended, begins_at_ms: None })
            }
        }
    }

    async fn end_unused(&self, rule: &Rule<'_>, now: Timestamp) -> Result<u32, Error> {
        let threshold = DAY.saturating_mul(rule.threshold_days).saturating_add(MARGIN);
        let since = Timestamp::from_millis(
            now.as_millis().saturating_sub(i64::try_from(threshold.as_millis()).unwrap_or(i64::MAX)),
        );
        self.store.forget_ended(now).await?;
        let mut ended = 0;
        for id in self.store.unused_since(rule, since, BATCH).await? {
            match self.end_one(End { rule, since, at: now }, &id).await {
                Ok(token) => {
                    ended += 1;
                    let action = if rule.deletes { "delete" } else { "disable" };
                    counter!("sallyport_unused_tokens_ended_total", "action" => action).increment(1);
                    tracing::warn!(
                        token_id = token.id,
                        client_id = token.client_id,
                        account_id = token.account_id,
                        threshold_days = rule.threshold_days,
                        deleted = rule.deletes,
                        "unused token ended"
                    );
                }
                // Used, named, changed or gone since it was looked for.
                Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(ended)
    }

    /// Judged again in the transaction that ends it.
    async fn end_one(&self, end: End<'_>, id: &str) -> Result<Token, Error> {
        let (rule, account, only) = (end.rule, end.rule.account_id, Only::Unused(end));
        let (token, appended) = if rule.deletes {
            self.store.delete_only(only, account, id).await?
        } else {
            let now = self.clock.now();
            let disable = |token: &mut Token, position| {
                token.set_enabled(false, position);
                token.updated_at_ms = now.as_millis();
                Ok(())
            };
            let ((), token, appended) = self.store.modify_only(only, "update", account, id, disable).await?;
            (token, appended)
        };
        self.feed.announce(appended, Wait::None).await;
        Ok(token)
    }
}

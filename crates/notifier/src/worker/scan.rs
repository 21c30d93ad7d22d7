use super::Worker;
use crate::alert::Inactivity;
use crate::alert_policy::AlertPolicy;
use crate::delivery::{AHEAD, Channel, Key, LOOK_BACK, Matter};
use model::{Error, Timestamp};
use proto::token_registry::{
    InactivityAction, ListEndedTokensRequest, ListExpiringTokensRequest, ListUnusedTokensRequest, Token,
};
use service_kit::status::from_status;
use std::collections::HashMap;

/// Tokens asked for at once.
const PAGE: u32 = 500;

/// As much as clocks may differ.
const SKEW_MS: i64 = 60_000;

/// The policies of each account that was met.
type Policies = HashMap<String, Vec<AlertPolicy>>;

/// A token, and when what is to be told of it happens or happened.
struct Found {
    token: Token,
    at_ms: i64,
}

/// Asks for page after page of `$list`, and schedules what `$found` makes of each entry.
macro_rules! each_page {
    ($worker:ident.$list:ident($request:expr), $matter:expr, $now:expr, $policies:expr, $found:expr) => {{
        let (mut scheduled, mut request) = (0, $request);
        request.page_size = PAGE;
        loop {
            let page =
                $worker.registry.clone().$list(request.clone()).await.map_err(from_status)?.into_inner();
            let found: Vec<Found> = page.tokens.into_iter().filter_map($found).collect();
            scheduled += $worker.schedule($matter, &found, $now, $policies).await?;
            if page.next_page_token.is_empty() {
                break scheduled;
            }
            request.page_token = page.next_page_token;
        }
    }};
}

impl Worker {
    /// Everything there is to find.
    pub(super) async fn scan(&self) -> Result<u64, Error> {
        Ok(self.scan_dated().await? + self.scan_unused().await?)
    }

    /// Schedules a delivery for every enabled policy and recipient of every token that expires within a week, and has
    /// not expired; and of every token that was ended because nobody used it. Answers how many are new.
    pub(super) async fn scan_dated(&self) -> Result<u64, Error> {
        let (now, mut policies) = (self.store.now(self.clock.as_ref()).await?, Policies::new());
        let request =
            ListExpiringTokensRequest { before_ms: now.after(AHEAD).as_millis(), ..Default::default() };
        // One that expired before anybody looked is not worth an alarm: its users have noticed.
        let expires = |token: Token| {
            let at_ms = token.expires_at_ms;
            (token.enabled && at_ms > now.as_millis()).then_some(Found { token, at_ms })
        };
        let expiring =
            each_page!(self.list_expiring_tokens(request), Matter::Expiry, now, &mut policies, expires);
        self.wake_if(expiring);

        let look_back = i64::try_from(LOOK_BACK.as_millis()).unwrap_or(i64::MAX);
        let since_ms = now.as_millis().saturating_sub(look_back);
        let request = ListEndedTokensRequest { since_ms, ..Default::default() };
        let end =
            |it: proto::token_registry::EndedToken| Some(Found { token: it.token?, at_ms: it.ended_at_ms });
        let ended = each_page!(self.list_ended_tokens(request), Matter::Ended, now, &mut policies, end);
        self.wake_if(ended);
        Ok(expiring + ended)
    }

    /// The same of every token that is to be ended within a week because nobody uses it. The registry looks at all old
    /// tokens for this.
    pub(super) async fn scan_unused(&self) -> Result<u64, Error> {
        let (now, mut policies) = (self.store.now(self.clock.as_ref()).await?, Policies::new());
        let request =
            ListUnusedTokensRequest { before_ms: now.after(AHEAD).as_millis(), ..Default::default() };
        let due =
            |it: proto::token_registry::UnusedToken| Some(Found { token: it.token?, at_ms: it.due_at_ms });
        let unused = each_page!(self.list_unused_tokens(request), Matter::Unused, now, &mut policies, due);
        self.wake_if(unused);
        Ok(unused)
    }

    fn wake_if(&self, scheduled: u64) {
        if scheduled > 0 {
            self.wake_mail.notify_one();
            self.wake_webhook.notify_one();
        }
    }

    async fn schedule(
        &self,
        matter: Matter,
        found: &[Found],
        now: Timestamp,
        policies: &mut Policies,
    ) -> Result<u64, Error> {
        let mut due = Vec::new();
        for found in found {
            let Token { id, account_id, .. } = &found.token;
            if !policies.contains_key(account_id) {
                let listed = self.store.list_policies(account_id).await?;
                policies.insert(account_id.clone(), listed);
            }
            let policies = policies.get(account_id).into_iter().flatten();
            // Who asks to be told from now on is not told of what is over.
            let is_news = |policy: &&AlertPolicy| {
                matter != Matter::Ended || policy.created_at_ms <= found.at_ms + SKEW_MS
            };
            let policies = policies.filter(|policy| policy.covers(account_id, id)).filter(is_news);
            due.extend(policies.flat_map(|policy| keys(policy, matter, found)));
        }
        let moments = || due.iter().map(|key: &Key| key.expires_at_ms);
        let (Some(first), Some(last)) = (moments().min(), moments().max()) else { return Ok(0) };
        // One read instead of thousands of inserts that would change nothing.
        let known = self.store.known_deliveries(first, last).await?;
        due.retain(|key| !known.contains(&key.id()));
        self.store.schedule(&due, now).await
    }

    /// One batch of old history; the next scan takes the next.
    pub(super) async fn forget(&self) -> Result<u64, Error> {
        let now = self.store.now(self.clock.as_ref()).await?;
        self.store.forget(now).await
    }
}

pub(super) fn inactivity(at_ms: i64, action: InactivityAction, threshold_days: u32) -> Inactivity {
    Inactivity { at_ms, threshold_days, deletes: action == InactivityAction::Delete }
}

fn keys<'a>(policy: &'a AlertPolicy, matter: Matter, found: &'a Found) -> impl Iterator<Item = Key> + 'a {
    let emails = policy.spec.emails.iter().map(|email| (Channel::Email, email));
    let webhooks = policy.spec.webhooks.iter().map(|webhook| (Channel::Webhook, webhook));
    emails.chain(webhooks).map(move |(channel, recipient)| Key {
        account_id: found.token.account_id.clone(),
        policy_id: policy.id.clone(),
        token_id: found.token.id.clone(),
        matter,
        expires_at_ms: found.at_ms,
        channel,
        recipient: recipient.clone(),
    })
}

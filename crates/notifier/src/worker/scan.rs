use super::Worker;
use crate::alert_policy::AlertPolicy;
use crate::delivery::{AHEAD, Channel, Key};
use model::{Error, Timestamp};
use proto::token_registry::{ListExpiringTokensRequest, Token};
use service_kit::status::from_status;
use std::collections::HashMap;

/// Tokens asked for at once.
const PAGE: u32 = 500;

impl Worker {
    /// Schedules a delivery for every enabled policy and recipient of every token that expires within a week, and has
    /// not expired. Answers how many are new.
    pub(super) async fn scan(&self) -> Result<u64, Error> {
        let now = self.store.now(self.clock.as_ref()).await?;
        let before_ms = now.after(AHEAD).as_millis();
        let (mut scheduled, mut page_token) = (0, String::new());
        let mut policies = HashMap::new();
        loop {
            let request = ListExpiringTokensRequest { before_ms, page_token, page_size: PAGE };
            let page = self.registry.clone().list_expiring_tokens(request).await.map_err(from_status)?;
            let page = page.into_inner();
            scheduled += self.schedule(&page.tokens, now, &mut policies).await?;
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        if scheduled > 0 {
            self.wake_mail.notify_one();
            self.wake_webhook.notify_one();
        }
        Ok(scheduled)
    }

    async fn schedule(
        &self,
        tokens: &[Token],
        now: Timestamp,
        policies: &mut HashMap<String, Vec<AlertPolicy>>,
    ) -> Result<u64, Error> {
        let mut due = Vec::new();
        // One that expired before anybody looked is not worth an alarm: its users have noticed.
        for token in tokens.iter().filter(|token| token.enabled && token.expires_at_ms > now.as_millis()) {
            if !policies.contains_key(&token.account_id) {
                let listed = self.store.list_policies(&token.account_id).await?;
                policies.insert(token.account_id.clone(), listed);
            }
            let policies = policies.get(&token.account_id).into_iter().flatten();
            due.extend(
                policies.filter(|p| p.covers(&token.account_id, &token.id)).flat_map(|p| keys(p, token)),
            );
        }
        let expiries = || due.iter().map(|key| key.expires_at_ms);
        let (Some(first), Some(last)) = (expiries().min(), expiries().max()) else { return Ok(0) };
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

fn keys<'a>(policy: &'a AlertPolicy, token: &'a Token) -> impl Iterator<Item = Key> + 'a {
    let emails = policy.spec.emails.iter().map(|email| (Channel::Email, email));
    let webhooks = policy.spec.webhooks.iter().map(|webhook| (Channel::Webhook, webhook));
    emails.chain(webhooks).map(|(channel, recipient)| Key {
        account_id: token.account_id.clone(),
        policy_id: policy.id.clone(),
        token_id: token.id.clone(),
        expires_at_ms: token.expires_at_ms,
        channel,
        recipient: recipient.clone(),
    })
}

use super::{Rpc, convert, new_id};
use crate::alert::test_message;
use crate::alert_policy::{all_fine, check_account};
use crate::outbound::{Destination, Failure};
use crate::text::check_name;
use crate::webhook::{Kind, Webhook, check_secret, parse_url};
use model::{Error, ErrorKind, Violation};
use proto::notifier as pb;
use reqwest::Url;
use zeroize::Zeroizing;

impl Rpc {
    pub(super) async fn create_webhook(
        &self,
        request: pb::CreateWebhookRequest,
    ) -> Result<pb::CreateWebhookResponse, Error> {
        let pb::CreateWebhookRequest { account_id, name, url, secret } = request;
        check_account(&account_id)?;
        let secret = secret.map(Zeroizing::new).filter(|secret| !secret.is_empty());
        let parsed = self.check(&name, &url, secret.as_ref().map(|secret| secret.as_str()))?;
        let kind = Kind::of(&parsed);
        self.test(&parsed, kind, secret.as_ref().map(|secret| secret.as_str())).await?;
        let now = self.clock.now().as_millis();
        let webhook = Webhook {
            id: new_id(),
            account_id,
            name,
            url,
            kind,
            created_at_ms: now,
            last_success_at_ms: Some(now),
            last_failure_at_ms: None,
        };
        let sealed = secret.map(|secret| self.secrets.seal(&webhook.id, &secret)).transpose()?;
        self.store.create_webhook(&webhook, sealed.as_deref()).await?;
        Ok(pb::CreateWebhookResponse { webhook: Some(convert::webhook(webhook)) })
    }

    pub(super) async fn get_webhook(
        &self,
        request: pb::GetWebhookRequest,
    ) -> Result<pb::GetWebhookResponse, Error> {
        let pb::GetWebhookRequest { account_id, id } = request;
        let (webhook, _) = self.store.get_webhook(&account_id, &id).await?;
        Ok(pb::GetWebhookResponse { webhook: Some(convert::webhook(webhook)) })
    }

    pub(super) async fn list_webhooks(
        &self,
        request: pb::ListWebhooksRequest,
    ) -> Result<pb::ListWebhooksResponse, Error> {
        let pb::ListWebhooksRequest { account_id } = request;
        check_account(&account_id)?;
        let webhooks = self.store.list_webhooks(&account_id).await?;
        Ok(pb::ListWebhooksResponse { webhooks: webhooks.into_iter().map(convert::webhook).collect() })
    }

    /// A new URL or secret is tested as at creation. A secret never follows to another origin: whoever may change the
    /// URL must not learn it that way.
    pub(super) async fn update_webhook(
        &self,
        request: pb::UpdateWebhookRequest,
    ) -> Result<pb::UpdateWebhookResponse, Error> {
        let pb::UpdateWebhookRequest { account_id, id, name, url, secret } = request;
        let given = secret.map(Zeroizing::new);
        let (stored, sealed) = self.store.get_webhook(&account_id, &id).await?;
        let name = name.unwrap_or_else(|| stored.name.clone());
        let url = url.unwrap_or_else(|| stored.url.clone());
        let parsed = self.check(&name, &url, given.as_ref().map(|secret| secret.as_str()))?;
        let is_same_origin = parse_url(&stored.url).is_ok_and(|before| before.origin() == parsed.origin());
        let known = || sealed.as_ref().filter(|_| is_same_origin);
        let secret = match &given {
            Some(secret) => Some(secret.clone()).filter(|secret| !secret.is_empty()),
            None => known().map(|sealed| self.secrets.open(&id, sealed)).transpose()?,
        };
        let kind = Kind::of(&parsed);
        let mut webhook = Webhook { name, url, kind, ..stored.clone() };
        if webhook.url != stored.url || given.is_some() {
            self.test(&parsed, kind, secret.as_ref().map(|secret| secret.as_str())).await?;
        }
        let resealed = match (&given, &secret) {
            (None, Some(_)) => sealed.clone(),
            (_, Some(secret)) => Some(self.secrets.seal(&id, secret)?),
            (_, None) => None,
        };
        let (before, after) = ((&stored, sealed.as_deref()), (&webhook, resealed.as_deref()));
        self.store.update_webhook(before, after, self.clock.now()).await?;
        if webhook.url != stored.url || given.is_some() {
            let now = self.clock.now();
            self.store.record_webhook(&id, true, now).await?;
            webhook.last_success_at_ms = Some(now.as_millis());
        }
        Ok(pb::UpdateWebhookResponse { webhook: Some(convert::webhook(webhook)) })
    }

    pub(super) async fn delete_webhook(
        &self,
        request: pb::DeleteWebhookRequest,
    ) -> Result<pb::DeleteWebhookResponse, Error> {
        let pb::DeleteWebhookRequest { account_id, id } = request;
        self.store.delete_webhook(&account_id, &id, self.clock.now()).await?;
        Ok(pb::DeleteWebhookResponse {})
    }

    fn check(&self, name: &str, url: &str, secret: Option<&str>) -> Result<Url, Error> {
        let mut violations = Vec::from_iter(check_name(name));
        violations.extend(secret.and_then(check_secret));
        let parsed = parse_url(url)
            .and_then(|url| if self.outbound.names_private_address(&url) { Err(private()) } else { Ok(url) });
        match parsed {
            Ok(url) => all_fine(violations).map(|()| url),
            Err(broken) => {
                violations.push(broken);
                all_fine(violations).and(Err(Error::internal("a broken rule was lost")))
            }
        }
    }

    /// Proves that the destination takes messages, before anything is stored.
    async fn test(&self, url: &Url, kind: Kind, secret: Option<&str>) -> Result<(), Error> {
        let failure = match self.outbound.post(&Destination { url, kind, secret }, &test_message(kind)).await
        {
            Ok(()) => return Ok(()),
            Err(failure) => failure,
        };
        if failure == Failure::Private {
            let Violation { field, rule } = private();
            return Err(Error::invalid(field, rule));
        }
        let error = Error::new(
            ErrorKind::Unavailable,
            "WEBHOOK_TEST_FAILED",
            format!("the test message failed: {failure}"),
        );
        Err(match failure {
            Failure::Unreachable(cause) => error.with_cause(cause),
            _ => error,
        })
    }
}

fn private() -> Violation {
    Violation { field: "url".to_owned(), rule: "must lead to a public address".to_owned() }
}

//! The service as its callers see it: through `build`, its default callers and a generated client.

use crate::fixture::{self, ACCOUNT, Receiver, World};
use crate::{Config, Deps, SecretsKey, build, default_callers};
use model::{Error, ErrorKind};
use proto::notifier as pb;
use proto::notifier::notifier_client::NotifierClient;
use service_kit::status::from_status;
use service_kit::{GrpcChannel, assembly};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

struct Service {
    world: World,
    client: NotifierClient<GrpcChannel>,
    routes: tonic::service::Routes,
    workers: Vec<service_kit::Worker>,
}

impl Service {
    async fn start(allow_private_webhooks: bool) -> Self {
        let world = World::new().await;
        let config = Config {
            listen: "127.0.0.1:0".parse().unwrap(),
            operations: None,
            database: String::new(),
            secrets_key: "unused".into(),
            mailer: String::new(),
            mailer_authority: None,
            from: String::new(),
            scan_interval: Duration::from_hours(1),
            allow_private_webhooks,
            bus: None,
            access_log: crate::config::AccessLog::default(),
            callers: default_callers(),
        };
        let deps = Deps {
            database: fixture::sqlite(&world.folder, "notifier").await,
            clock: world.clock.clone(),
            mailer: world.mailer(),
            token_registry: world.registry.clone(),
            secrets_key: SecretsKey::new(&[9; 32]).unwrap(),
            bus: None,
        };
        let assembly = build(&config, deps).await.unwrap();
        let channel = GrpcChannel::local(assembly.routes.clone(), default_callers(), "admin-api");
        let (routes, workers) = (assembly.routes, assembly.workers);
        Self { world, client: NotifierClient::new(channel), routes, workers }
    }

    async fn create_webhook(&self, url: &str, secret: Option<&str>) -> Result<pb::Webhook, Error> {
        let request = pb::CreateWebhookRequest {
            account_id: ACCOUNT.to_owned(),
            name: "chat".to_owned(),
            url: url.to_owned(),
            secret: secret.map(str::to_owned),
        };
        let answer = self.client.clone().create_webhook(request).await.map_err(from_status)?;
        Ok(answer.into_inner().webhook.unwrap())
    }

    async fn update_webhook(&self, request: pb::UpdateWebhookRequest) -> Result<pb::Webhook, Error> {
        let request = pb::UpdateWebhookRequest { account_id: ACCOUNT.to_owned(), ..request };
        let answer = self.client.clone().update_webhook(request).await.map_err(from_status)?;
        Ok(answer.into_inner().webhook.unwrap())
    }

    async fn webhooks(&self) -> Vec<pb::Webhook> {
        let request = pb::ListWebhooksRequest { account_id: ACCOUNT.to_owned() };
        self.client.clone().list_webhooks(request).await.unwrap().into_inner().webhooks
    }

    async fn create_policy(&self, spec: pb::AlertPolicySpec) -> Result<pb::AlertPolicy, Error> {
        let request = pb::CreateAlertPolicyRequest { account_id: ACCOUNT.to_owned(), spec: Some(spec) };
        let answer = self.client.clone().create_alert_policy(request).await.map_err(from_status)?;
        Ok(answer.into_inner().policy.unwrap())
    }
}

fn spec(email: &[&str], webhooks: &[&str]) -> pb::AlertPolicySpec {
    let owned = |list: &[&str]| list.iter().map(|item| (*item).to_owned()).collect();
    pb::AlertPolicySpec {
        name: "on call".to_owned(),
        alert_type: "expiring_service_token_alert".to_owned(),
        enabled: true,
        mechanisms: Some(pb::Mechanisms { email: owned(email), webhooks: owned(webhooks) }),
        settings_json: r#"{"mechanisms":{"pagerduty":[]}}"#.to_owned(),
        ..pb::AlertPolicySpec::default()
    }
}

fn fields(error: &Error) -> Vec<&str> {
    error.violations().iter().map(|violation| violation.field.as_str()).collect()
}

#[tokio::test]
async fn a_policy_lives_from_creation_to_deletion() {
    let service = Service::start(true).await;
    let mut client = service.client.clone();
    let created = service.create_policy(spec(&["a@example.com"], &[])).await.unwrap();
    assert!(created.id.len() == 32 && created.id.bytes().all(|b| b.is_ascii_hexdigit()));
    assert_eq!(created.spec, Some(spec(&["a@example.com"], &[])));
    let (account_id, id) = (ACCOUNT.to_owned(), created.id.clone());
    let get = pb::GetAlertPolicyRequest { account_id: account_id.clone(), id: id.clone() };
    assert_eq!(client.get_alert_policy(get.clone()).await.unwrap().into_inner().policy.unwrap(), created);
    let list = pb::ListAlertPoliciesRequest { account_id: account_id.clone() };
    assert_eq!(
        client.list_alert_policies(list).await.unwrap().into_inner().policies,
        std::slice::from_ref(&created)
    );

    service.world.clock.advance(Duration::from_secs(1));
    let token_ids = vec![model::TokenId::random().to_string()];
    let filter = pb::update_alert_policy_request::TokenFilter { token_ids: token_ids.clone() };
    let update = pb::UpdateAlertPolicyRequest {
        account_id: account_id.clone(),
        id: id.clone(),
        name: Some("new".to_owned()),
        filter: Some(filter),
        ..pb::UpdateAlertPolicyRequest::default()
    };
    let updated = client.update_alert_policy(update.clone()).await.unwrap().into_inner().policy.unwrap();
    let wanted = pb::AlertPolicySpec { name: "new".to_owned(), token_ids, ..created.spec.clone().unwrap() };
    assert_eq!(updated.spec, Some(wanted));
    assert_eq!(
        (updated.created_at_ms, updated.modified_at_ms),
        (created.created_at_ms, created.created_at_ms + 1000)
    );
    let nobody = Some(pb::Mechanisms::default());
    let bad = client.update_alert_policy(pb::UpdateAlertPolicyRequest { mechanisms: nobody, ..update }).await;
    assert_eq!(fields(&from_status(bad.unwrap_err())), ["mechanisms"]);
    assert_eq!(client.get_alert_policy(get.clone()).await.unwrap().into_inner().policy.unwrap(), updated);

    let delete = pb::DeleteAlertPolicyRequest { account_id, id };
    client.delete_alert_policy(delete.clone()).await.unwrap();
    for gone in [client.delete_alert_policy(delete).await.err(), client.get_alert_policy(get).await.err()] {
        assert_eq!(from_status(gone.unwrap()).kind(), ErrorKind::NotFound);
    }
}

#[tokio::test]
async fn broken_fields_are_named_and_nothing_is_stored() {
    let service = Service::start(true).await;
    let unknown = "f".repeat(32);
    for (broken, field) in [
        (pb::AlertPolicySpec { name: String::new(), ..spec(&["a@example.com"], &[]) }, "name"),
        (pb::AlertPolicySpec { alert_type: "x".to_owned(), ..spec(&["a@example.com"], &[]) }, "alert_type"),
        (
            pb::AlertPolicySpec { token_ids: vec!["x".to_owned()], ..spec(&["a@example.com"], &[]) },
            "filters/token_id/0",
        ),
        (spec(&[], &[]), "mechanisms"),
        (spec(&["nobody"], &[]), "mechanisms/email/0/id"),
        (spec(&[], &[&unknown]), "mechanisms/webhooks/0/id"),
        (spec(&[], &["not an id"]), "mechanisms/webhooks/0/id"),
    ] {
        let error = service.create_policy(broken).await.unwrap_err();
        assert_eq!((error.kind(), fields(&error)), (ErrorKind::Invalid, vec![field]));
    }
    let all_at_once = pb::AlertPolicySpec::default();
    assert_eq!(
        fields(&service.create_policy(all_at_once).await.unwrap_err()),
        ["name", "alert_type", "mechanisms"]
    );
    assert!(service.world.store.list_policies(ACCOUNT).await.unwrap().is_empty());
    let request = pb::CreateAlertPolicyRequest { account_id: "acme".to_owned(), spec: None };
    let error = from_status(service.client.clone().create_alert_policy(request).await.unwrap_err());
    assert_eq!(fields(&error), ["account_id"]);
}

#[tokio::test]
async fn a_webhook_is_stored_once_it_took_the_test_message() {
    let service = Service::start(true).await;
    let receiver = Receiver::start(&[500, 200]).await;
    let error = service.create_webhook(&receiver.url, Some("hunter2")).await.unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Unavailable, "WEBHOOK_TEST_FAILED"));
    assert!(error.message().contains("500") && !error.message().contains("nobody should see"), "{error}");
    assert!(service.webhooks().await.is_empty());

    let webhook = service.create_webhook(&receiver.url, Some("hunter2")).await.unwrap();
    assert_eq!((webhook.r#type.as_str(), webhook.last_failure_at_ms), ("generic", None));
    assert_eq!(webhook.last_success_at_ms, Some(service.world.clock_ms()));
    let test = receiver.received().pop().unwrap();
    assert_eq!(test.headers["cf-webhook-auth"], "hunter2");
    assert_eq!(test.body.as_object().unwrap().keys().collect::<Vec<_>>(), ["text"]);
    assert_eq!(service.webhooks().await, [webhook]);
    for entry in std::fs::read_dir(service.world.folder.path()).unwrap().map(Result::unwrap) {
        let bytes = if entry.path().is_file() { std::fs::read(entry.path()).unwrap() } else { Vec::new() };
        assert!(!bytes.windows(7).any(|window| window == b"hunter2"), "{:?}", entry.path());
    }
}

#[tokio::test]
async fn a_webhooks_broken_fields_are_named() {
    let service = Service::start(false).await;
    for (url, secret, field) in [
        ("", None, "url"),
        ("ftp://example.com", None, "url"),
        ("http://169.254.169.254/latest/meta-data", None, "url"),
        ("http://2130706433/", None, "url"),
        ("http://localhost:1/", None, "url"),
        ("https://user:pw@example.com/", None, "url"),
        ("https://example.com/", Some("a\r\nX-Evil: 1"), "secret"),
    ] {
        let error = service.create_webhook(url, secret).await.unwrap_err();
        assert_eq!((error.kind(), fields(&error)), (ErrorKind::Invalid, vec![field]), "{url}");
    }
    assert!(service.webhooks().await.is_empty());
}

#[tokio::test]
async fn a_changed_webhook_is_tested_and_its_secret_stays_with_its_origin() {
    let service = Service::start(true).await;
    let (home, elsewhere) = (Receiver::start(&[200]).await, Receiver::start(&[200, 500]).await);
    let created = service.create_webhook(&home.url, Some("hunter2")).await.unwrap();
    let update = |name: Option<&str>, url: Option<String>, secret: Option<&str>| pb::UpdateWebhookRequest {
        id: created.id.clone(),
        name: name.map(str::to_owned),
        url,
        secret: secret.map(str::to_owned),
        ..pb::UpdateWebhookRequest::default()
    };
    let renamed = service.update_webhook(update(Some("new"), Some(home.url.clone()), None)).await.unwrap();
    assert_eq!((renamed.name.as_str(), home.received().len()), ("new", 1), "a name needs no test");

    service.update_webhook(update(None, Some(format!("{}/2", home.url)), None)).await.unwrap();
    assert_eq!(home.received().pop().unwrap().headers["cf-webhook-auth"], "hunter2");
    service.update_webhook(update(None, Some(elsewhere.url.clone()), None)).await.unwrap();
    assert!(elsewhere.received()[0].headers.get("cf-webhook-auth").is_none());

    let error = service.update_webhook(update(None, None, Some("new secret"))).await.unwrap_err();
    assert_eq!(error.reason(), "WEBHOOK_TEST_FAILED");
    assert_eq!(elsewhere.received()[1].headers["cf-webhook-auth"], "new secret");
    let (_, sealed) = service.world.store.get_webhook(ACCOUNT, &created.id).await.unwrap();
    assert_eq!(sealed, None, "a refused secret is not stored");
}

#[tokio::test]
async fn another_account_sees_and_changes_nothing() {
    let service = Service::start(true).await;
    let receiver = Receiver::start(&[200]).await;
    let webhook = service.create_webhook(&receiver.url, None).await.unwrap();
    let policy = service.create_policy(spec(&[], &[&webhook.id])).await.unwrap();
    let mut client = service.client.clone();
    let other = "f".repeat(32);
    let (account_id, id) = (other.clone(), webhook.id.clone());
    let get = client.get_webhook(pb::GetWebhookRequest { account_id, id }).await.err();
    let (account_id, id) = (other.clone(), webhook.id.clone());
    let delete = client.delete_webhook(pb::DeleteWebhookRequest { account_id, id }).await.err();
    let (account_id, id) = (other.clone(), webhook.id.clone());
    let update = pb::UpdateWebhookRequest { account_id, id, ..pb::UpdateWebhookRequest::default() };
    let update = client.update_webhook(update).await.err();
    let (account_id, id) = (other.clone(), policy.id.clone());
    let get_policy = client.get_alert_policy(pb::GetAlertPolicyRequest { account_id, id }).await.err();
    for refused in [get, delete, update, get_policy] {
        assert_eq!(from_status(refused.unwrap()).kind(), ErrorKind::NotFound);
    }
    let named =
        pb::CreateAlertPolicyRequest { account_id: other.clone(), spec: Some(spec(&[], &[&webhook.id])) };
    let error = from_status(client.create_alert_policy(named).await.unwrap_err());
    assert_eq!(fields(&error), ["mechanisms/webhooks/0/id"]);

    let own = pb::DeleteWebhookRequest { account_id: ACCOUNT.to_owned(), id: webhook.id };
    let error = from_status(client.delete_webhook(own).await.unwrap_err());
    assert_eq!((error.kind(), error.reason()), (ErrorKind::NotReady, "WEBHOOK_IN_USE"));
}

#[tokio::test]
async fn only_listed_callers_are_served() {
    let service = Service::start(true).await;
    for stranger in ["edge-gateway", "session-issuer", ""] {
        let channel = GrpcChannel::local(service.routes.clone(), default_callers(), stranger);
        let request = pb::ListWebhooksRequest { account_id: ACCOUNT.to_owned() };
        let refused = NotifierClient::new(channel).list_webhooks(request).await.unwrap_err();
        assert_eq!(from_status(refused).kind(), ErrorKind::Denied);
    }
}

#[tokio::test]
async fn a_new_policy_is_acted_on_at_once_and_shown_in_the_history() {
    let mut service = Service::start(true).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(assembly::run(std::mem::take(&mut service.workers), stop.clone()));
    let receiver = Receiver::start(&[200]).await;
    let webhook = service.create_webhook(&receiver.url, None).await.unwrap();
    let token = service.world.create_token("build", "100h").await;
    let policy = service.create_policy(spec(&[], &[&webhook.id])).await.unwrap();
    let alert = receiver.until(2).await.pop().unwrap();
    assert_eq!(alert.body["policy_id"], policy.id);
    assert_eq!(alert.body["data"]["service_token_id"], token.id);
    let history =
        pb::ListHistoryRequest { account_id: ACCOUNT.to_owned(), ..pb::ListHistoryRequest::default() };
    service.world.until_sent(1).await;
    let answer = service.client.clone().list_history(history).await.unwrap().into_inner();
    assert_eq!((answer.deliveries.len(), answer.total_count), (1, 1));
    let delivery = answer.deliveries.into_iter().next().unwrap();
    assert_eq!((delivery.name.as_str(), delivery.mechanism_type.as_str()), ("on call", "webhook"));
    assert_eq!((delivery.mechanism, delivery.policy_id), (webhook.id, policy.id));
    stop.cancel();
    running.await.unwrap().unwrap();
}

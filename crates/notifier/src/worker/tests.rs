//! One notifier at work, on a clock that moves when told to.

mod inactivity;
mod replicas;

use super::*;
use crate::alert_policy::Spec;
use crate::delivery::{CLAIM, MOST_ATTEMPTS};
use crate::fixture::{self, ACCOUNT, Receiver, World};
use proto::token_registry::{DeleteTokenRequest, RefreshTokenRequest, Token, UpdateTokenRequest};
use service_kit::Callers;
use tonic::service::Routes;

const DAY: Duration = Duration::from_hours(24);

impl Worker {
    /// Finds and sends all that is due now. Answers how many deliveries were in hand.
    async fn run_once(&self) -> usize {
        self.scan().await.unwrap();
        self.send_due().await
    }

    async fn send_due(&self) -> usize {
        let mut count = 0;
        for channel in [Channel::Email, Channel::Webhook] {
            while let Some(claimed) = self.claim(channel).await.unwrap() {
                self.deliver(claimed).await;
                count += 1;
            }
        }
        count
    }
}

async fn tell(world: &World, emails: &[&str], webhooks: &[&str]) {
    world.store.create_policy(&fixture::policy("policy", emails, webhooks)).await.unwrap();
}

async fn change(world: &World, change: impl FnOnce(&mut Spec)) {
    let changed = |mut spec: Spec| {
        change(&mut spec);
        Ok(spec)
    };
    world.store.update_policy(ACCOUNT, "policy", world.now(), changed).await.unwrap();
}

async fn enable(world: &World, token: &Token, enabled: bool) {
    let (account_id, id) = (token.account_id.clone(), token.id.clone());
    let request =
        UpdateTokenRequest { account_id, id, enabled: Some(enabled), ..UpdateTokenRequest::default() };
    world.registry.clone().update_token(request).await.unwrap();
}

async fn refresh(world: &World, token: &Token) {
    let (account_id, id) = (token.account_id.clone(), token.id.clone());
    let request = RefreshTokenRequest { account_id, id, ..RefreshTokenRequest::default() };
    world.registry.clone().refresh_token(request).await.unwrap();
}

#[tokio::test]
async fn each_recipient_is_told_once_a_week_ahead_across_restarts() {
    let world = World::new().await;
    let receiver = Receiver::start(&[200]).await;
    world.webhook("hook", &receiver.url, Some("hunter2")).await;
    tell(&world, &["a@example.com", "b@example.com"], &["hook"]).await;
    let token = world.create_token("build agent", "192h").await;
    assert_eq!(world.worker().run_once().await, 0, "eight days ahead");
    world.clock.advance(DAY);
    assert_eq!(world.worker().run_once().await, 0, "to the millisecond a week ahead is not yet within it");
    world.clock.advance(Duration::from_mins(1));
    assert_eq!(world.worker().run_once().await, 3);
    for _ in 0..8 {
        world.clock.advance(DAY);
        assert_eq!(world.worker().run_once().await, 0);
    }

    assert_eq!(world.mails().len(), 2);
    let mail = world.mail(&world.mails()[0]);
    for part in
        ["build agent", &token.client_id, &token.id, ACCOUNT, "expires in 7 days", "Refresh", "Rotate"]
    {
        assert!(mail.contains(part), "{part} in {mail}");
    }
    let alerts = receiver.received();
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].headers["cf-webhook-auth"], "hunter2");
    assert_eq!(alerts[0].body["data"]["service_token_id"], token.id);
    assert_eq!(alerts[0].body["data"]["days_til_expiration"], 7);
    let history = world.history().await;
    assert_eq!(history.len(), 3);
    let webhook = history.iter().find(|row| row.mechanism_type == "webhook").unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&webhook.alert_body).unwrap(), alerts[0].body);
    assert_eq!(alerts[0].body["alert_correlation_id"], webhook.id);
    assert!(history.iter().all(|row| !row.alert_body.contains("hunter2")));
    assert!(world.store.get_webhook(ACCOUNT, "hook").await.unwrap().0.last_success_at_ms.is_some());
}

#[tokio::test]
async fn only_covered_tokens_are_told_of() {
    let world = World::new().await;
    tell(&world, &["a@example.com"], &[]).await;
    let (one, _two) = (world.create_token("one", "100h").await, world.create_token("two", "100h").await);
    let off = world.create_token("off", "100h").await;
    enable(&world, &off, false).await;
    change(&world, |spec| spec.enabled = false).await;
    assert_eq!(world.worker().run_once().await, 0);
    change(&world, |spec| (spec.enabled, spec.token_ids) = (true, vec![one.id.clone(), off.id.clone()]))
        .await;
    assert_eq!(world.worker().run_once().await, 1);
    assert!(world.mail(&world.mails()[0]).contains("\"one\""));
}

#[tokio::test]
async fn what_had_expired_is_not_told_but_what_was_pending_is() {
    let world = World::new().await;
    let receiver = Receiver::start(&[500, 200]).await;
    world.webhook("hook", &receiver.url, None).await;
    world.create_token("long gone", "1h").await;
    world.clock.advance(DAY);
    tell(&world, &[], &["hook"]).await;
    assert_eq!(world.worker().run_once().await, 0);
    world.create_token("just in time", "10s").await;
    assert_eq!(world.worker().run_once().await, 1);
    world.clock.advance(Duration::from_mins(1));
    assert_eq!(world.worker().run_once().await, 1);
    let last = receiver.received().pop().unwrap();
    assert_eq!(last.body["data"]["days_til_expiration"], 0);
    assert!(last.body["text"].as_str().unwrap().contains("has expired"));
}

#[tokio::test]
async fn refreshing_or_deleting_the_token_ends_the_matter() {
    let world = World::new().await;
    tell(&world, &["a@example.com"], &[]).await;
    let worker = world.worker();
    let (refreshed, deleted) =
        (world.create_token("kept", "100h").await, world.create_token("gone", "100h").await);
    worker.scan().await.unwrap();
    refresh(&world, &refreshed).await;
    let (account_id, id) = (deleted.account_id, deleted.id);
    let request = DeleteTokenRequest { account_id, id, ..DeleteTokenRequest::default() };
    world.registry.clone().delete_token(request).await.unwrap();
    assert_eq!(worker.send_due().await, 2);
    world.clock.advance(CLAIM * 2);
    assert_eq!((worker.run_once().await, world.mails().len()), (0, 0));
    // A year later the new expiry is a new matter.
    world.clock.advance(DAY * 359);
    assert_eq!((worker.run_once().await, world.mails().len()), (1, 1));
}

#[tokio::test]
async fn what_is_switched_off_waits_and_comes_back() {
    let world = World::new().await;
    tell(&world, &["a@example.com"], &[]).await;
    let worker = world.worker();
    let token = world.create_token("paused", "100h").await;
    worker.scan().await.unwrap();
    enable(&world, &token, false).await;
    assert_eq!((worker.send_due().await, world.mails().len()), (1, 0));
    enable(&world, &token, true).await;
    worker.scan().await.unwrap();
    change(&world, |spec| spec.emails = vec!["b@example.com".to_owned()]).await;
    assert_eq!((worker.send_due().await, world.mails().len()), (1, 0), "no longer a recipient");
    change(&world, |spec| spec.emails = vec!["a@example.com".to_owned()]).await;
    assert_eq!((worker.run_once().await, world.mails().len()), (1, 1));
    world.store.delete_policy(ACCOUNT, "policy", world.now()).await.unwrap();
    assert_eq!((worker.run_once().await, world.history().await.len()), (0, 1), "history outlives the policy");
}

#[tokio::test]
async fn a_failing_webhook_is_retried_later_under_the_same_id() {
    let world = World::new().await;
    let receiver = Receiver::start(&[500, 302, 200]).await;
    world.webhook("hook", &receiver.url, None).await;
    tell(&world, &[], &["hook"]).await;
    world.create_token("build", "100h").await;
    let worker = world.worker();
    assert_eq!(worker.run_once().await, 1);
    assert_eq!(worker.run_once().await, 0, "not at once");
    let hook = async || world.store.get_webhook(ACCOUNT, "hook").await.unwrap().0;
    assert_eq!(hook().await.last_failure_at_ms, Some(world.now().as_millis()));
    for (pause, count) in [(14, 0), (16, 1), (29, 0), (31, 1)] {
        world.clock.advance(Duration::from_secs(pause));
        assert_eq!(worker.run_once().await, count, "{pause}");
    }
    assert_eq!(hook().await.last_success_at_ms, Some(world.now().as_millis()));
    let ids = receiver.received().into_iter().map(|one| one.body["alert_correlation_id"].clone());
    let ids = ids.collect::<Vec<_>>();
    assert!(ids.len() == 3 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(world.history().await.len(), 1);
}

#[tokio::test]
async fn a_message_is_given_up_when_the_destination_is_gone_or_never_takes_it() {
    for (status, attempts) in [(410, 1), (500, usize::try_from(MOST_ATTEMPTS).unwrap())] {
        let world = World::new().await;
        let receiver = Receiver::start(&[status]).await;
        world.webhook("hook", &receiver.url, None).await;
        tell(&world, &[], &["hook"]).await;
        world.create_token("build", "166h").await;
        let worker = world.worker();
        for _ in 0..100 {
            worker.run_once().await;
            world.clock.advance(Duration::from_mins(30));
        }
        assert_eq!(receiver.received().len(), attempts, "{status}");
        assert!(world.history().await.is_empty());
    }
}

#[tokio::test]
async fn one_destination_that_is_down_is_not_asked_for_every_message() {
    let world = World::new().await;
    let (down, up) = (Receiver::start(&[503]).await, Receiver::start(&[200]).await);
    world.webhook("down", &down.url, None).await;
    world.webhook("up", &up.url, None).await;
    tell(&world, &[], &["down", "up"]).await;
    for n in 0..10 {
        world.create_token(&format!("token {n}"), "100h").await;
    }
    world.worker().run_once().await;
    assert_eq!((down.received().len(), up.received().len()), (1, 10));
}

#[tokio::test]
async fn an_unknown_token_state_sends_nothing_and_uses_up_no_attempt() {
    let world = World::new().await;
    tell(&world, &["a@example.com"], &[]).await;
    world.create_token("build", "100h").await;
    let nobody = GrpcChannel::local(Routes::default(), Callers::new([("test", &["*"])]), "test");
    let cut_off = world.worker_with(world.mailer(), TokenRegistryClient::new(nobody));
    assert!(cut_off.scan().await.is_err());
    world.worker().scan().await.unwrap();
    for _ in 0..3 * MOST_ATTEMPTS {
        assert_eq!(cut_off.send_due().await, 1);
        world.clock.advance(Duration::from_mins(1));
    }
    assert!(world.mails().is_empty());
    assert_eq!((world.worker().send_due().await, world.mails().len()), (1, 1));
}

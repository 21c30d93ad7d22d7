//! Tokens that nobody uses: a week before they end, and when they have.

use super::*;
use crate::alert_policy::AlertPolicy;
use crate::mailer;
use crate::mailer::tests::MailServer;
use crate::store::SentRow;
use proto::token_registry::{EndInactiveTokensRequest, InactivityAction, SetTokenReferencesRequest};
use serde_json::json;

const HOUR: Duration = Duration::from_hours(1);

/// Says for so long, as the policy evaluator does, what is to be done with unused tokens. Answers how many were ended.
async fn say_for(world: &World, time: Duration, threshold_days: u32, action: InactivityAction) -> u32 {
    let (until, mut ended) = (world.now().after(time), 0);
    loop {
        let request = EndInactiveTokensRequest {
            account_id: ACCOUNT.to_owned(),
            threshold_days,
            action: action.into(),
        };
        ended += world.registry.clone().end_inactive_tokens(request).await.unwrap().into_inner().ended;
        if world.now() >= until {
            return ended;
        }
        world.clock.advance(HOUR / 2);
    }
}

fn subjects(history: &[SentRow]) -> Vec<&str> {
    history.iter().map(|row| row.alert_body.lines().next().unwrap()).collect()
}

async fn name_in_policy(world: &World, token: &Token) {
    let request = SetTokenReferencesRequest {
        account_id: ACCOUNT.to_owned(),
        referrer: "policy/1".to_owned(),
        referrer_name: "named".to_owned(),
        token_ids: vec![token.id.clone()],
        required: None,
    };
    world.registry.clone().set_token_references(request).await.unwrap();
}

#[tokio::test]
async fn each_recipient_is_warned_a_week_ahead_and_told_of_the_end_once_across_restarts() {
    let world = World::new().await;
    let receiver = Receiver::start(&[200]).await;
    world.webhook("hook", &receiver.url, None).await;
    tell(&world, &["a@example.com"], &["hook"]).await;
    let token = world.create_token("forgotten", "8760h").await;
    say_for(&world, DAY * 23, 30, InactivityAction::Disable).await;
    assert_eq!(world.worker().run_once().await, 0, "a week and an hour ahead");
    say_for(&world, HOUR * 2, 30, InactivityAction::Disable).await;
    assert_eq!(world.worker().run_once().await, 2);
    let warning = receiver.received().pop().unwrap().body;
    assert_eq!(warning["data"]["service_token_id"], token.id);
    assert_eq!(warning["data"]["inactivity"]["event"], "will_end");
    assert_eq!(warning["data"]["inactivity"]["action"], "disable");

    // It ends while no notifier is there.
    assert_eq!(say_for(&world, DAY * 8, 30, InactivityAction::Disable).await, 1);
    assert_eq!(world.worker().run_once().await, 2);
    for _ in 0..40 {
        say_for(&world, DAY, 30, InactivityAction::Disable).await;
        assert_eq!(world.worker().run_once().await, 0);
    }
    let end = receiver.received().pop().unwrap().body;
    assert_eq!(end["data"]["inactivity"]["event"], "ended");
    assert_ne!(end["alert_correlation_id"], warning["alert_correlation_id"]);
    let history = world.history().await;
    assert_eq!((history.len(), receiver.received().len(), world.mails().len()), (4, 2, 2));
    assert!(history.iter().all(|row| row.alert_type == "expiring_service_token_alert"));
    let mails: Vec<SentRow> = history.into_iter().filter(|row| row.mechanism_type == "email").collect();
    let told = subjects(&mails);
    assert!(
        told[0].contains("\"forgotten\" was disabled") && told[1].contains("will be disabled"),
        "{told:?}"
    );
}

/// F5, over a real mail server that loses its first answer.
#[tokio::test]
async fn warning_and_end_arrive_by_mail_each_under_its_own_message_id() {
    let world = World::new().await;
    tell(&world, &["a@example.com"], &[]).await;
    world.create_token("forgotten", "8760h").await;
    let mut server = MailServer::start(json!({ "answers": ["drop", "ok"] })).await;
    let url = format!("smtp://127.0.0.1:{}", server.port);
    let mailer = mailer::connect(&url, "Sallyport <alerts@example.com>", None).unwrap();
    let notifier = || world.worker_with(mailer.clone(), world.registry.clone());
    let mut told = Vec::new();
    // The first is sent again, for nobody said that it had arrived.
    for (time, words) in [
        (DAY * 25, "will be disabled in"),
        (Duration::ZERO, "will be disabled in"),
        (DAY * 7, "was disabled:"),
    ] {
        say_for(&world, time, 30, InactivityAction::Disable).await;
        world.clock.advance(Duration::from_mins(1));
        assert_eq!(notifier().run_once().await, 1);
        let content = server.received().await["content"].as_str().unwrap().to_owned();
        assert!(content.contains(words), "{content}");
        let id = content.lines().find(|line| line.starts_with("Message-ID: ")).unwrap();
        told.push(id.to_owned());
    }
    assert_eq!((told[0] == told[1], told[1] == told[2], world.history().await.len()), (true, false, 2));
}

#[tokio::test]
async fn a_deleted_token_is_told_of_by_the_name_that_it_had() {
    let world = World::new().await;
    tell(&world, &["a@example.com"], &[]).await;
    let token = world.create_token("forgotten", "8760h").await;
    assert_eq!(say_for(&world, DAY * 31, 30, InactivityAction::Delete).await, 1);
    assert_eq!((world.worker().run_once().await, world.mails().len()), (1, 1));
    let mail = world.mail(&world.mails()[0]);
    for part in
        ["forgotten", &token.client_id, &token.id, "was deleted", "cannot be restored", "Last used:  never"]
    {
        assert!(mail.contains(part), "{part} in {mail}");
    }
}

#[tokio::test]
async fn a_token_that_is_named_or_changed_again_is_no_longer_warned_of() {
    let world = World::new().await;
    tell(&world, &["a@example.com"], &[]).await;
    let (named, changed) =
        (world.create_token("named", "8760h").await, world.create_token("changed", "8760h").await);
    say_for(&world, DAY * 24, 30, InactivityAction::Delete).await;
    let worker = world.worker();
    worker.scan().await.unwrap();
    name_in_policy(&world, &named).await;
    refresh(&world, &changed).await;
    assert_eq!((worker.send_due().await, world.mails().len()), (2, 0));
    assert_eq!(worker.run_once().await, 0);
    // Unused again for so long, that is another matter.
    assert_eq!(say_for(&world, DAY * 24, 30, InactivityAction::Delete).await, 0);
    assert_eq!((worker.run_once().await, world.mails().len()), (1, 1));
    assert!(world.mail(&world.mails()[0]).contains("\"changed\""));
}

#[tokio::test]
async fn who_asks_later_is_told_of_later_ends_alone_and_filters_hold() {
    let world = World::new().await;
    let early = world.create_token("early", "8760h").await;
    assert_eq!(say_for(&world, DAY * 31, 30, InactivityAction::Disable).await, 1);
    let late = world.create_token("late", "8760h").await;
    let other = world.create_token("other", "8760h").await;
    world.clock.advance(Duration::from_mins(2));
    let created_at_ms = world.clock_ms();
    let policy = AlertPolicy { created_at_ms, ..fixture::policy("policy", &["a@example.com"], &[]) };
    world.store.create_policy(&policy).await.unwrap();
    change(&world, |spec| spec.token_ids = vec![early.id.clone(), late.id.clone()]).await;
    assert_eq!(world.worker().run_once().await, 0);
    assert_eq!(say_for(&world, DAY * 31, 30, InactivityAction::Disable).await, 2);
    assert_eq!((world.worker().run_once().await, world.mails().len()), (1, 1));
    let mail = world.mail(&world.mails()[0]);
    assert!(mail.contains("\"late\"") && !mail.contains(&other.id), "{mail}");
}

#[tokio::test]
async fn a_registry_that_is_away_uses_up_no_attempt_and_loses_no_end() {
    let world = World::new().await;
    tell(&world, &["a@example.com"], &[]).await;
    world.create_token("forgotten", "8760h").await;
    say_for(&world, DAY * 31, 30, InactivityAction::Delete).await;
    world.worker().scan().await.unwrap();
    let nobody = GrpcChannel::local(Routes::default(), Callers::new([("test", &["*"])]), "test");
    let cut_off = world.worker_with(world.mailer(), TokenRegistryClient::new(nobody));
    for _ in 0..2 * MOST_ATTEMPTS {
        assert_eq!(cut_off.send_due().await, 1);
        world.clock.advance(Duration::from_mins(1));
    }
    assert!(world.mails().is_empty());
    assert_eq!((world.worker().send_due().await, world.mails().len()), (1, 1));
}

/// The ends of many tokens, over two whole notifiers, on both databases.
pub(super) async fn two_notifiers_tell_each_end_once(world: World) {
    const TOKENS: usize = 20;
    let receiver = Receiver::start(&[200]).await;
    world.webhook("hook", &receiver.url, None).await;
    tell(&world, &["a@example.com"], &["hook"]).await;
    for n in 0..TOKENS {
        world.create_token(&format!("token {n}"), "8760h").await;
    }
    assert_eq!(say_for(&world, DAY * 31, 30, InactivityAction::Delete).await as usize, TOKENS);
    let stop = CancellationToken::new();
    let processes = [(); 2].map(|()| {
        let worker = world.worker();
        tokio::spawn(service_kit::assembly::run(worker.workers(Duration::from_millis(20)), stop.clone()))
    });
    world.until_sent(2 * TOKENS).await;
    stop.cancel();
    for process in processes {
        process.await.unwrap().unwrap();
    }
    let alerts = receiver.received();
    let distinct = alerts.iter().map(|it| it.body["data"]["service_token_id"].to_string());
    let distinct = distinct.collect::<std::collections::HashSet<_>>();
    assert_eq!((alerts.len(), distinct.len(), world.mails().len()), (TOKENS, TOKENS, TOKENS));
}

//! Several notifiers on one database, and notifiers that die.

use super::*;
use crate::mailer::Mail;
use async_trait::async_trait;
use database::Database;
use model::{SystemClock, Timestamp};
use service_kit::assembly;
use std::collections::HashSet;
use std::sync::Mutex;

/// Hands the mail over, and then never gets to say so.
struct Dying {
    inner: Arc<dyn Mailer>,
    handed_over: Notify,
}

#[async_trait]
impl Mailer for Dying {
    async fn send(&self, mail: &Mail) -> Result<(), Error> {
        self.inner.send(mail).await?;
        self.handed_over.notify_one();
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_notifier_that_dies_after_sending_is_followed_by_the_same_message() {
    let world = World::new().await;
    tell(&world, &["a@example.com"], &[]).await;
    world.create_token("build", "100h").await;
    let dying = Arc::new(Dying { inner: world.mailer(), handed_over: Notify::new() });
    let first = world.worker_with(dying.clone(), world.registry.clone());
    let process = tokio::spawn(async move { first.run_once().await });
    dying.handed_over.notified().await;
    process.abort();
    assert!(process.await.unwrap_err().is_cancelled());
    let message_id = |mail: String| {
        mail.lines().find(|line| line.starts_with("Message-ID: ")).map(str::to_owned).expect("a Message-ID")
    };
    let before = message_id(world.mail(&world.mails()[0]));
    std::fs::remove_dir_all(world.folder.path().join("outbox")).unwrap();

    let second = world.worker();
    assert_eq!((second.run_once().await, world.history().await.len()), (0, 0), "the claim still holds");
    world.clock.advance(CLAIM);
    assert_eq!((second.run_once().await, world.history().await.len()), (1, 1));
    assert_eq!(message_id(world.mail(&world.mails()[0])), before);
    assert_eq!(second.run_once().await, 0);
}

/// Notes every mail that is handed over.
struct Noting {
    inner: Arc<dyn Mailer>,
    ids: Mutex<Vec<String>>,
}

#[async_trait]
impl Mailer for Noting {
    async fn send(&self, mail: &Mail) -> Result<(), Error> {
        self.ids.lock().unwrap().push(mail.id.clone());
        self.inner.send(mail).await
    }
}

/// Two whole notifiers, run as their processes would be, until every message is in the history.
async fn two_notifiers_send_each_message_once(world: World) {
    const TOKENS: usize = 30;
    let receiver = Receiver::start(&[200]).await;
    world.webhook("hook", &receiver.url, None).await;
    tell(&world, &["a@example.com"], &["hook"]).await;
    for n in 0..TOKENS {
        world.create_token(&format!("token {n}"), "100h").await;
    }
    let mailer = Arc::new(Noting { inner: world.mailer(), ids: Mutex::default() });
    let stop = CancellationToken::new();
    let processes = [(); 2].map(|()| {
        let worker = world.worker_with(mailer.clone(), world.registry.clone());
        tokio::spawn(assembly::run(worker.workers(Duration::from_millis(20)), stop.clone()))
    });
    world.until_sent(2 * TOKENS).await;
    stop.cancel();
    for process in processes {
        process.await.unwrap().unwrap();
    }
    let alerts = receiver.received();
    let distinct =
        alerts.iter().map(|one| one.body["alert_correlation_id"].to_string()).collect::<HashSet<_>>();
    assert_eq!((alerts.len(), distinct.len()), (TOKENS, TOKENS));
    let mails = mailer.ids.lock().unwrap().clone();
    assert_eq!((mails.len(), mails.iter().collect::<HashSet<_>>().len()), (TOKENS, TOKENS));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_notifiers_on_sqlite_send_each_message_once() {
    two_notifiers_send_each_message_once(World::new().await).await;
    Box::pin(inactivity::two_notifiers_tell_each_end_once(World::new().await)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_notifiers_on_postgres_send_each_message_once() {
    let mut server = local_servers::Postgres::throwaway(&local_servers::Search::workspace()).await.unwrap();
    let url = server.create_database("notifier", "notifier", None).await.unwrap();
    let database = Database::connect(&url, 8).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    two_notifiers_send_each_message_once(World::on(database.clone(), folder, SystemClock.now()).await).await;
    database.close().await;
    let url = server.create_database("ends", "notifier", None).await.unwrap();
    let (database, folder) = (Database::connect(&url, 8).await.unwrap(), tempfile::tempdir().unwrap());
    // The clock is then that of the database, as it is where nobody moves one.
    let began = Timestamp::from_millis(SystemClock.now().as_millis() - 31 * 24 * 3_600_000);
    Box::pin(inactivity::two_notifiers_tell_each_end_once(World::on(database.clone(), folder, began).await))
        .await;
    database.close().await;
    server.server.stop().await.unwrap();
}

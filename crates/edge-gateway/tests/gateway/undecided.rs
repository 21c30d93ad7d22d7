//! What is told of requests that were refused before there was anything to decide.

use crate::client::{Client, PATIENCE};
use crate::forward_auth::Dialect;
use crate::world::{Beginning, World};
use std::io::{Result, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The first line that says so, once there is one.
    async fn line(&self, said: &str) -> String {
        let wait = async {
            loop {
                if let Some(line) = self.text().lines().find(|line| line.contains(said)) {
                    return line.to_owned();
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let line = tokio::time::timeout(PATIENCE, wait).await;
        line.unwrap_or_else(|_| panic!("{said} in {}", self.text()))
    }
}

/// Whatever is logged on this thread, on which everything of a test runs.
fn listen() -> (Log, tracing::subscriber::DefaultGuard) {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).finish();
    (log, tracing::subscriber::set_default(subscriber))
}

#[tokio::test]
async fn what_is_refused_before_it_is_decided_has_a_line_without_a_byte_of_it() {
    let (log, _listening) = listen();
    let world = World::open().await;
    for (request, reason, status) in [
        ("GET /planted\nforged=1 HTTP/1.1\r\nHost: app.localhost\r\n\r\n", "REQUEST_MALFORMED", 400),
        ("GET /planted%2f HTTP/1.1\r\nHost: app.localhost\r\n\r\n", "PATH_AMBIGUOUS", 400),
        ("TRACE /planted HTTP/1.1\r\nHost: app.localhost\r\n\r\n", "METHOD_NOT_ALLOWED", 405),
    ] {
        let mut client = world.connect().await;
        client.send(request).await;
        let answer = client.answer(false).await.unwrap();
        assert_eq!(answer.status, status, "{reason} {answer:?}");
        let line = log.line(&format!("reason=\"{reason}\"")).await;
        assert!(line.contains("turned away") && line.contains("front=\"listener\""), "{line}");
        assert!(line.contains("peer=\"127.0.0.1\"") && !line.contains("planted"), "{line}");
        if let [ray] = answer.headers("cf-ray")[..] {
            assert!(line.contains(&format!("ray=\"{ray}\"")), "{line} {answer:?}");
        }
    }
    assert!(!log.text().contains("planted") && !log.text().contains("forged"), "{}", log.text());
}

#[tokio::test]
async fn a_proxy_that_may_not_ask_or_asks_wrongly_has_a_line() {
    let (log, _listening) = listen();
    let world = World::open_with(Beginning { askers: Vec::new(), ..Beginning::default() }).await;
    let mut client = Client::connect(world.forward_auth).await;
    client.send(Dialect::Forwarded.request("GET", "app.localhost", "/", "")).await;
    assert_eq!(client.answer(false).await.unwrap().reason(), "PROXY_NOT_TRUSTED");
    let line = log.line("PROXY_NOT_TRUSTED\" front=").await;
    assert!(line.contains("front=\"forward_auth\"") && line.contains("peer=\"127.0.0.1\""), "{line}");
}

#[tokio::test]
async fn a6_a_flood_of_junk_takes_no_line_from_a_decision() {
    let (log, _listening) = listen();
    let world = World::open().await;
    for _ in 0..50 {
        let mut client = world.connect().await;
        // More at once than are told singly, however slow the machine is.
        client.send("GET /%2f HTTP/1.1\r\nHost: app.localhost\r\n\r\n".repeat(20)).await;
        for _ in 0..20 {
            assert_eq!(client.answer(false).await.unwrap().status, 400);
        }
    }
    assert_eq!(world.connect().await.get("app.localhost", "/decided-here", "").await.status, 401);
    let line = log.line("/decided-here").await;
    assert!(line.contains("CREDENTIAL_MISSING"), "{line}");
    log.line("turned away allowed=false count=").await;
    let singly = log.text().lines().filter(|line| line.contains("PATH_AMBIGUOUS")).count();
    assert!((16..1_000).contains(&singly), "{singly}");
}

//! What a gateway admits that has lost touch, where an application's failure mode says so; and nothing else.

use crate::client::Client;
use crate::link::Mode;
use crate::upstream::{Manner, Seen};
use crate::world::{Beginning, World};
use directory::FailureMode;
use proto::policy_evaluator::Empty;
use proto::policy_evaluator::failure_mode::{self, LastKnownGood, Open};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Longer than any lease that was given before.
const A_LEASE: Duration = Duration::from_secs(5);
const MINUTE: Duration = Duration::from_mins(1);
const ALL: [usize; 3] = [0, 1, 2];
/// As gateways tell feeds.
const QUARTER_HOUR: i64 = 900_000;
const UNBOUNDED: i64 = -1;

fn last_known_good(max_staleness: &str) -> failure_mode::Mode {
    failure_mode::Mode::LastKnownGood(LastKnownGood { max_staleness: max_staleness.into() })
}

fn open() -> failure_mode::Mode {
    failure_mode::Mode::Open(Open { acknowledge: FailureMode::ACKNOWLEDGEMENT.into() })
}

fn closed() -> failure_mode::Mode {
    failure_mode::Mode::Closed(Empty {})
}

impl World {
    /// The gateway loses touch, and its leases end.
    fn cut(&self, links: &[usize]) {
        for link in links {
            self.links[*link].set(Mode::Refused);
        }
        self.time.pass(A_LEASE);
    }

    async fn restore(&self) {
        for link in &self.links {
            link.set(Mode::Open);
        }
        self.until_ready().await;
    }

    /// What the application has seen of the only request since it was last asked.
    fn only_seen(&self) -> Seen {
        let mut seen = self.upstream.take();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen.remove(0)
    }

    /// Admitted, and the application was told why and, if so, on whose session.
    async fn admits(
        &self,
        client: &mut Client,
        host: &str,
        lines: &str,
        why: Option<&str>,
        has_session: bool,
    ) {
        let answer = client.get(host, "/", lines).await;
        assert_eq!(answer.status, 200, "{host} {lines}: {answer:?}");
        assert_eq!(answer.headers("sallyport-fallback"), [""; 0], "clients are not told");
        let headers = self.only_seen().headers();
        let said: Vec<_> =
            headers.iter().filter_map(|line| line.strip_prefix("sallyport-fallback: ")).collect();
        assert_eq!(said, why.into_iter().collect::<Vec<_>>(), "{host} {lines}");
        let ours: Vec<_> = headers.iter().filter(|line| line.starts_with("cf-access-")).collect();
        assert_eq!(ours.len(), usize::from(has_session), "{host} {lines}: {ours:?}");
        assert!(!headers.iter().any(|line| line.contains("spst_") || line.contains("CF_Authorization")));
    }

    async fn refuses(&self, client: &mut Client, host: &str, lines: &str, status: u16, reason: &str) {
        let answer = client.get(host, "/", lines).await;
        assert_eq!((answer.status, answer.reason()), (status, reason), "{host} {lines}: {answer:?}");
        assert_eq!(self.upstream.take().len(), 0);
    }

    async fn session(&self, client: &mut Client, lines: &str) -> String {
        let answer = client.get("app.localhost", "/", lines).await;
        self.upstream.take();
        format!("Cookie: CF_Authorization={}\r\n", answer.session().unwrap())
    }
}

#[tokio::test]
async fn last_known_good_judges_what_is_known_by_what_was_known() {
    let world = World::open().await;
    let mut client = world.connect().await;
    for host in ["app.localhost", "country.localhost"] {
        world.set_failure_mode(host, last_known_good("15m")).await;
    }
    let [used, kept, dead, new] =
        [world.token().await, world.token().await, world.token().await, world.token().await];
    let used_session = world.session(&mut client, &used.lines()).await;
    world.admits(&mut client, "app.localhost", &used_session, None, true).await;
    let dead_session = world.session(&mut client, &dead.lines()).await;
    world.admits(&mut client, "app.localhost", &dead_session, None, true).await;
    // Its session is verified for the first time when nobody can be asked.
    let kept_session = world.session(&mut client, &kept.lines()).await;
    world.delete(&dead.token).await;
    let forged = format!("{used_session:.80}A\r\n");
    let pretended = format!("{used_session}Sallyport-Fallback: open\r\nSALLYPORT_FALLBACK: open\r\n");
    world.admits(&mut client, "app.localhost", &pretended, None, true).await;

    world.until_told(&ALL, QUARTER_HOUR).await;
    world.cut(&ALL);
    let why = Some("last_known_good");
    for lines in [&used_session, &used.lines(), &kept_session, &kept.lines(), &pretended] {
        world.admits(&mut client, "app.localhost", lines, why, true).await;
    }
    world.admits(&mut client, "country.localhost", "CF-IPCountry: PT\r\n", why, false).await;
    let unavailable = "AUTHZ_UNAVAILABLE";
    for (host, lines, status, reason) in [
        ("app.localhost", dead_session.as_str(), 401, "TOKEN_DELETED"),
        ("app.localhost", &dead.lines(), 503, unavailable),
        ("app.localhost", &new.lines(), 503, unavailable),
        ("app.localhost", &forged, 401, "SESSION_MALFORMED"),
        ("app.localhost", "", 401, "CREDENTIAL_MISSING"),
        ("country.localhost", "CF-IPCountry: NO\r\n", 401, "CREDENTIAL_MISSING"),
        ("open.localhost", "", 503, unavailable),
        ("header.localhost", &used_session, 503, unavailable),
        ("nobody.localhost", "", 503, unavailable),
    ] {
        world.refuses(&mut client, host, lines, status, reason).await;
    }

    world.restore().await;
    for lines in [&used_session, &kept.lines(), &new.lines()] {
        world.admits(&mut client, "app.localhost", lines, None, true).await;
    }
    world.refuses(&mut client, "app.localhost", &dead.lines(), 401, "TOKEN_UNKNOWN").await;
}

#[tokio::test]
async fn last_known_good_ends_with_its_time_and_begins_anew_with_the_next_outage() {
    let world = World::open().await;
    let mut client = world.connect().await;
    world.set_failure_mode("app.localhost", last_known_good("15m")).await;
    let session = world.session(&mut client, &world.token().await.lines()).await;
    world.until_told(&ALL, QUARTER_HOUR).await;
    for _ in 0..2 {
        world.cut(&ALL);
        world.admits(&mut client, "app.localhost", &session, Some("last_known_good"), true).await;
        // A tenth is given up, for clocks that differ.
        world.time.pass(13 * MINUTE);
        world.admits(&mut client, "app.localhost", &session, Some("last_known_good"), true).await;
        world.time.pass(MINUTE);
        world.refuses(&mut client, "app.localhost", &session, 503, "AUTHZ_UNAVAILABLE").await;
        world.restore().await;
        world.admits(&mut client, "app.localhost", &session, None, true).await;
    }
}

#[tokio::test]
async fn open_forwards_without_judgement_and_without_a_name() {
    let world = World::open().await;
    let mut client = world.connect().await;
    for host in ["app.localhost", "header.localhost"] {
        world.set_failure_mode(host, open()).await;
    }
    let (good, dead) = (world.token().await, world.token().await);
    let session = world.session(&mut client, &good.lines()).await;
    world.delete(&dead.token).await;
    world.refuses(&mut client, "app.localhost", "", 401, "CREDENTIAL_MISSING").await;

    world.until_told(&ALL, UNBOUNDED).await;
    world.cut(&ALL);
    for lines in [&session, &good.lines(), &dead.lines(), "", "CF-Access-Client-Id: half\r\n"] {
        world.admits(&mut client, "app.localhost", lines, Some("open"), false).await;
    }
    let json = format!(
        "Authorization: {{\"cf-access-client-id\":\"{}\",\"cf-access-client-secret\":\"{}\"}}\r\n",
        good.token.client_id, good.secret
    );
    world.admits(&mut client, "header.localhost", &json, Some("open"), false).await;
    let answer = client.get("app.localhost", "/", "").await;
    assert_eq!(answer.headers("cache-control"), ["private"], "it may be for anybody");
    world.upstream.take();
    for (host, path, status) in
        [("app.localhost", "/admin", 503), ("app.localhost", "/a%2fb", 400), ("open.localhost", "/", 503)]
    {
        assert_eq!(client.get(host, path, "").await.status, status, "{host}{path}");
    }
    world.time.pass(60 * MINUTE);
    world.admits(&mut client, "app.localhost", "", Some("open"), false).await;

    world.restore().await;
    world.refuses(&mut client, "app.localhost", "", 401, "CREDENTIAL_MISSING").await;
    world.admits(&mut client, "app.localhost", &session, None, true).await;
}

#[tokio::test]
async fn a_mode_applies_whichever_lease_is_missing_and_a_stricter_one_at_once() {
    let world = World::open().await;
    let mut client = world.connect().await;
    let session = world.session(&mut client, &world.token().await.lines()).await;
    let new = world.token().await;
    let asked = world.links[2].exchanges();
    for link in 0..3 {
        world.set_failure_mode("app.localhost", last_known_good("15m")).await;
        world.set_failure_mode("header.localhost", open()).await;
        world.until_told(&ALL, UNBOUNDED).await;
        world.cut(&[link]);
        world.admits(&mut client, "app.localhost", &session, Some("last_known_good"), true).await;
        world.admits(&mut client, "header.localhost", "", Some("open"), false).await;
        world.refuses(&mut client, "app.localhost", &new.lines(), 503, "AUTHZ_UNAVAILABLE").await;
        assert_eq!(world.links[2].exchanges(), asked, "nobody is asked");
        world.refuses(&mut client, "preflight.localhost", "", 503, "AUTHZ_UNAVAILABLE").await;
        if link != 1 {
            // The evaluator's feed is live, or will be: what it says counts.
            world.set_failure_mode("app.localhost", closed()).await;
            world.set_failure_mode("header.localhost", closed()).await;
            for host in ["app.localhost", "header.localhost"] {
                world.refuses(&mut client, host, &session, 503, "AUTHZ_UNAVAILABLE").await;
            }
        }
        world.restore().await;
    }
}

#[tokio::test]
async fn l7_a_gateway_that_never_had_every_lease_is_closed() {
    let world = World::begin(Beginning { links: Mode::Refused, ..Beginning::default() }).await;
    world.protect().await;
    world.set_failure_mode("app.localhost", open()).await;
    world.set_failure_mode("open.localhost", last_known_good("15m")).await;
    let mut client = world.connect().await;
    let is_closed = async |client: &mut Client| {
        for host in ["app.localhost", "open.localhost"] {
            world.refuses(client, host, "", 503, "AUTHZ_UNAVAILABLE").await;
        }
    };
    is_closed(&mut client).await;
    // It knows the modes now. But the registry has never heard of it, and waits for it with no revocation.
    world.links[1].set(Mode::Open);
    world.links[2].set(Mode::Open);
    world.until_told(&[1, 2], UNBOUNDED).await;
    is_closed(&mut client).await;
    world.links[0].set(Mode::Open);
    world.until_told(&ALL, UNBOUNDED).await;
    world.cut(&ALL);
    world.admits(&mut client, "app.localhost", "", Some("open"), false).await;
    world.admits(&mut client, "open.localhost", "", Some("last_known_good"), false).await;
}

#[tokio::test]
async fn d3_a_lost_history_closes_whatever_the_mode() {
    let world = World::open().await;
    world.set_failure_mode("app.localhost", open()).await;
    world.set_failure_mode("open.localhost", last_known_good("15m")).await;
    world.until_told(&ALL, UNBOUNDED).await;
    let mut client = world.connect().await;
    world.lose_history_of_policies().await;
    world.until(false).await;
    for host in ["app.localhost", "open.localhost"] {
        world.refuses(&mut client, host, "", 503, "AUTHZ_UNAVAILABLE").await;
    }
}

/// A request whose answer has begun and not ended: the client, and the application's side of it.
async fn begin(world: &World, handed: &mut UnboundedReceiver<TcpStream>, host: &str) -> (Client, TcpStream) {
    let mut client = world.connect().await;
    client.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
    let mut application = handed.recv().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        assert!(application.read_buf(&mut head).await.unwrap() > 0);
    }
    let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n";
    application.write_all(answer).await.unwrap();
    (client, application)
}

#[tokio::test]
async fn d4_open_streams_follow_the_mode_too() {
    let world = World::open().await;
    for (host, mode) in [("open.localhost", last_known_good("15m")), ("app.localhost", open())] {
        world.set_failure_mode(host, mode).await;
    }
    world.until_told(&ALL, UNBOUNDED).await;
    let (sender, mut handed) = unbounded_channel();
    world.upstream.behave(Manner::HandedOver(sender));
    let (mut known, mut known_end) = begin(&world, &mut handed, "open.localhost").await;
    let (mut long, _long_end) = begin(&world, &mut handed, "open.localhost").await;
    let (mut strict, _strict_end) = begin(&world, &mut handed, "inside.localhost").await;
    world.cut(&ALL);
    let (mut unjudged, _unjudged_end) = begin(&world, &mut handed, "app.localhost").await;
    let is_whole = async |client: &mut Client| client.answer(false).await.unwrap().is_whole;
    assert!(!is_whole(&mut strict).await, "a closed application's stream goes on");
    known_end.write_all(b"0\r\n\r\n").await.unwrap();
    assert!(is_whole(&mut known).await, "what is last known still admits it");
    world.time.pass(15 * MINUTE);
    assert!(!is_whole(&mut long).await, "the time is over");
    for link in &world.links {
        link.set(Mode::Open);
    }
    assert!(!is_whole(&mut unjudged).await, "nobody has ever judged it");
}

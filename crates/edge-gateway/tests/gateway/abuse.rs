//! Guessing, floods and overload.

use crate::client::{Answer, Client, PATIENCE};
use crate::world::{Beginning, Pair, World, throttle};
use edge_gateway::config::Throttle;
use model::{ClientId, ClientSecret};
use std::fmt::Write as _;
use std::num::NonZeroU32;
use std::time::Duration;

const ATTACKER: &str = "198.51.100.66";
const ELSEWHERE: &str = "203.0.113.5";

fn number(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

async fn world(throttle: Throttle) -> World {
    let world = World::begin(Beginning { throttle, ..Beginning::default() }).await;
    world.until_ready().await;
    world.protect().await;
    world
}

fn lines(client_id: &str, secret: &str, from: &str) -> String {
    format!(
        "X-Forwarded-For: {from}\r\nCF-Access-Client-Id: {client_id}\r\nCF-Access-Client-Secret: {secret}\r\n"
    )
}

fn right(pair: &Pair, from: &str) -> String {
    lines(&pair.token.client_id, &pair.secret, from)
}

fn any_secret() -> String {
    ClientSecret::generate().unwrap().expose().to_owned()
}

/// So many wrong secrets for one Client ID: how many were answered 401, and how many 429.
async fn guess(client: &mut Client, client_id: &str, from: &str, times: usize) -> (usize, usize) {
    let (mut wrong, mut throttled) = (0, 0);
    for _ in 0..times {
        let answer = client.get("app.localhost", "/", &lines(client_id, &any_secret(), from)).await;
        match (answer.status, answer.reason()) {
            (401, "TOKEN_UNKNOWN") => wrong += 1,
            (429, "ATTEMPTS_THROTTLED") => {
                let wait = retry_after(&answer);
                assert!((1..=22).contains(&wait), "{wait}");
                throttled += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    (wrong, throttled)
}

fn retry_after(answer: &Answer) -> u64 {
    let values = answer.headers("retry-after");
    assert_eq!(values.len(), 1, "{answer:?}");
    values[0].parse().unwrap()
}

/// Nothing comes back while these tests run, unless the clock is moved.
fn slow() -> Throttle {
    Throttle { wrong_per_client_id: number(3), wrong_per_source: number(8), ..throttle() }
}

#[tokio::test]
async fn a5_m10_guessing_is_throttled_for_its_source_and_harms_nobody_else() {
    let world = world(throttle()).await;
    let (pair, other) = (world.token().await, world.token().await);
    let (issuer, id) = (&world.links[2], pair.token.client_id.clone());
    let mut client = world.connect().await;
    // Two clients are at work: one elsewhere, one behind the attacker's own address.
    for from in [ELSEWHERE, ATTACKER] {
        assert_eq!(client.get("app.localhost", "/", &right(&pair, from)).await.status, 200);
    }
    let session = client.get("app.localhost", "/", &right(&pair, ATTACKER)).await;
    let session =
        format!("X-Forwarded-For: {ATTACKER}\r\nCf-Access-Token: {}\r\n", session.session().unwrap());
    let before = issuer.exchanges();

    let (wrong, throttled) = guess(&mut client, &id, ATTACKER, 1_000).await;
    let asked = issuer.exchanges() - before;
    assert_eq!((wrong, wrong + throttled), (asked, 1_000));
    // The budget, and what came back meanwhile: one in three seconds.
    assert!((20..=100).contains(&asked), "{asked}");

    let asked = issuer.exchanges();
    for lines in [right(&pair, ELSEWHERE), right(&pair, ATTACKER), session] {
        assert_eq!(client.get("app.localhost", "/", &lines).await.status, 200);
    }
    assert_eq!(issuer.exchanges(), asked, "nobody was asked about what is known here");
    // Known here, and new to another application: asked about, and let through.
    for from in [ELSEWHERE, ATTACKER] {
        assert_eq!(client.get("preflight.localhost", "/", &right(&pair, from)).await.status, 200);
    }
    // Another Client ID from the attacker's address is heard.
    assert_eq!(client.get("app.localhost", "/", &right(&other, ATTACKER)).await.status, 200);
}

#[tokio::test]
async fn a5_a_right_secret_tells_nothing_while_it_is_throttled_and_is_heard_once_the_bucket_fills() {
    let world = world(slow()).await;
    let pair = world.token().await;
    let mut client = world.connect().await;
    assert_eq!(guess(&mut client, &pair.token.client_id, ATTACKER, 3).await, (3, 0));
    let wrong =
        client.get("app.localhost", "/", &lines(&pair.token.client_id, &any_secret(), ATTACKER)).await;
    let good = client.get("app.localhost", "/", &right(&pair, ATTACKER)).await;
    assert_eq!((wrong.status, &wrong.body), (429, &good.body));
    assert_eq!(names(&wrong), names(&good));
    assert_eq!(client.get("app.localhost", "/", &right(&pair, ELSEWHERE)).await.status, 200);
    // Known now, wherever it comes from.
    assert_eq!(client.get("app.localhost", "/", &right(&pair, ATTACKER)).await.status, 200);

    let pair = world.token().await;
    assert_eq!(guess(&mut client, &pair.token.client_id, ATTACKER, 4).await, (3, 1));
    world.time.pass(Duration::from_secs(30));
    world.until(false).await;
    world.until_ready().await;
    assert_eq!(client.get("app.localhost", "/", &right(&pair, ATTACKER)).await.status, 200);
}

/// Everything that could tell one answer from another, but the time.
fn names(answer: &Answer) -> Vec<&str> {
    let is_own = |line: &&str| ["date: ", "retry-after: ", "cf-ray: "].iter().any(|it| line.starts_with(it));
    let is_told = |line: &&str| !is_own(line);
    answer.head.lines().filter(is_told).collect()
}

#[tokio::test]
async fn q3_a5_a_spray_over_client_ids_is_throttled_by_source() {
    let world = world(slow()).await;
    let pair = world.token().await;
    let issuer = &world.links[2];
    let mut client = world.connect().await;
    let mut wrong = 0;
    for _ in 0..200 {
        let id = ClientId::generate().unwrap();
        let answer = client.get("app.localhost", "/", &lines(id.as_str(), &any_secret(), ATTACKER)).await;
        wrong += usize::from(answer.status == 401);
    }
    assert_eq!(wrong, issuer.exchanges());
    assert!((8..=16).contains(&wrong), "{wrong}");
    assert_eq!(client.get("app.localhost", "/", &right(&pair, ELSEWHERE)).await.status, 200);
}

#[tokio::test]
async fn k3_a_wrong_secret_that_is_sent_again_is_answered_from_memory() {
    let world = world(slow()).await;
    let (pair, old) = (world.token().await, any_secret());
    let issuer = &world.links[2];
    let mut client = world.connect().await;
    for _ in 0..100 {
        let answer = client.get("app.localhost", "/", &lines(&pair.token.client_id, &old, ATTACKER)).await;
        assert_eq!((answer.status, answer.reason()), (401, "TOKEN_UNKNOWN"));
    }
    assert_eq!(issuer.exchanges(), 1);
    // Its neighbour with the right one is not kept out by it.
    assert_eq!(client.get("app.localhost", "/", &right(&pair, ATTACKER)).await.status, 200);
    // After a while it is asked about again.
    world.time.pass(Duration::from_secs(11));
    world.until(false).await;
    world.until_ready().await;
    let answer = client.get("app.localhost", "/", &lines(&pair.token.client_id, &old, ATTACKER)).await;
    assert_eq!((answer.status, issuer.exchanges()), (401, 3));
}

#[tokio::test]
async fn k3_a_token_that_was_disabled_works_at_once_when_it_is_enabled() {
    let world = world(slow()).await;
    let pair = world.token().await;
    let mut client = world.connect().await;
    for _ in 0..3 {
        world.enable(&pair.token, false).await;
        for _ in 0..3 {
            let answer = client.get("app.localhost", "/", &right(&pair, ELSEWHERE)).await;
            assert_eq!((answer.status, answer.reason()), (401, "TOKEN_DISABLED"));
        }
        world.enable(&pair.token, true).await;
        assert_eq!(client.get("app.localhost", "/", &right(&pair, ELSEWHERE)).await.status, 200);
    }
}

#[tokio::test]
async fn a1_an_unknown_client_id_and_a_wrong_secret_are_answered_alike() {
    let world = world(throttle()).await;
    let pair = world.token().await;
    let unknown = ClientId::generate().unwrap();
    let mut client = world.connect().await;
    let mut answers = Vec::new();
    for id in [pair.token.client_id.as_str(), unknown.as_str()] {
        answers.push(client.get("app.localhost", "/", &lines(id, &any_secret(), ATTACKER)).await);
    }
    assert_eq!(answers[0].status, 401);
    assert_eq!(names(&answers[0]), names(&answers[1]));
    assert_eq!(answers[0].body, answers[1].body);
}

#[tokio::test]
async fn a3_junk_is_refused_and_nobody_is_asked() {
    let world = world(throttle()).await;
    let pair = world.token().await;
    let (id, secret) = (&pair.token.client_id, &pair.secret);
    let mut client = world.connect().await;
    let changed = |at: usize| {
        let mut bytes = secret.clone().into_bytes();
        bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
        String::from_utf8(bytes).unwrap()
    };
    let mut junk: Vec<(String, String)> = (5..secret.len()).map(|at| (id.clone(), changed(at))).collect();
    for secret in [&secret[..52], &format!("{secret}0"), &secret.to_uppercase(), "x", &"a".repeat(4_000)] {
        junk.push((id.clone(), secret.to_owned()));
    }
    for id in ["nobody", &id.to_uppercase(), &format!("{id}."), &id[1..], &"a".repeat(4_000)] {
        junk.push((id.to_owned(), secret.clone()));
    }
    let before: Vec<usize> = world.links.iter().map(|link| link.calls()).collect();
    for (id, secret) in &junk {
        let answer = client.get("app.localhost", "/", &lines(id, secret, ATTACKER)).await;
        assert_eq!(answer.status, 401, "{id} {secret}");
    }
    let after: Vec<usize> = world.links.iter().map(|link| link.calls()).collect();
    assert_eq!(before, after);
    // Nor does it use up what a guess would.
    assert_eq!(client.get("app.localhost", "/", &right(&pair, ATTACKER)).await.status, 200);
    assert_eq!(world.links[2].calls(), after[2] + 1);
}

#[tokio::test]
async fn q6_j17_sessions_of_random_keys_fetch_nothing() {
    const MANY: usize = 10_000;
    let world = world(throttle()).await;
    let pair = world.token().await;
    let mut client = world.connect().await;
    let good = client.get("app.localhost", "/", &right(&pair, ELSEWHERE)).await;
    let good = good.session().unwrap();
    let (_, rest) = good.split_once('.').unwrap();
    let before: Vec<usize> = world.links.iter().map(|link| link.calls()).collect();
    let mut batch = String::new();
    for sent in 1..=MANY {
        let header = format!("{{\"alg\":\"RS256\",\"kid\":\"{sent:064x}\",\"typ\":\"JWT\"}}");
        let token = format!("{}.{rest}", base64url(header.as_bytes()));
        let _ = write!(batch, "GET / HTTP/1.1\r\nHost: app.localhost\r\nCf-Access-Token: {token}\r\n\r\n");
        if sent % 10 == 0 {
            client.send(std::mem::take(&mut batch)).await;
            for _ in 0..10 {
                let answer = client.answer(false).await.unwrap();
                assert_eq!((answer.status, answer.reason()), (401, "SESSION_KEY_UNKNOWN"));
            }
        }
    }
    let after: Vec<usize> = world.links.iter().map(|link| link.calls()).collect();
    assert_eq!(before, after);
    assert_eq!(client.get("app.localhost", "/", &format!("Cf-Access-Token: {good}\r\n")).await.status, 200);
}

fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let groups = bytes.chunks(3).flat_map(|group| {
        let word = (0..3).fold(0, |word, at| word << 8 | usize::from(group.get(at).copied().unwrap_or(0)));
        (0..=group.len()).map(move |at| char::from(ALPHABET[word >> (18 - 6 * at) & 63]))
    });
    groups.collect()
}

/// A gateway that asks about two credentials at once, and lets five requests wait.
fn narrow() -> Throttle {
    Throttle { max_exchanges: number(2), max_waiting: number(5), ..throttle() }
}

/// A request that is under way.
async fn ask(world: &World, pair: &Pair) -> Client {
    let mut client = world.connect().await;
    client.send(format!("GET / HTTP/1.1\r\nHost: app.localhost\r\n{}\r\n", pair.lines())).await;
    client
}

#[tokio::test]
async fn k7_q8_more_credentials_than_may_be_checked_wait_their_turn_and_the_rest_is_shed() {
    let world = world(narrow()).await;
    let issuer = &world.links[2];
    let known = world.token().await;
    let mut at_work = world.connect().await;
    assert_eq!(at_work.get("app.localhost", "/", &known.lines()).await.status, 200);
    issuer.hold(true);
    let mut waiting = Vec::new();
    for _ in 0..5 {
        let pair = world.token().await;
        waiting.push(ask(&world, &pair).await);
    }
    issuer.after_exchanges(3).await;
    // Until all five are waiting, the next may still find a place; then it is sent away at once.
    let late = world.token().await;
    let shed = async {
        loop {
            let mut client = ask(&world, &late).await;
            match tokio::time::timeout(Duration::from_millis(50), client.answer(false)).await {
                Ok(answer) => break answer.unwrap(),
                Err(_) => drop(client),
            }
        }
    };
    let shed = tokio::time::timeout(PATIENCE / 2, shed).await.unwrap();
    assert_eq!((shed.status, shed.reason()), (503, "AUTHZ_UNAVAILABLE"));
    assert!((1..=3).contains(&retry_after(&shed)));
    assert_eq!(issuer.exchanges(), 3, "two at once");
    // Who is known does not wait.
    assert_eq!(at_work.get("app.localhost", "/", &known.lines()).await.status, 200);
    issuer.hold(false);
    for mut client in waiting {
        assert_eq!(client.answer(false).await.unwrap().status, 200);
    }
    assert_eq!(world.connect().await.get("app.localhost", "/", &late.lines()).await.status, 200);
}

#[tokio::test]
async fn q8_f8_an_issuer_that_hangs_is_waited_for_no_longer_than_said_and_keeps_nothing() {
    let throttle = Throttle { exchange_timeout_s: number(1), ..narrow() };
    let world = world(throttle).await;
    let issuer = &world.links[2];
    issuer.hold(true);
    // Three times as many as find a place, one wave after the other.
    let mut last = None;
    for _ in 0..3 {
        let mut waiting = Vec::new();
        for _ in 0..5 {
            let pair = world.token().await;
            waiting.push(ask(&world, &pair).await);
            last = Some(pair);
        }
        for mut client in waiting {
            let answer = client.answer(false).await.unwrap();
            assert_eq!((answer.status, answer.reason()), (503, "AUTHZ_UNAVAILABLE"));
            assert!((1..=3).contains(&retry_after(&answer)));
        }
    }
    issuer.hold(false);
    // Within its one second, on a machine that may be busy.
    let lines = last.unwrap().lines();
    let heard =
        async { while world.connect().await.get("app.localhost", "/", &lines).await.status != 200 {} };
    tokio::time::timeout(PATIENCE, heard).await.expect("no place is free");
}

#[tokio::test]
async fn k2_q8_a_thousand_who_wait_for_one_answer_cause_one_exchange() {
    const MANY: usize = 1_000;
    let world = world(Throttle { max_exchanges: number(1), ..throttle() }).await;
    let (first, pair) = (world.token().await, world.token().await);
    // The first exchange of an account makes its keys, which is a change.
    assert_eq!(world.connect().await.get("app.localhost", "/", &first.lines()).await.status, 200);
    let issuer = &world.links[2];
    issuer.hold(true);
    let mut clients = Vec::new();
    for _ in 0..MANY {
        clients.push(ask(&world, &pair).await);
    }
    issuer.after_answers(2).await;
    issuer.hold(false);
    for mut client in clients {
        assert_eq!(client.answer(false).await.unwrap().status, 200);
    }
    assert_eq!(issuer.exchanges(), 2);
}

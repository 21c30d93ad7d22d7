//! Clients that present certificates.

use crate::authority::{Authority, Files, Leaf, connect, tls};
use crate::client::{Answer, Client, PATIENCE};
use crate::streams::{hand_over, head};
use crate::world::{Beginning, World};
use edge_gateway::config::{Mode, Proxy};
use proto::policy_evaluator::Empty;
use proto::policy_evaluator::rule::Selector;
use rcgen::{ExtendedKeyUsagePurpose, IsCa, date_time_ymd};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;

struct Scene {
    world: World,
    servers: Authority,
    clients: Authority,
    files: Files,
}

const HOSTS: &[&str] = &["app.localhost", "open.localhost", "inside.localhost"];

/// `list`: what the authority has taken back, as it is when the gateway starts.
async fn scene(mode: Mode, list: Option<fn(&Authority) -> String>) -> Scene {
    let (servers, clients, files) = (Authority::new("servers"), Authority::new("clients"), Files::default());
    let mut believed = files.clients(&clients, mode);
    believed.revocation_lists =
        list.map(|list| files.write("revoked.crl", &list(&clients))).into_iter().collect();
    let own = files.pair("own", &servers.server(HOSTS));
    let proxy = Proxy { tls: Some(tls(vec![own], Some(believed))), ..Proxy::default() };
    let world = World::open_with(Beginning { proxy, ..Beginning::default() }).await;
    Scene { world, servers, clients, files }
}

impl Scene {
    async fn client(&self, identity: Option<&Leaf>) -> Client {
        let connector = self.servers.believer(identity, &["http/1.1"]);
        Client::over(connect(&connector, self.world.gateway, "app.localhost").await.unwrap())
    }

    async fn get(&self, identity: Option<&Leaf>) -> Answer {
        self.client(identity).await.get("app.localhost", "/", "").await
    }

    /// In TLS 1.3 a client hears of it with its first answer.
    async fn is_shut_out(&self, identity: Option<&Leaf>) -> bool {
        let connector = self.servers.believer(identity, &["http/1.1"]);
        let Ok(stream) = connect(&connector, self.world.gateway, "app.localhost").await else { return true };
        let mut client = Client::over(stream);
        client.send("GET / HTTP/1.1\r\nHost: app.localhost\r\n\r\n").await;
        client.answer(false).await.is_none()
    }

    async fn ask_for(&self, selector: Selector) {
        self.world.edit("app.localhost", |_| {}, Some(selector)).await;
    }

    /// What the application was told last.
    fn assertion(&self) -> String {
        let seen = self.world.upstream.take();
        let headers = seen.last().unwrap().headers();
        let mut lines = headers.iter().filter_map(|line| line.strip_prefix("cf-access-jwt-assertion: "));
        lines.next().unwrap().to_owned()
    }
}

fn named(name: &str) -> Selector {
    Selector::CommonName(name.to_owned())
}

#[tokio::test]
async fn d1_a_certificate_is_a_credential_where_the_policies_ask_for_its_name() {
    let scene = scene(Mode::Optional, None).await;
    scene.ask_for(named("device-7")).await;
    let (right, other) = (scene.clients.client("device-7"), scene.clients.client("device-8"));
    let expected = |answer: &Answer, status: u16, reason: &str| {
        assert_eq!((answer.status, answer.reason()), (status, reason), "{}", answer.head);
    };
    for _ in 0..2 {
        expected(&scene.get(Some(&right)).await, 200, "-");
    }
    assert_eq!(scene.world.links[2].exchanges(), 1, "one session for one certificate");
    let claims = claims(&scene.assertion());
    assert!(
        claims.contains(r#""common_name":"device-7""#) && claims.contains(r#""cnf":{"x5t#S256":""#),
        "{claims}"
    );
    expected(&scene.get(Some(&other)).await, 403, "POLICY_NO_MATCH");
    expected(&scene.get(None).await, 401, "CREDENTIAL_MISSING");
    let token = scene.world.token().await;
    let answer = scene.client(None).await.get("app.localhost", "/", &token.lines()).await;
    expected(&answer, 403, "POLICY_NO_MATCH");
    // An edit of the policy counts for the next request.
    scene.ask_for(named("device-8")).await;
    expected(&scene.get(Some(&right)).await, 403, "POLICY_NO_MATCH");
    expected(&scene.get(Some(&other)).await, 200, "-");
    scene.ask_for(Selector::Certificate(Empty {})).await;
    expected(&scene.get(Some(&right)).await, 200, "-");
    expected(&scene.get(None).await, 401, "CREDENTIAL_MISSING");
}

fn claims(token: &str) -> String {
    use base64::Engine as _;
    let payload = token.split('.').nth(1).unwrap();
    String::from_utf8(base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

#[tokio::test]
async fn d1_a_certificate_that_is_not_good_gets_no_connection() {
    let scene = scene(Mode::Optional, None).await;
    scene.ask_for(Selector::Certificate(Empty {})).await;
    let strangers = Authority::new("clients");
    let leaf = |edit: fn(&mut rcgen::CertificateParams)| scene.clients.client_with("device-7", edit);
    for (why, identity) in [
        ("another authority of the same name", strangers.client("device-7")),
        ("expired", leaf(|it| it.not_after = date_time_ymd(2020, 1, 1))),
        ("not yet valid", leaf(|it| it.not_before = date_time_ymd(4000, 1, 1))),
        ("for servers", leaf(|it| it.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth])),
        ("an authority itself", leaf(|it| it.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained))),
    ] {
        assert!(scene.is_shut_out(Some(&identity)).await, "{why}");
    }
    assert!(!scene.is_shut_out(Some(&scene.clients.client("device-7"))).await);
    assert_eq!(scene.world.upstream.take().len(), 1);
}

#[tokio::test]
async fn d3_where_certificates_are_required_nobody_comes_in_without() {
    let scene = scene(Mode::Required, None).await;
    assert!(scene.is_shut_out(None).await);
    assert!(!scene.is_shut_out(Some(&scene.clients.client("anybody"))).await);
}

#[tokio::test]
async fn k1_d6_one_clients_session_is_never_anothers() {
    let scene = scene(Mode::Optional, None).await;
    scene.ask_for(Selector::Certificate(Empty {})).await;
    // The same name twice, as after a renewal: other certificates all the same.
    let identities = [scene.clients.client("a"), scene.clients.client("b"), scene.clients.client("a")];
    let mut assertions = Vec::new();
    for identity in &identities {
        assert_eq!(scene.get(Some(identity)).await.status, 200);
        assertions.push(scene.assertion());
    }
    assert!(claims(&assertions[0]).contains(r#""common_name":"a""#));
    assert!(claims(&assertions[1]).contains(r#""common_name":"b""#));
    let present = async |identity: Option<&Leaf>, assertion: &str| {
        let line = format!("Cf-Access-Token: {assertion}\r\n");
        let answer = scene.client(identity).await.get("app.localhost", "/", &line).await;
        (answer.status, answer.reason().to_owned())
    };
    let elsewhere = (401, "SESSION_BOUND_ELSEWHERE".to_owned());
    assert_eq!(present(Some(&identities[0]), &assertions[0]).await, (200, "-".to_owned()));
    assert_eq!(present(Some(&identities[1]), &assertions[0]).await, elsewhere);
    assert_eq!(present(Some(&identities[2]), &assertions[0]).await, elsewhere);
    assert_eq!(present(None, &assertions[0]).await, elsewhere);
}

#[tokio::test]
async fn d4_what_was_revoked_or_is_not_known_not_to_be_is_refused() {
    let scene = scene(Mode::Optional, Some(|authority| authority.revoke(&[]))).await;
    scene.ask_for(Selector::Certificate(Empty {})).await;
    let (doomed, other) = (scene.clients.client("doomed"), scene.clients.client("other"));
    let mut open = scene.client(Some(&doomed)).await;
    assert_eq!(open.get("app.localhost", "/", "").await.status, 200);
    scene.files.write("revoked.crl", &scene.clients.revoke(&[&doomed]));
    // The next request on a connection that was opened before.
    let ended = async {
        loop {
            let answer = open.get("app.localhost", "/", "").await;
            if answer.status != 200 {
                return (answer.status, answer.reason().to_owned());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let ended = tokio::time::timeout(PATIENCE, ended).await.unwrap();
    assert_eq!(ended, (401, "CERTIFICATE_NOT_GOOD".to_owned()));
    assert!(scene.is_shut_out(Some(&doomed)).await);
    assert_eq!(scene.get(Some(&other)).await.status, 200);
}

#[tokio::test]
async fn d4_a_list_that_is_out_of_date_or_another_authoritys_covers_nobody() {
    for list in [
        (|authority: &Authority| authority.list(Vec::new(), 2020)) as fn(&Authority) -> String,
        |_| Authority::new("clients").revoke(&[]),
        |_| Authority::new("others").revoke(&[]),
    ] {
        let scene = scene(Mode::Optional, Some(list)).await;
        assert!(scene.is_shut_out(Some(&scene.clients.client("device-7"))).await);
        assert!(!scene.is_shut_out(None).await);
    }
}

#[tokio::test]
async fn d8_open_streams_end_with_what_let_them_in() {
    let scene = scene(Mode::Optional, Some(|authority| authority.revoke(&[]))).await;
    scene.ask_for(Selector::Certificate(Empty {})).await;
    let mut applications = hand_over(&scene.world);
    let (doomed, other) = (scene.clients.client("doomed"), scene.clients.client("other"));
    let mut riders = Vec::new();
    for identity in [&doomed, &other] {
        let mut client = scene.client(Some(identity)).await;
        client.send("GET /events HTTP/1.1\r\nHost: app.localhost\r\n\r\n").await;
        let mut application = applications.recv().await.unwrap();
        head(&mut application).await;
        application.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello").await.unwrap();
        riders.push((client, application));
    }
    scene.files.write("revoked.crl", &scene.clients.revoke(&[&doomed]));
    let (mut ended, _first) = riders.remove(0);
    assert!(!ended.answer(false).await.unwrap().is_whole);
    let (mut ended, mut second) = riders.remove(0);
    second.write_all(b"w").await.unwrap();
    scene.ask_for(named("nobody")).await;
    assert!(!ended.answer(false).await.unwrap().is_whole);
}

#[tokio::test]
async fn d2_bad_files_keep_the_gateway_from_starting_and_are_named() {
    let (servers, clients, files) = (Authority::new("servers"), Authority::new("clients"), Files::default());
    let own = files.pair("own", &servers.server(HOSTS));
    let (good, another) = (servers.server(HOSTS), servers.server(HOSTS));
    let nameless = servers.client("nobody");
    let expired = Authority::with("old", |it| it.not_after = date_time_ymd(2020, 1, 1));
    let pair = |name: &str, certificate: &str, key: &str| edge_gateway::config::Certificate {
        certificate: files.write(&format!("{name}.pem"), certificate),
        key: files.write(&format!("{name}.key"), key),
    };
    let mut missing = files.pair("gone", &good);
    missing.key = files.folder().join("nowhere.key");
    let believed = |name: &str, text: &str| {
        let mut believed = files.clients(&clients, Mode::Required);
        believed.authorities = files.write(name, text);
        Some(believed)
    };
    let listed = |name: &str, text: &str| {
        let mut believed = files.clients(&clients, Mode::Required);
        believed.revocation_lists = vec![files.write(name, text)];
        Some(believed)
    };
    let cases = [
        ("mismatched.key", pair("mismatched", &good.certificate, &another.key), None),
        ("no-key.key", pair("no-key", &good.certificate, "nonsense"), None),
        ("no-chain.pem", pair("no-chain", "nonsense", &good.key), None),
        ("nameless.pem", pair("nameless", &nameless.certificate, &nameless.key), None),
        ("nowhere.key", missing, None),
        ("empty.pem", own.clone(), believed("empty.pem", "")),
        ("leaf.pem", own.clone(), believed("leaf.pem", &good.certificate)),
        ("old.pem", own.clone(), believed("old.pem", &expired.pem)),
        ("empty.crl", own.clone(), listed("empty.crl", "")),
        ("no-list.crl", own, listed("no-list.crl", &clients.pem)),
    ];
    for (file, certificate, client) in cases {
        let proxy = Proxy { tls: Some(tls(vec![certificate], client)), ..Proxy::default() };
        let error = World::refusal(Beginning { proxy, ..Beginning::default() }).await;
        assert!(error.message().contains(file), "{file}: {}", error.message());
        assert!(!error.message().contains("PRIVATE"), "{error}");
    }
}

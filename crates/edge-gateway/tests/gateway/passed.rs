//! Client certificates that other proxies have seen: heard where that is configured, verified here, and bound to.

mod proxies;

use crate::authority::{Authority, Files, Leaf};
use crate::client::PATIENCE;
use crate::ext_authz::{Asked, Envoy};
use crate::forward_auth::{ALL, Dialect, only};
use crate::world::{Beginning, World};
use edge_gateway::config::{PassedCertificates, Proxy};
use proto::policy_evaluator::Empty;
use proto::policy_evaluator::rule::Selector;
use rcgen::{ExtendedKeyUsagePurpose, date_time_ymd};
use std::time::Duration;

struct Scene {
    world: World,
    clients: Authority,
    files: Files,
}

/// `envoys`: whose word counts.
async fn scene(envoys: &str) -> Scene {
    let (clients, files) = (Authority::new("clients"), Files::default());
    let passed = PassedCertificates {
        authorities: files.write("clients.pem", &clients.pem),
        revocation_lists: vec![files.write("revoked.crl", &clients.revoke(&[]))],
        header: Some("X-Client-Cert".to_owned()),
        envoys: vec![envoys.parse().unwrap()],
    };
    let proxy = Proxy { passed_certificates: Some(passed), ..Proxy::default() };
    let world = World::open_with(Beginning { proxy, ..Beginning::default() }).await;
    Scene { world, clients, files }
}

/// As nginx and Envoy write it.
fn escaped(leaf: &Leaf) -> String {
    leaf.certificate.replace('\n', "%0A").replace(' ', "%20").replace('+', "%2B").replace('=', "%3D")
}

/// DER in base64, as `HAProxy` and Caddy write it.
fn plain(leaf: &Leaf) -> String {
    leaf.certificate.lines().filter(|line| !line.starts_with('-')).collect()
}

#[derive(Debug, Clone, Copy)]
enum Front {
    Envoy,
    Asked(Dialect),
}

fn fronts() -> Vec<Front> {
    std::iter::once(Front::Envoy).chain(ALL.map(Front::Asked)).collect()
}

impl Scene {
    /// Status, reason and session.
    async fn ask(&self, front: Front, text: &str, credential: &[(&str, &str)]) -> (u16, String, String) {
        match front {
            Front::Envoy => {
                let mut asked = Asked { certificate: text.to_owned(), ..Asked::new("app.localhost", "/") };
                for (name, value) in credential {
                    asked = asked.with(&name.to_lowercase(), value);
                }
                let verdict = Envoy::of(&self.world).await.ask(&asked).await;
                let said = |name: &str| {
                    let found = verdict.set.iter().find(|(it, _)| it == name);
                    found.map(|(_, value)| value.clone()).unwrap_or_default()
                };
                (verdict.status, said("cf-access-error"), said("cf-access-jwt-assertion"))
            }
            Front::Asked(dialect) => {
                let lines = credential.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
                let lines = lines.chain([format!("X-Client-Cert: {text}\r\n")]).collect::<String>();
                let answer = self.world.asker().await.ask(dialect, "app.localhost", "/", &lines).await;
                let session =
                    if answer.status == 200 { only(&answer, "cf-access-jwt-assertion") } else { "" }
                        .to_owned();
                let reason = answer.reason().trim_matches('-').to_owned();
                (answer.status, reason, session)
            }
        }
    }

    async fn ask_for(&self, selector: Selector) {
        self.world.edit("app.localhost", |_| {}, Some(selector)).await;
    }
}

fn refused(status: u16, reason: &str) -> (u16, String, String) {
    (status, reason.to_owned(), String::new())
}

#[tokio::test]
async fn d1_a_passed_certificate_is_judged_as_one_that_was_presented() {
    let scene = scene("127.0.0.0/8").await;
    scene.ask_for(Selector::CommonName("device-7".to_owned())).await;
    let (right, other) = (scene.clients.client("device-7"), scene.clients.client("device-8"));
    for front in fronts() {
        for text in [escaped(&right), plain(&right), format!(":{}:", plain(&right))] {
            let (status, reason, session) = scene.ask(front, &text, &[]).await;
            assert_eq!((status, &*reason), (200, ""), "{front:?}");
            assert!(session.len() > 100, "{front:?} {session}");
        }
        assert_eq!(
            scene.ask(front, &escaped(&other), &[]).await,
            refused(403, "POLICY_NO_MATCH"),
            "{front:?}"
        );
        assert_eq!(scene.ask(front, "", &[]).await, refused(401, "CREDENTIAL_MISSING"), "{front:?}");
    }
    scene.ask_for(Selector::Certificate(Empty {})).await;
    for front in fronts() {
        assert_eq!(scene.ask(front, &escaped(&other), &[]).await.0, 200, "{front:?}");
    }
}

#[tokio::test]
async fn c6_a_session_had_with_a_passed_certificate_is_good_with_it_alone() {
    let scene = scene("127.0.0.0/8").await;
    scene.ask_for(Selector::Certificate(Empty {})).await;
    let (one, other) = (scene.clients.client("one"), scene.clients.client("other"));
    for front in fronts() {
        let session = scene.ask(front, &escaped(&one), &[]).await.2;
        let with_it = [("Cf-Access-Token", &*session)];
        assert_eq!(scene.ask(front, &plain(&one), &with_it).await.0, 200, "{front:?}");
        for text in ["", &escaped(&other)] {
            let told = scene.ask(front, text, &with_it).await;
            assert_eq!(told, refused(401, "SESSION_BOUND_ELSEWHERE"), "{front:?}");
        }
    }
}

#[tokio::test]
async fn t9_a_proxys_word_does_not_make_a_certificate_good() {
    let scene = scene("127.0.0.0/8").await;
    scene.ask_for(Selector::Certificate(Empty {})).await;
    let stranger = Authority::new("clients");
    let purposes = [ExtendedKeyUsagePurpose::ServerAuth];
    let bad = [
        stranger.client("device-7"),
        scene.clients.client_with("old", |it| it.not_after = date_time_ymd(2020, 1, 1)),
        scene.clients.client_with("server", |it| it.extended_key_usages = purposes.to_vec()),
    ];
    for front in fronts() {
        for leaf in &bad {
            let told = scene.ask(front, &escaped(leaf), &[]).await;
            assert_eq!(told, refused(401, "CERTIFICATE_NOT_GOOD"), "{front:?}");
        }
        let told = scene.ask(front, "FAILED:certificate has expired", &[]).await;
        assert_eq!(told, refused(400, "PROXY_CERTIFICATE_MALFORMED"), "{front:?}");
    }
    // One that is taken back later is not good either, though it was.
    let leaf = scene.clients.client("device-7");
    for front in fronts() {
        assert_eq!(scene.ask(front, &escaped(&leaf), &[]).await.0, 200, "{front:?}");
    }
    scene.files.write("revoked.crl", &scene.clients.revoke(&[&leaf]));
    for front in fronts() {
        let gone = async {
            while scene.ask(front, &escaped(&leaf), &[]).await != refused(401, "CERTIFICATE_NOT_GOOD") {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, gone).await.unwrap_or_else(|_| panic!("{front:?} goes on"));
    }
}

#[tokio::test]
async fn p13_nobody_is_heard_who_is_not_listed_or_where_nothing_is_configured() {
    let scene = scene("192.0.2.0/24").await;
    scene.ask_for(Selector::Certificate(Empty {})).await;
    let leaf = scene.clients.client("device-7");
    let told = scene.ask(Front::Envoy, &escaped(&leaf), &[]).await;
    assert_eq!(told, refused(401, "CREDENTIAL_MISSING"));
    // Two headers: one of them is the client's.
    for dialect in ALL {
        let twice = format!("X-Client-Cert: {}\r\nX-Client-Cert: \r\n", escaped(&leaf));
        let answer = scene.world.asker().await.ask(dialect, "app.localhost", "/", &twice).await;
        assert_eq!((answer.status, answer.reason()), (400, "PROXY_HEADER_AMBIGUOUS"), "{dialect:?}");
        let twin = format!("X_Client_Cert: {}\r\n", escaped(&leaf));
        let answer = scene.world.asker().await.ask(dialect, "app.localhost", "/", &twin).await;
        assert_eq!(answer.reason(), "HEADER_AMBIGUOUS", "{dialect:?}");
    }
    let unconfigured = Scene { world: World::open().await, ..scene };
    unconfigured.ask_for(Selector::Certificate(Empty {})).await;
    for front in fronts() {
        let told = unconfigured.ask(front, &escaped(&leaf), &[]).await;
        assert_eq!(told, refused(401, "CREDENTIAL_MISSING"), "{front:?}");
    }
    // At the gateway's own listener the header is nobody's word.
    let lines = format!("X-Client-Cert: {}\r\n", escaped(&leaf));
    let answer = unconfigured.world.connect().await.get("app.localhost", "/", &lines).await;
    assert_eq!(answer.reason(), "CREDENTIAL_MISSING");
}

#[tokio::test]
async fn a_header_that_applications_would_get_is_refused_at_start() {
    let files = Files::default();
    let passed = PassedCertificates {
        authorities: files.write("clients.pem", &Authority::new("clients").pem),
        revocation_lists: Vec::new(),
        header: Some("X-Cert".to_owned()),
        envoys: Vec::new(),
    };
    let proxy = Proxy { passed_certificates: Some(passed), ..Proxy::default() };
    let refusal = World::refusal(Beginning { proxy, ..Beginning::default() }).await;
    assert!(refusal.to_string().contains("passed_certificates.header"), "{refusal}");
}

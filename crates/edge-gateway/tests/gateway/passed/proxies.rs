//! Real Envoy and nginx that end TLS, with the recipes of `deploy/` and what their READMEs add for client certificates.
//! `make edges` runs them: both programs have to be there.

use super::{Scene, escaped, scene};
use crate::authority::{Authority, Files, Leaf, connect};
use crate::client::{Answer, Client, PATIENCE};
use local_servers::Search;
use local_servers::proxy::{Kind, Proxy};
use proto::policy_evaluator::Empty;
use proto::policy_evaluator::rule::Selector;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A proxy that takes whatever certificate a client presents: what it is worth is said by Sallyport.
struct Edge {
    scene: Scene,
    servers: Authority,
    proxy: Proxy,
    _files: Files,
}

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy")
}

impl Edge {
    async fn start(kind: Kind) -> Self {
        let scene = scene("127.0.0.0/8").await;
        let (servers, files) = (Authority::new("servers"), Files::default());
        let own = files.pair("own", &servers.server(&["app.localhost"]));
        let (certificate, key) = (own.certificate.display().to_string(), own.key.display().to_string());
        let believed = files.write("believed.pem", &scene.clients.pem).display().to_string();
        let (upstream, world) = (scene.world.upstream.address.port().to_string(), &scene.world);
        let configure = |port: u16, _: &Path| {
            let (names, asks): (&[&str], _) = match kind {
                Kind::Envoy => (&["envoy/envoy.yaml"], world.ext_authz),
                _ => (
                    &[
                        "nginx/nginx.conf",
                        "nginx/sallyport_http.conf",
                        "nginx/sallyport_server.conf",
                        "nginx/sallyport_location.conf",
                    ],
                    world.forward_auth,
                ),
            };
            let read = |name: &&str| {
                let text = std::fs::read_to_string(deploy().join(name)).unwrap();
                let text = text
                    .replace("listen 127.0.0.1:8080;", &format!(
                        "listen 127.0.0.1:{port} ssl;\nssl_certificate {certificate};\nssl_certificate_key {key};\n\
                         ssl_verify_client optional_no_ca;"
                    ))
                    .replace("- filters:", &format!(
                        "- transport_socket:\n\
                         \x20           name: envoy.transport_sockets.tls\n\
                         \x20           typed_config:\n\
                         \x20             \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext\n\
                         \x20             common_tls_context:\n\
                         \x20               tls_certificates: [{{certificate_chain: {{filename: {certificate}}}, private_key: {{filename: {key}}}}}]\n\
                         \x20               validation_context: {{trusted_ca: {{filename: {believed}}}, trust_chain_verification: ACCEPT_UNTRUSTED}}\n\
                         \x20         filters:"
                    ))
                    .replace("encode_raw_headers: true", "encode_raw_headers: true\n                      include_peer_certificate: true")
                    .replace("port_value: 8080", &format!("port_value: {port}"))
                    .replace("port_value: 9001", &format!("port_value: {}", asks.port()))
                    .replace("port_value: 3000", &format!("port_value: {upstream}"))
                    .replace("127.0.0.1:9001", &asks.to_string())
                    .replace("127.0.0.1:3000", &format!("127.0.0.1:{upstream}"));
                (name.rsplit('/').next().unwrap().to_owned(), text)
            };
            Ok(names.iter().map(read).collect())
        };
        let proxy = Proxy::throwaway(kind, &Search::workspace(), configure).await.unwrap();
        let edge = Self { scene, servers, proxy, _files: files };
        // Envoy accepts connections before it knows that Sallyport is well.
        let asks = async {
            while edge.get(None, "").await.is_none_or(|answer| answer.status != 401) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, asks).await.expect("the proxy asks");
        edge
    }

    async fn get(&self, identity: Option<&Leaf>, lines: &str) -> Option<Answer> {
        let connector = self.servers.believer(identity, &["http/1.1"]);
        let mut client = Client::over(connect(&connector, self.proxy.address, "app.localhost").await.ok()?);
        client.send(format!("GET / HTTP/1.1\r\nHost: app.localhost\r\n{lines}\r\n")).await;
        client.answer(false).await
    }

    async fn outcome(&self, identity: Option<&Leaf>, lines: &str) -> (u16, String) {
        let answer = self.get(identity, lines).await.unwrap();
        (answer.status, answer.reason().to_owned())
    }
}

async fn judges_the_certificate_of_the_connection(kind: Kind) {
    let edge = Edge::start(kind).await;
    edge.scene.ask_for(Selector::CommonName("device-7".to_owned())).await;
    let clients = &edge.scene.clients;
    let (right, other) = (clients.client("device-7"), clients.client("device-8"));
    let stranger = Authority::new("clients").client("device-7");
    let refused = |status: u16, reason: &str| (status, reason.to_owned());
    assert_eq!(edge.outcome(None, "").await, refused(401, "CREDENTIAL_MISSING"));
    edge.scene.world.upstream.take();
    assert_eq!(edge.outcome(Some(&right), "").await, refused(200, "-"));
    let seen = edge.scene.world.upstream.take().pop().unwrap().head.to_lowercase();
    assert!(seen.contains("cf-access-jwt-assertion: ey") && !seen.contains("-cert:"), "{seen}");
    assert_eq!(edge.outcome(Some(&other), "").await, refused(403, "POLICY_NO_MATCH"));
    assert_eq!(edge.outcome(Some(&stranger), "").await, refused(401, "CERTIFICATE_NOT_GOOD"));
    // Whatever a client says of certificates, in headers, is not heard and not passed on.
    for (name, value) in [
        ("X-Client-Cert", escaped(&right)),
        ("X-Client-Cert", String::new()),
        ("X-Forwarded-Client-Cert", format!("Cert=\"{}\"", escaped(&right))),
        ("X-SSL-Client-Cert", escaped(&right)),
    ] {
        let lines = format!("{name}: {value}\r\n");
        assert_eq!(edge.outcome(None, &lines).await, refused(401, "CREDENTIAL_MISSING"), "{name}");
        assert_eq!(edge.outcome(Some(&other), &lines).await, refused(403, "POLICY_NO_MATCH"), "{name}");
    }
    edge.scene.ask_for(Selector::Certificate(Empty {})).await;
    let session = edge.get(Some(&right), "").await.map(|answer| answer.status);
    assert_eq!(session, Some(200));
}

#[tokio::test]
#[ignore = "needs Envoy: make edges"]
async fn h4_envoy_passes_on_the_certificate_of_the_connection_alone() {
    Box::pin(judges_the_certificate_of_the_connection(Kind::Envoy)).await;
}

#[tokio::test]
#[ignore = "needs nginx: make edges"]
async fn h4_nginx_passes_on_the_certificate_of_the_connection_alone() {
    Box::pin(judges_the_certificate_of_the_connection(Kind::Nginx)).await;
}

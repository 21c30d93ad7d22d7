//! `cloudflared access curl` and `access token`: which application answers is discovered, by a signed statement, before a
//! session that is kept is sent anywhere. What cloudflared 2026.8 sends is replayed, and judged as it judges; and itself,
//! where it is at hand.

use super::PATIENCE;
use crate::in_a_world;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use harness::objects::{App, Token};
use harness::upstream::Upstream;
use harness::{World, jwt};
use model::{Clock as _, SystemClock};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// cloudflared believes no other kind of host.
const TEAM: &str = "team.cloudflareaccess.com";
const AGENT: &str = "cloudflared/2026.8.2";

/// One answer, whole: the connection ends with it.
struct Answer {
    head: String,
    body: String,
}

impl Answer {
    fn status(&self) -> &str {
        self.head.get(9..12).unwrap_or_default()
    }

    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut values = lines.filter(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        let value = values.next();
        assert!(values.next().is_none(), "{name} came twice: {}", self.head);
        value
    }
}

/// Sends what a Go client writes, in its order and spelling, with `Connection: close`: written by cloudflared's source, not
/// recorded.
async fn send(world: &World, method: &str, target: &str, host: &str, lines: &[(&str, &str)]) -> Answer {
    let lines = lines.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect::<Vec<_>>().concat();
    let request = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n{lines}Connection: close\r\n\r\n");
    let mut stream = TcpStream::connect(world.gateway().address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("an answer").unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    Answer { head: head.to_owned(), body: body.to_owned() }
}

fn text<'v>(of: &'v Value, name: &str) -> Option<&'v str> {
    of.get(name).and_then(Value::as_str)
}

/// As it is believed: the signature by a key that the team domain serves, then each claim.
async fn believed(world: &World, host: &str, metadata: &str) -> Result<Value, String> {
    let claims = jwt::claims(metadata);
    let domain = text(&claims, "auth_domain").ok_or("no auth_domain")?;
    if !domain.ends_with(".cloudflareaccess.com") {
        return Err(format!("{domain} is nobody's team domain"));
    }
    let keys = send(
        world,
        "GET",
        "/cdn-cgi/access/certs",
        domain,
        &[("User-Agent", "Go-http-client/1.1"), ("Accept-Encoding", "gzip")],
    );
    let keys = keys.await;
    assert_eq!(keys.status(), "200");
    let keys: Value = serde_json::from_str(&keys.body).unwrap();
    let header = jwt::header(metadata);
    let mut keys = keys.get("keys").and_then(Value::as_array).unwrap().iter();
    let key = keys.find(|key| key.get("kid") == header.get("kid")).ok_or("no such key")?;
    let number = |name: &str| URL_SAFE_NO_PAD.decode(text(key, name).unwrap()).unwrap();
    let key = RsaPublicKeyComponents { n: number("n"), e: number("e") };
    let (message, signature) = metadata.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|error| error.to_string())?;
    key.verify(&RSA_PKCS1_2048_8192_SHA256, message.as_bytes(), &signature).map_err(|_| "not signed")?;
    let (now, issued) =
        (SystemClock.now().as_seconds(), claims.get("iat").and_then(Value::as_i64).ok_or("no iat")?);
    let says = |name: &str, value: &str| text(&claims, name) == Some(value);
    let names_one = text(&claims, "aud").is_some_and(|aud| !aud.is_empty());
    if !says("hostname", host) || !says("type", "match") || !names_one {
        return Err(format!("not of {host}: {claims}"));
    }
    if !(now - 86_400..=now + 300).contains(&issued) {
        return Err(format!("issued at {issued}, and it is {now}"));
    }
    Ok(claims)
}

async fn with_team(facts: impl AsyncFnOnce(&World, App, Token)) {
    let team = ["--team-domain".to_owned(), format!("https://{TEAM}")];
    in_a_world(Some(Upstream::start().await), &team, async |world| {
        let (app, token) = world.opened().await;
        facts(world, app, token).await;
    })
    .await;
}

async fn discover(world: &World, host: &str) -> Answer {
    let lines = [("User-Agent", AGENT), ("Cf-Access-Metadata-Request", "true")];
    send(world, "HEAD", "/deep/path?x=1", host, &lines).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_is_discovered_and_a_kept_session_is_checked_and_used() {
    with_team(async |world, app, token| {
        let session = world.gateway().session(&app, &token).await;
        let answer = discover(world, &app.domain).await;
        assert_eq!((answer.status(), &*answer.body), ("401", ""));
        let metadata = answer.header("cf-access-metadata").expect("metadata");
        let claims = believed(world, &app.domain, metadata).await.unwrap();
        assert_eq!((&claims["aud"], &claims["app_hostname"]), (&json!(app.aud), &json!(app.domain)));
        // The session is good for what was discovered, or it is thrown away.
        assert!(jwt::claims(&session)["aud"].as_array().unwrap().contains(&claims["aud"]));
        let check = [("User-Agent", AGENT), ("Cf-Access-Token", &session), ("Accept-Encoding", "gzip")];
        let checked =
            send(world, "GET", "/deep/path?cloudflared_token_check=true&x=1", &app.domain, &check).await;
        assert_eq!(checked.status(), "200", "{}", checked.head);
        let curl = [("User-Agent", "curl/7.88.1"), ("Accept", "*/*"), ("Cf-Access-Token", &session)];
        let used = send(world, "GET", "/deep/path?x=1", &app.domain, &curl).await;
        assert_eq!(used.status(), "200");
        assert!(used.body.contains("cf-access-jwt-assertion") && !used.body.contains("cf-access-token"));
        world.rest.put(&token.path(), &json!({"enabled": false})).await.result(200);
        // No redirect to a login page, which would start a browser.
        let refused = send(world, "GET", "/deep/path?x=1", &app.domain, &curl).await;
        assert_eq!((refused.status(), refused.header("location")), ("401", None));
    })
    .await;
}

/// What a thief of sessions would say: a host of his own is the application.
#[tokio::test(flavor = "multi_thread")]
async fn another_hosts_metadata_and_an_altered_one_are_not_believed() {
    with_team(async |world, app, _token| {
        let answer = discover(world, &app.domain).await;
        let metadata = answer.header("cf-access-metadata").expect("metadata");
        assert!(
            believed(world, "evil.example", metadata).await.unwrap_err().starts_with("not of evil.example")
        );
        let mut claims = jwt::claims(metadata);
        claims["hostname"] = json!("evil.example");
        let (_, signature) = metadata.rsplit_once('.').unwrap();
        let forged = format!("{}.{signature}", jwt::unsigned(&jwt::header(metadata), &claims));
        assert_eq!(believed(world, "evil.example", &forged).await.unwrap_err(), "not signed");
        let unknown = discover(world, "evil.example").await;
        assert_eq!(unknown.header("cf-access-metadata"), None);
    })
    .await;
}

/// Until 2026.7.3 it followed redirects to a login page, or took these two headers of a 401 or 403.
#[tokio::test(flavor = "multi_thread")]
async fn older_versions_discover_it_by_the_refusals_headers() {
    with_team(async |world, app, _token| {
        let answer = send(world, "HEAD", "/", &app.domain, &[("User-Agent", "cloudflared/2026.7.3")]).await;
        assert_eq!((answer.status(), answer.header("location")), ("401", None));
        assert_eq!(answer.header("cf-access-aud"), Some(&*app.aud));
        assert_eq!(answer.header("cf-access-domain"), Some(&*app.domain));
    })
    .await;
}

/// The program's surroundings: a home, a proxy that is every host, and a certificate to trust.
struct Machine {
    home: tempfile::TempDir,
    front: Child,
    port: String,
}

impl Machine {
    async fn start(world: &World, hosts: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".cloudflared")).unwrap();
        let mut front = Command::new(harness::root().join(".tools/bin/python"));
        front.arg(harness::root().join("tests/conformance/python/connect_front.py"));
        front.env_clear().env("PYTHONDONTWRITEBYTECODE", "1").env("SALLYPORT_HOSTS", hosts.join(","));
        front.env("SALLYPORT_GATEWAY", format!("http://{}", world.gateway().address));
        front.env("SALLYPORT_CERTIFICATE", home.path().join("certificate.pem"));
        let mut front =
            front.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut lines = tokio::io::BufReader::new(front.stdout.take().unwrap()).lines();
        let port = lines.next_line().await.unwrap().expect("a port");
        Self { home, front, port }
    }

    fn kept(&self, app: &App) -> std::path::PathBuf {
        self.home.path().join(".cloudflared").join(format!("{}-{}-token", app.domain, app.aud))
    }

    /// Whether it went well, and what it printed.
    async fn run(&self, program: &Path, arguments: &[&str]) -> (bool, String, String) {
        let mut command = Command::new(program);
        command.arg("access").args(arguments).env_clear().env("HOME", self.home.path());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HTTPS_PROXY", format!("http://127.0.0.1:{}", self.port));
        for name in ["SSL_CERT_FILE", "CURL_CA_BUNDLE"] {
            command.env(name, self.home.path().join("certificate.pem"));
        }
        let ran = command.stdin(Stdio::null()).kill_on_drop(true).output();
        let ran = tokio::time::timeout(PATIENCE, ran).await.expect("cloudflared ends").unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (ran.status.success(), text(ran.stdout), text(ran.stderr))
    }

    async fn stop(mut self) {
        self.front.kill().await.unwrap();
    }
}

/// With `CLOUDFLARED`: the program, and curl.
#[tokio::test(flavor = "multi_thread")]
async fn cloudflared_itself_discovers_and_uses_a_session() {
    let Some(program) = std::env::var_os("CLOUDFLARED") else {
        println!("CLOUDFLARED is not set: its discovery is replayed, it does not run");
        return;
    };
    let program = Path::new(&program);
    with_team(async |world, app, token| {
        let session = world.gateway().session(&app, &token).await;
        let machine = Machine::start(world, &[&app.domain, TEAM, "nobody.localhost"]).await;
        let url = format!("https://{}/deep/path?x=1", app.domain);
        let (_, out, error) = machine.run(program, &["token", &format!("--app={url}")]).await;
        assert!(out.is_empty() && error.contains("Unable to find token"), "{out}{error}");
        std::fs::write(machine.kept(&app), &session).unwrap();

        let (is_good, out, error) = machine.run(program, &["token", &format!("--app={url}")]).await;
        assert!(is_good, "{error}");
        assert_eq!(out, session);
        let (is_good, out, error) = machine.run(program, &["curl", &url, "--silent", "--include"]).await;
        assert!(is_good, "{error}");
        assert!(out.contains("200 OK") && out.contains("/deep/path?x=1"), "{out}{error}");
        assert!(out.contains("cf-access-jwt-assertion") && !out.contains("cf-access-token"), "{out}");

        world.rest.put(&token.path(), &json!({"enabled": false})).await.result(200);
        let (_, out, _) = machine.run(program, &["curl", &url, "--silent", "--include"]).await;
        assert!(out.contains("401 Unauthorized") && out.contains("TOKEN_DISABLED"), "{out}");
        let (is_good, _, error) = machine.run(program, &["curl", "https://nobody.localhost/"]).await;
        assert!(!is_good && error.contains("failed to find Access application"), "{error}");
        machine.stop().await;
        println!(
            "cloudflared discovered the application, printed its session, and curl was let through with it"
        );
    })
    .await;
}

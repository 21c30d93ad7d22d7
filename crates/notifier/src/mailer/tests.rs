use super::*;
use model::ErrorKind;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

const FROM: &str = "Sallyport <alerts@example.com>";

/// The real server of `tests/smtp_server.py`. Ends with its value.
pub struct MailServer {
    pub port: u16,
    lines: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

impl MailServer {
    pub async fn start(options: Value) -> Self {
        let home = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = home.join("../../.tools/bin/python");
        assert!(python.exists(), "run deploy/dev/install-servers --with-clients first");
        let mut process = Command::new(python)
            .arg(home.join("tests/smtp_server.py"))
            .arg(options.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // It complains at length about the clients that these tests make misbehave.
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let first = lines.next_line().await.unwrap().expect("the mail server did not start");
        let port = serde_json::from_str::<Value>(&first).unwrap()["port"].as_u64().unwrap();
        Self { port: u16::try_from(port).unwrap(), lines, _process: process }
    }

    pub async fn received(&mut self) -> Value {
        serde_json::from_str(&self.lines.next_line().await.unwrap().unwrap()).unwrap()
    }
}

fn mail() -> Mail {
    Mail {
        id: "0123456789abcdef0123456789abcdef".to_owned(),
        to: "ops@example.com".to_owned(),
        subject: "Service token \"Zürich\" expires in 7 days".to_owned(),
        text: "The service token \"Zürich\" expires.\n\n.\nFrom here\n".to_owned(),
        at: Timestamp::from_millis(1_800_000_000_000),
    }
}

fn header<'a>(content: &'a str, name: &str) -> &'a str {
    let head = content.split("\r\n\r\n").next().unwrap();
    head.split("\r\n").find_map(|line| line.strip_prefix(&format!("{name}: "))).unwrap_or_default()
}

#[tokio::test]
async fn a_mail_is_handed_over_by_smtp() {
    let mut server = MailServer::start(json!({})).await;
    let mailer = connect(&format!("smtp://127.0.0.1:{}", server.port), FROM, None).unwrap();
    mailer.send(&mail()).await.unwrap();
    let received = server.received().await;
    assert_eq!(
        (&received["from"], &received["to"]),
        (&json!("alerts@example.com"), &json!(["ops@example.com"]))
    );
    let content = received["content"].as_str().unwrap();
    assert_eq!(header(content, "Message-ID"), "<0123456789abcdef0123456789abcdef@example.com>");
    assert_eq!(header(content, "From"), "Sallyport <alerts@example.com>");
    assert_eq!(header(content, "To"), "ops@example.com");
    assert_eq!(header(content, "Date"), "Fri, 15 Jan 2027 08:00:00 +0000");
    assert_eq!(header(content, "Auto-Submitted"), "auto-generated");
    assert!(content.contains("\r\n.\r\nFrom here"), "a lone dot must not end the mail: {content}");
}

#[tokio::test]
async fn a_refused_and_a_lost_answer_are_retried_under_the_same_message_id() {
    let mut server = MailServer::start(json!({ "answers": ["451", "554", "drop", "ok"] })).await;
    let mailer = connect(&format!("smtp://127.0.0.1:{}", server.port), FROM, None).unwrap();
    for _ in 0..3 {
        let error = mailer.send(&mail()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }
    mailer.send(&mail()).await.unwrap();
    let mut ids = Vec::new();
    for _ in 0..4 {
        let content = server.received().await["content"].as_str().unwrap().to_owned();
        ids.push(header(&content, "Message-ID").to_owned());
    }
    assert!(ids[0].starts_with("<0123456789abcdef") && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

#[tokio::test]
async fn a_server_that_never_answers_is_left_in_time() {
    let mut server = MailServer::start(json!({ "answers": ["silence"] })).await;
    let (url, from) = check(&format!("smtp://127.0.0.1:{}", server.port), FROM).unwrap();
    let mut mailer = smtp::Smtp::new(&url, from, None).unwrap();
    // Long enough for all that comes before the silence.
    mailer.longest = std::time::Duration::from_secs(5);
    let error = mailer.send(&mail()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("no answer in time"), "{error}");
    server.received().await;
}

/// A certificate for `localhost` in files, and the authority that signed it.
fn certificate(folder: &Path) -> (PathBuf, PathBuf, PathBuf) {
    let mut authority = rcgen::CertificateParams::default();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf =
        rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let file = |name: &str, content: String| {
        std::fs::write(folder.join(name), content).unwrap();
        folder.join(name)
    };
    (file("ca.pem", authority_pem), file("leaf.pem", leaf.pem()), file("key.pem", key.serialize_pem()))
}

#[tokio::test]
async fn starttls_and_login_are_spoken_and_certificates_verified() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, certificate, key) = certificate(folder.path());
    let options =
        json!({ "certificate": certificate, "key": key, "user": "notifier", "password": "hunter2!" });
    let mut server = MailServer::start(options).await;
    let url = |password: &str| format!("smtp+starttls://notifier:{password}@localhost:{}", server.port);

    let strangers = connect(&url("hunter2%21"), FROM, None).unwrap();
    let error = strangers.send(&mail()).await.unwrap_err().to_string();
    assert!(error.to_lowercase().contains("certificate"), "{error}");

    let wrong = connect(&url("letmein"), FROM, Some(&authority)).unwrap();
    let error = wrong.send(&mail()).await.unwrap_err().to_string();
    assert!(error.contains("535") && !error.contains("letmein"), "{error}");

    let mailer = connect(&url("hunter2%21"), FROM, Some(&authority)).unwrap();
    mailer.send(&mail()).await.unwrap();
    assert_eq!(server.received().await["encrypted"], true);
}

#[tokio::test]
async fn required_encryption_is_not_given_up() {
    let server = MailServer::start(json!({})).await;
    for scheme in ["smtp+starttls", "smtps"] {
        let mailer = connect(&format!("{scheme}://127.0.0.1:{}", server.port), FROM, None).unwrap();
        assert!(mailer.send(&mail()).await.is_err(), "{scheme}");
    }
}

#[tokio::test]
async fn no_field_becomes_a_header() {
    let folder = tempfile::tempdir().unwrap();
    let mailer = connect(&format!("file://{}", folder.path().display()), FROM, None).unwrap();
    for break_ in ["\r\n", "\n", "\r", "\r\n ", "\u{85}", "\u{2028}"] {
        let evil = Mail {
            subject: format!("hello{break_}Bcc: victim@example.com{break_}{break_}<script>"),
            ..mail()
        };
        mailer.send(&evil).await.unwrap();
        let content = std::fs::read_to_string(folder.path().join(format!("{}.eml", evil.id))).unwrap();
        let head = content.split("\r\n\r\n").next().unwrap();
        assert!(
            !head.lines().any(|line| line.starts_with("Bcc") || line.starts_with("<script>")),
            "{content}"
        );
        assert_eq!(head.matches('\n').count(), head.matches("\r\n").count(), "{content}");

        let evil = Mail { to: format!("a@example.com{break_}Bcc: victim@example.com"), ..mail() };
        assert!(mailer.send(&evil).await.is_err());
    }
}

#[tokio::test]
async fn the_outbox_holds_each_mail_once_and_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mailer = connect(&format!("file://{}/new/outbox", folder.path().display()), FROM, None).unwrap();
    mailer.send(&mail()).await.unwrap();
    mailer.send(&mail()).await.unwrap();
    let names = std::fs::read_dir(folder.path().join("new/outbox")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    assert_eq!(names, ["0123456789abcdef0123456789abcdef.eml"]);
}

#[test]
fn other_urls_are_refused() {
    for url in ["", "mail.example.com", "http://mail", "smtp:", "smtps://"] {
        assert!(connect(url, FROM, None).is_err(), "{url}");
    }
    assert!(connect("smtp://mail.example.com", "not an address", None).is_err());
    assert!(connect("smtp://mail.example.com", FROM, Some(Path::new("/does/not/exist"))).is_err());
}

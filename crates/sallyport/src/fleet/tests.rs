use super::*;
use serde_json::json;
use std::path::Path;
use tokio::net::TcpListener;

fn place(feed: &str, state: &str, lag: u64) -> Value {
    json!({"feed": feed, "state": state, "applied": 42 - lag, "lag": lag, "may_be_stale": lag == 9, "lease_left_ms": 4_210,
        "last_contact_at": "2026-01-01T00:00:00Z", "last_contact_ago_ms": 125_000})
}

fn replica(name: &str, state: &str, feeds: &Value) -> Value {
    json!({"replica": name, "state": state, "shares_name": false, "earlier_starts": 0, "version": "0.1.0",
        "feeds": feeds, "missing": []})
}

fn fleet(replicas: &Value, away: Option<&str>) -> Value {
    let feed = |name: &str| {
        let error = json!({"reason": "UNAVAILABLE", "message": "a service is unavailable; retry"});
        json!({"feed": name, "head": 42, "error": if away == Some(name) { error } else { Value::Null }})
    };
    let feeds = ["token-registry", "session-issuer"].map(feed);
    json!({"feeds": feeds, "replicas": replicas})
}

fn read(fleet: Value) -> Fleet {
    serde_json::from_value(fleet).unwrap()
}

#[test]
fn the_table_marks_what_is_wrong() {
    let mut second = replica("edge-gateway-2", "lapsed", &json!([place("token-registry", "lapsed", 2)]));
    second["missing"] = json!(["session-issuer"]);
    let first = json!([place("token-registry", "behind", 1), place("session-issuer", "current", 0)]);
    let shown = table::render(&read(fleet(&json!([replica("gw", "behind", &first), second]), None)));
    let expected =
        "   REPLICA         VERSION  FEED            APPLIED  LAG  LEASE               LAST CONTACT
   gw              0.1.0    session-issuer       42    0  4.2 s left          2 min ago
!                           token-registry       41    1  4.2 s left, BEHIND  2 min ago
!! edge-gateway-2  0.1.0    token-registry       40    2  LAPSED              2 min ago
!!                          session-issuer        -    -  NO LEASE            never, or long ago

2 replicas: 0 current, 1 behind (gw), 1 lapsed (edge-gateway-2)
";
    assert_eq!(shown, expected);
}

#[test]
fn the_example_in_the_help_is_what_is_printed() {
    let at = |feed: &str, applied: u64, left: u64, ago: u64| {
        let state = if left == 0 { "lapsed" } else { "current" };
        json!({"feed": feed, "state": state, "applied": applied, "lag": 0, "may_be_stale": false,
            "lease_left_ms": left, "last_contact_at": "", "last_contact_ago_ms": ago})
    };
    let first = json!([
        at("policy-evaluator", 17, 4_100, 900),
        at("session-issuer", 3, 4_100, 900),
        at("token-registry", 42, 4_200, 800),
    ]);
    let second = json!([
        at("policy-evaluator", 17, 4_400, 600),
        at("session-issuer", 3, 0, 125_000),
        at("token-registry", 42, 4_400, 600),
    ]);
    let replicas = json!([replica("gw-1", "current", &first), replica("gw-2", "lapsed", &second)]);
    let printed = table::render(&read(fleet(&replicas, None)));
    let mut command = Options::augment_args(clap::Command::new("fleet"));
    let help = command.render_help().to_string();
    for line in printed.lines().filter(|line| !line.is_empty()) {
        assert!(
            help.contains(&format!("  {line}\n")) || help.ends_with(&format!("  {line}\n")),
            "{line}\n{help}"
        );
    }
}

#[test]
fn a_lapsed_replica_that_still_admits_is_told_apart() {
    let places = json!([place("token-registry", "lapsed", 9), place("session-issuer", "lapsed", 0)]);
    let shown = table::render(&read(fleet(&json!([replica("gw", "lapsed", &places)]), None)));
    let stale: Vec<&str> = shown.lines().filter(|line| line.contains("LAPSED, STILL ADMITS")).collect();
    assert!(stale.len() == 1 && stale[0].contains("token-registry"), "{shown}");
}

#[test]
fn a_shared_name_and_a_feed_that_is_away_are_noted() {
    let mut twins = [replica("gw", "current", &json!([])), replica("gw", "current", &json!([]))];
    for twin in &mut twins {
        twin["shares_name"] = json!(true);
        twin["earlier_starts"] = json!(1);
    }
    let shown = table::render(&read(fleet(&json!(twins), Some("session-issuer"))));
    for note in [
        "session-issuer cannot be asked: a service is unavailable; retry (UNAVAILABLE)\n",
        "2 replicas use the name gw: give each its own\n",
        "gw: 1 earlier start in the last hour ended without a stop\n",
        "2 replicas: 2 current, 0 behind, 0 lapsed\n",
    ] {
        assert!(shown.contains(note), "{note}\n{shown}");
    }
}

#[test]
fn the_exit_code_says_how_the_fleet_stands() {
    for (state, away, verdict) in [
        ("current", None, Verdict::Current),
        ("current", Some("session-issuer"), Verdict::CannotAsk),
        ("behind", None, Verdict::NotCurrent),
        ("lapsed", Some("session-issuer"), Verdict::NotCurrent),
    ] {
        assert_eq!(
            read(fleet(&json!([replica("gw", state, &json!([]))]), away)).verdict(),
            verdict,
            "{state}"
        );
    }
}

fn options() -> Options {
    Options { admin: None, api_token_file: None, data_dir: None, json: true, watch: false }
}

fn written(folder: &Path, name: &str, text: &str) -> PathBuf {
    let file = folder.join(name);
    std::fs::write(&file, text).unwrap();
    file
}

#[test]
fn flags_come_before_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let file = written(folder.path(), "token", "from-file\n");
    let environment = |name: &str| match name {
        "SALLYPORT_ADMIN" => Some("http://environment:1".to_owned()),
        "SALLYPORT_API_TOKEN" => Some("from-environment".to_owned()),
        _ => None,
    };
    let found = |options: &Options| {
        let target = target::find(options, environment).unwrap();
        (target.url.to_string(), target.token.to_string())
    };
    let (url, token) = found(&options());
    assert_eq!(
        (url.as_str(), token.as_str()),
        ("http://environment:1/sallyport/v1/fleet", "from-environment")
    );
    let flags = Options {
        admin: Some("https://admin.example.com/prefix/".into()),
        api_token_file: Some(file),
        ..options()
    };
    let (url, token) = found(&flags);
    assert_eq!(
        (url.as_str(), token.as_str()),
        ("https://admin.example.com/prefix/sallyport/v1/fleet", "from-file")
    );
    written(folder.path(), "dev.json", r#"{"api_token":"from-dev","ports":[1,2],"topology":"embedded"}"#);
    let (url, token) = found(&Options { data_dir: Some(folder.path().to_owned()), ..options() });
    assert_eq!((url.as_str(), token.as_str()), ("http://127.0.0.1:2/sallyport/v1/fleet", "from-dev"));
}

#[test]
fn what_is_missing_or_malformed_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |options: Options| match target::find(&options, |_| None) {
        Ok(_) => panic!("found a target"),
        Err(problem) => format!("{problem:#}"),
    };
    let token = Some(written(folder.path(), "token", "t"));
    let elsewhere = refused(Options { admin: Some("http://127.0.0.1:1".into()), ..options() });
    assert!(elsewhere.contains("an API token is needed"), "{elsewhere}");
    let two = Some(written(folder.path(), "two", "one two"));
    let admin = || Some("http://127.0.0.1:1".to_owned());
    assert!(refused(Options { admin: admin(), api_token_file: two, ..options() }).contains("one API token"));
    for wrong in ["127.0.0.1:8788", "ftp://host", "http://user:pass@host", "http://host/?token=x"] {
        let options = Options { admin: Some(wrong.into()), api_token_file: token.clone(), ..options() };
        let refused = refused(options);
        assert!(refused.contains("http://host:port") && !refused.contains(wrong), "{refused}");
    }
    let nothing = refused(Options { data_dir: Some(folder.path().join("none")), ..options() });
    assert!(nothing.contains("dev.json"), "{nothing}");
}

#[tokio::test]
async fn the_api_is_asked_with_the_token_and_its_refusal_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let admin = format!("http://{}", listener.local_addr().unwrap());
    let answer = async |headers: axum::http::HeaderMap| {
        if headers.get("authorization").is_some_and(|it| it == "Bearer good") {
            return (StatusCode::OK, json!({"result": fleet(&json!([]), None)}).to_string());
        }
        (StatusCode::UNAUTHORIZED, json!({"errors": [{"message": "Invalid API Token"}]}).to_string())
    };
    let router = axum::Router::new().route("/sallyport/v1/fleet", axum::routing::get(answer));
    let serving = tokio::spawn(axum::serve(listener, router).into_future());
    let with = |token: &str| {
        let environment = |name: &str| match name {
            "SALLYPORT_API_TOKEN" => Some(token.to_owned()),
            _ => None,
        };
        target::find(&Options { admin: Some(admin.clone()), ..options() }, environment).unwrap()
    };
    assert_eq!(read(ask(&with("good")).await.unwrap()).verdict(), Verdict::Current);
    let refused = ask(&with("bad")).await.unwrap_err().to_string();
    assert!(refused.contains("does not accept the API token: Invalid API Token"), "{refused}");
    assert!(!refused.contains("bad"), "the token is not told");
    serving.abort();
    let _ = serving.await;
    assert!(ask(&with("good")).await.unwrap_err().to_string().contains("cannot ask"));
}

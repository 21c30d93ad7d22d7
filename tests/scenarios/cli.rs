//! The command line, as the operator of a service token uses it.

use crate::worlds::{Scenario, scenarios};
use harness::{World, process};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

pub fn all() -> Vec<Scenario> {
    scenarios![Shared:
        a_token_lives_its_whole_life_by_the_command_line,
        an_api_token_may_do_what_it_was_made_for_until_it_is_revoked,
        a_failure_has_its_code_and_is_one_json_object,
        every_command_shows_an_example,
    ]
}

/// Somebody's home, with nothing of the caller's environment.
struct Shell {
    home: tempfile::TempDir,
}

struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Shell {
    fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    /// Logged in to the world as `here`.
    async fn logged_in(world: &World) -> Self {
        Self::logged_in_with(world, &world.rest.api_token).await
    }

    async fn logged_in_with(world: &World, api_token: &str) -> Self {
        let shell = Self::new();
        let admin = format!("http://{}", world.rest.address);
        let words = ["login", "here", "--admin", &admin, "--account", &world.rest.account_id];
        shell.run_with(&words, api_token).await.ended(0);
        shell
    }

    async fn run(&self, words: &[&str]) -> Ended {
        self.run_with(words, "").await
    }

    async fn run_with(&self, words: &[&str], input: &str) -> Ended {
        let mut child = Command::new(process::program().unwrap())
            .args(words)
            .current_dir(self.home.path())
            .env_clear()
            .env("HOME", self.home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // Who does not read it may have ended already.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        let output = child.wait_with_output().await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended {
            code: output.status.code().unwrap(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    async fn json(&self, words: &[&str]) -> Value {
        let words: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
        let ended = self.run(&words).await.ended(0);
        serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{words:?}: {}", ended.stdout))
    }
}

impl Ended {
    fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.stdout, self.stderr);
        self
    }
}

async fn a_token_lives_its_whole_life_by_the_command_line(world: &World) {
    let shell = Shell::logged_in(world).await;
    let file = shell.home.path().join(".config/sallyport/contexts.toml");
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    assert!(shell.run(&["whoami"]).await.ended(0).stdout.contains("context here"));

    let (name, domain) = (world.unique(), world.unique_host());
    let created = shell.run(&["token", "create", &name, "--output", "env"]).await.ended(0);
    let secret = created.stdout.split('\'').find(|it| it.starts_with("spst_")).unwrap();
    world.secrets.note(secret);
    assert!(!created.stderr.contains(secret));
    shell.run_with(&["context", "service-token"], &created.stdout).await.ended(0);
    let listed = shell.json(&["token", "list", "--search", &name]).await;
    assert!(listed[0]["name"] == name.as_str() && !listed.to_string().contains("spst_"), "{listed}");

    let app = shell.json(&["app", "create", "--domain", &domain]).await;
    let rule = format!("service-token={name}");
    let local = "ip=127.0.0.0/8";
    let words = ["policy", "create", "robots", "--app", &domain, "--include", &rule, "--require", local];
    shell.run(&words).await.ended(0);

    let url = format!("http://{domain}:{}/hello", world.gateway().address.port());
    let curl = ["curl", &url, "--resolve", "127.0.0.1"];
    // The second call rides on the session that the first one has left.
    for _ in 0..2 {
        shell.run(&curl).await.ended(0);
    }
    let sessions = shell.home.path().join(".local/state/sallyport/sessions");
    let kept: Vec<_> = std::fs::read_dir(&sessions).unwrap().map(|it| it.unwrap().path()).collect();
    assert!(kept.len() == 1 && mode(&kept[0]) == 0o600, "{kept:?}");
    let session: Value = serde_json::from_slice(&std::fs::read(&kept[0]).unwrap()).unwrap();
    let session = session["session"].as_str().unwrap().to_owned();

    let inside =
        shell.run(&["policy", "test", &domain, "--token", &name, "--ip", "127.0.0.1"]).await.ended(0);
    assert!(inside.stdout.starts_with("yes: service_auth by policy robots\n"), "{}", inside.stdout);
    let outside =
        shell.run(&["policy", "test", &domain, "--token", &name, "--ip", "192.0.2.1"]).await.ended(4);
    assert!(outside.stdout.contains("require ip 127.0.0.0/8: does not hold"), "{}", outside.stdout);

    shell.run(&["session", "revoke", &domain]).await.ended(2);
    shell.run(&["session", "revoke", &domain, "--yes"]).await.ended(0);
    for gateway in &world.gateways {
        let refused = gateway.get(&domain).cookie(&session).send().await;
        assert_eq!(refused.refused(401), "SESSION_REVOKED");
    }
    // One session, by itself; and the keys.
    shell.run(&curl).await.ended(0);
    let kept: Value = serde_json::from_slice(&std::fs::read(&kept[0]).unwrap()).unwrap();
    let one = kept["session"].as_str().unwrap().to_owned();
    let words = ["session", "revoke", "--session-file", "-", "--yes"];
    let ended = shell.run_with(&words, &one).await.ended(0);
    assert!(ended.stderr.contains("has ended") && !ended.stderr.contains(&one), "{}", ended.stderr);
    for gateway in &world.gateways {
        assert_eq!(gateway.get(&domain).cookie(&one).send().await.refused(401), "SESSION_REVOKED");
    }
    let keys = shell.json(&["key", "list"]).await;
    assert_eq!(keys.as_array().unwrap().iter().filter(|key| key["status"] == "current").count(), 1, "{keys}");
    shell.run(&["key", "schedule"]).await.ended(0);
    // The session is over, and the token opens another one.
    shell.run(&curl).await.ended(0);

    let rotated = shell.json(&["token", "rotate", &name, "--overlap", "1h"]).await;
    world.secrets.note_all(&rotated);
    assert_eq!(rotated["client_secret_version"], 2);
    shell.run(&[&curl[..], &["--no-session"]].concat()).await.ended(0);
    let new = rotated.to_string();
    shell.run_with(&["context", "service-token"], &new).await.ended(0);
    shell.run(&[&curl[..], &["--no-session"]].concat()).await.ended(0);

    let told = shell.run(&["token", "show", &name]).await.ended(0).stdout;
    assert!(told.contains("previous secret (version 1) valid until"), "{told}");
    assert!(told.contains(&format!("`sallyport token finish-rotation {name}` ends it now")), "{told}");
    shell.run(&["token", "finish-rotation", &name]).await.ended(2);
    shell.run(&["token", "finish-rotation", &name, "--yes"]).await.ended(0);
    shell.run(&["token", "finish-rotation", &name, "--yes"]).await.ended(3);
    shell.run(&["token", "undo-rotation", &name, "--yes"]).await.ended(5);
    let told = shell.run(&["token", "show", &name]).await.ended(0).stdout;
    assert!(!told.contains("finish-rotation"), "{told}");
    assert!(shell.run(&["token", "secrets", &name]).await.ended(0).stdout.contains("current"));
    shell.run(&[&curl[..], &["--no-session"]].concat()).await.ended(0);

    shell.run(&["token", "disable", &name, "--yes"]).await.ended(0);
    let refused = shell.run(&curl).await.ended(4);
    assert!(refused.stderr.contains("TOKEN_DISABLED"), "{}", refused.stderr);
    shell.run(&["policy", "test", &domain, "--token", &name, "--ip", "127.0.0.1"]).await.ended(4);

    // A token that a policy names is in use.
    shell.run(&["token", "delete", &name, "--yes"]).await.ended(5);
    shell.run(&["policy", "delete", "robots", "--app", &domain, "--yes"]).await.ended(0);
    shell.run(&["token", "delete", &name, "--yes"]).await.ended(0);
    shell.run(&["app", "delete", app["id"].as_str().unwrap(), "--yes"]).await.ended(0);
    assert_eq!(shell.json(&["token", "list", "--search", &name]).await, Value::Array(Vec::new()));
    shell.run(&["token", "show", &name]).await.ended(3);
}

async fn an_api_token_may_do_what_it_was_made_for_until_it_is_revoked(world: &World) {
    let admin = Shell::logged_in(world).await;
    let (name, service) = (world.unique(), world.unique());
    let permission = "Access: Service Tokens Read";
    let words = ["api-token", "create", &name, "--permission", permission, "--expires-in", "1h"];
    let made = admin.run(&words).await.ended(0);
    let value = made.stdout.trim();
    assert!(value.starts_with("spat_") && made.stdout.lines().count() == 1, "{}", made.stderr);
    world.secrets.note(value);
    assert!(!made.stderr.contains(value));
    let shown = admin.json(&["api-token", "show", &name]).await;
    let id = shown["id"].as_str().unwrap();
    assert!(shown["policies"][0]["permission_groups"][0]["name"] == permission, "{shown}");
    let listed = admin.run(&["api-token", "list"]).await.ended(0).stdout;
    assert!(listed.contains(id) && !listed.contains("spat_"), "{listed}");

    // Logging in needs no permission.
    let reader = Shell::logged_in_with(world, value).await;
    let me = reader.json(&["whoami"]).await;
    assert!(me["api_token_id"] == id && me["api_token_status"] == "active", "{me}");
    assert_eq!(me["api_token_expires_on"], shown["expires_on"]);
    world.secrets.note_all(&admin.json(&["token", "create", &service]).await);
    let seen = reader.json(&["token", "list", "--search", &service]).await;
    assert_eq!(seen[0]["name"], service.as_str());
    let refused = reader.run(&["token", "create", &world.unique()]).await.ended(4);
    assert!(refused.stderr.contains("\"Access: Service Tokens Write\""), "{}", refused.stderr);
    reader.run(&["audit"]).await.ended(4);
    reader.run(&["api-token", "list"]).await.ended(4);

    let list = ["token", "list", "--search", &service];
    admin.run(&["api-token", "disable", &name, "--yes"]).await.ended(0);
    reader.run(&list).await.ended(4);
    admin.run(&["api-token", "enable", &name]).await.ended(0);
    reader.run(&list).await.ended(0);
    let rolled = admin.run(&["api-token", "roll", &name, "--yes"]).await.ended(0);
    let fresh = rolled.stdout.trim();
    world.secrets.note(fresh);
    reader.run(&list).await.ended(4);
    let reader = Shell::logged_in_with(world, fresh).await;
    reader.run(&list).await.ended(0);
    admin.run(&["api-token", "revoke", &name]).await.ended(2);
    admin.run(&["api-token", "revoke", &name, "--yes"]).await.ended(0);
    reader.run(&list).await.ended(4);
    reader.run(&["whoami"]).await.ended(4);
    admin.run(&["api-token", "show", &name]).await.ended(3);

    let object = format!("api_token/{id}");
    let records = admin.json(&["audit", "--object", &object, "--since", "1h"]).await;
    let actions: Vec<&str> =
        records.as_array().unwrap().iter().map(|it| it["action"]["type"].as_str().unwrap()).collect();
    assert_eq!(actions, ["delete", "roll", "update", "update", "create"]);
    assert_eq!(records[4]["newValueJson"]["name"], name.as_str());
    assert!(!records.to_string().contains("spat_"), "{records}");
    let newest = admin.json(&["audit", "--object", &object, "--limit", "2"]).await;
    assert_eq!(newest.as_array().unwrap().as_slice(), &records.as_array().unwrap()[..2]);
    let actor = records[0]["actor"]["id"].as_str().unwrap();
    let by = admin.run(&["audit", "--object", &object, "--actor", actor]).await.ended(0).stdout;
    assert!(by.lines().count() == 6 && by.contains("enabled: true → false"), "{by}");
    assert!(!by.contains("spat_"), "{by}");
    let nobody = "0".repeat(32);
    assert_eq!(admin.json(&["audit", "--actor", &nobody]).await, Value::Array(Vec::new()));
    for wrong in [["--since", "yesterday"], ["--actor", ""], ["--object", "/1"], ["--object", "api_token/"]] {
        admin.run(&[&["audit"], &wrong[..]].concat()).await.ended(2);
    }
}

async fn a_failure_has_its_code_and_is_one_json_object(world: &World) {
    let shell = Shell::logged_in(world).await;
    let failed = async |words: &[&str], code: i32| {
        let words: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
        let ended = shell.run(&words).await.ended(code);
        let error: Value = serde_json::from_str(&ended.stderr).unwrap_or_else(|_| panic!("{}", ended.stderr));
        assert!(error["error"]["code"] == code && ended.stdout.is_empty(), "{error}");
    };
    failed(&["token", "list", "--no-such-flag"], 2).await;
    failed(&["token", "show", "nobody"], 3).await;
    failed(&["app", "create", "--domain", "not a domain"], 1).await;
    failed(&["token", "list", "--account", &"f".repeat(32)], 4).await;
    let name = world.unique();
    for _ in 0..2 {
        let body = serde_json::json!({"name": name});
        world.rest.post("access/service_tokens", &body).await.result(201);
    }
    failed(&["token", "show", &name], 5).await;
    let away = shell.home.path().join("token");
    std::fs::write(&away, "spat_x").unwrap();
    let file = away.to_str().unwrap();
    failed(
        &["token", "list", "--admin", "http://127.0.0.1:1", "--api-token-file", file, "--account", "a"],
        6,
    )
    .await;
    let wrong = [
        "login",
        "other",
        "--admin",
        &format!("http://{}", world.rest.address),
        "--account",
        &world.rest.account_id,
    ];
    let refused = shell.run_with(&wrong, "spat_nobodys_token").await.ended(4);
    assert!(!refused.stderr.contains("nobodys"), "{}", refused.stderr);
    let open = shell.home.path().join(".config/sallyport/contexts.toml");
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o644)).unwrap();
    let exposed = shell.run(&["token", "list"]).await.ended(1);
    assert!(exposed.stderr.contains("chmod 600"), "{}", exposed.stderr);
}

async fn every_command_shows_an_example(_: &World) {
    let shell = Shell::new();
    let mut left: Vec<Vec<String>> = vec![Vec::new()];
    let mut leaves = 0;
    while let Some(words) = left.pop() {
        let asked: Vec<&str> = words.iter().map(String::as_str).chain(["--help"]).collect();
        let help = shell.run(&asked).await.ended(0).stdout;
        let listed = help.split("Commands:\n").nth(1).map(|it| it.split("\n\n").next().unwrap());
        let Some(listed) = listed else {
            leaves += 1;
            let example = format!("$ sallyport {}", words.join(" "));
            assert!(help.contains(&example), "{help}");
            continue;
        };
        left.extend(listed.lines().filter_map(|line| {
            let name = line.strip_prefix("  ")?.split_whitespace().next()?;
            let is_name = !line.starts_with("   ") && name != "help";
            is_name.then(|| words.iter().cloned().chain([name.to_owned()]).collect())
        }));
    }
    assert!(leaves >= 40, "{leaves}");
    let script = shell.run(&["completion", "bash"]).await.ended(0).stdout;
    assert!(script.contains("_sallyport()"));
}

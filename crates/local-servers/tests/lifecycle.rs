//! Real servers start, serve, and leave nothing behind.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use local_servers::proxy::{self, Files, Kind};
use local_servers::{Durability, Nats, Postgres, Proxy, Redis, Search, Servers};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

type Outcome = anyhow::Result<()>;

/// `scheme://user:password@127.0.0.1:port/…`
fn address(url: &str) -> &str {
    url.split('@').nth(1).and_then(|rest| rest.split('/').next()).unwrap()
}

fn password(url: &str) -> &str {
    url.split('@').next().and_then(|front| front.rsplit(':').next()).unwrap()
}

fn process_is_there(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

async fn is_open(url: &str) -> bool {
    TcpStream::connect(address(url)).await.is_ok()
}

/// What `statement` answers, run with `psql` under this URL; the error is what it wrote.
fn sql(url: &str, statement: &str) -> Result<String, String> {
    let output = Command::new("psql").args(["-X", "-At", url, "-c", statement]).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim().to_owned();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

async fn redis_says(url: &str, commands: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address(url)).await?;
    stream.write_all(commands.as_bytes()).await?;
    stream.shutdown().await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// The temporary directory of a server, from its own command line.
fn directory_of(pid: u32) -> PathBuf {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap();
    let line = String::from_utf8(line).unwrap();
    let path = line.split('\0').find(|argument| argument.contains("/sallyport-")).unwrap();
    PathBuf::from(path).ancestors().find(|a| is_temporary(a)).unwrap().to_path_buf()
}

fn is_temporary(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("sallyport-"))
}

#[tokio::test]
async fn all_three_start_and_a_stop_leaves_nothing_behind() -> Outcome {
    let mut servers = Servers::throwaway(&Search::workspace()).await?;
    let urls = [servers.postgres.url(), servers.redis.url(), servers.nats.url()].map(str::to_owned);
    let pids =
        [&servers.postgres.server, &servers.redis.server, &servers.nats.server].map(|s| s.pid().unwrap());
    let directory = directory_of(pids[0]);
    for url in &urls {
        assert!(is_open(url).await, "{}", address(url));
    }
    servers.stop().await?;
    for (url, pid) in urls.iter().zip(pids) {
        assert!(!is_open(url).await, "{}", address(url));
        assert!(!process_is_there(pid), "{pid}");
    }
    assert!(directory.exists());
    drop(servers);
    assert!(!directory.exists());
    Ok(())
}

#[tokio::test]
async fn dropping_is_stopping() -> Outcome {
    let servers = Servers::throwaway(&Search::workspace()).await?;
    let pids =
        [&servers.postgres.server, &servers.redis.server, &servers.nats.server].map(|s| s.pid().unwrap());
    let directory = directory_of(pids[0]);
    let url = servers.postgres.url().to_owned();
    drop(servers);
    for pid in pids {
        assert!(!process_is_there(pid), "{pid}");
    }
    assert!(!is_open(&url).await);
    assert!(!directory.exists());
    Ok(())
}

#[tokio::test]
async fn no_password_is_on_a_command_line() -> Outcome {
    let servers = Servers::throwaway(&Search::workspace()).await?;
    for (server, url) in [
        (&servers.postgres.server, servers.postgres.url()),
        (&servers.redis.server, servers.redis.url()),
        (&servers.nats.server, servers.nats.url()),
    ] {
        let line = std::fs::read_to_string(format!("/proc/{}/cmdline", server.pid().unwrap()))?;
        assert!(!line.contains(password(url)), "{line}");
    }
    assert!(!format!("{servers:?}").contains(password(servers.postgres.url())));
    assert!(!format!("{servers:?}").contains(password(servers.redis.url())));
    assert!(!format!("{servers:?}").contains(password(servers.nats.url())));
    Ok(())
}

#[tokio::test]
async fn a_role_reaches_its_own_database_and_no_other() -> Outcome {
    let postgres = Postgres::throwaway(&Search::workspace()).await?;
    let mine = postgres.create_database("mine", "me", None).await?;
    let yours = postgres.create_database("yours", "you", Some("pass-word_1.~")).await?;
    assert_eq!(
        sql(&mine, "CREATE TABLE t (n INT); SELECT count(*) FROM t"),
        Ok("CREATE TABLE\n0".to_owned())
    );
    assert_eq!(sql(&yours, "SELECT current_user"), Ok("you".to_owned()));

    let trespass = mine.replace("/mine", "/yours");
    assert!(sql(&trespass, "SELECT 1").unwrap_err().contains("permission denied"));
    let wrong = yours.replace("pass-word", "password");
    assert!(sql(&wrong, "SELECT 1").unwrap_err().contains("password authentication failed"));
    let none = format!("postgres://postgres@{}/postgres", address(postgres.url()));
    assert!(sql(&none, "SELECT 1").is_err());
    Ok(())
}

#[tokio::test]
async fn creating_a_database_again_keeps_its_data_and_changes_the_password() -> Outcome {
    let postgres = Postgres::throwaway(&Search::workspace()).await?;
    let first = postgres.create_database("kept", "owner", None).await?;
    sql(&first, "CREATE TABLE t AS SELECT 7 AS n").unwrap();
    let second = postgres.create_database("kept", "owner", None).await?;
    assert_ne!(first, second);
    assert!(sql(&first, "SELECT n FROM t").is_err());
    assert_eq!(sql(&second, "SELECT n FROM t"), Ok("7".to_owned()));

    postgres.drop_database("kept", "owner").await?;
    postgres.drop_database("kept", "owner").await?;
    assert!(sql(&second, "SELECT 1").is_err());
    Ok(())
}

#[tokio::test]
async fn names_and_passwords_that_could_break_out_are_refused() -> Outcome {
    let postgres = Postgres::throwaway(&Search::workspace()).await?;
    for name in ["", "a b", "a;b", "A", "1a", "a\"b", "é", &"a".repeat(64)] {
        assert!(postgres.create_database(name, "role", None).await.is_err(), "{name}");
        assert!(postgres.create_database("name", name, None).await.is_err(), "{name}");
        assert!(postgres.drop_database(name, "role").await.is_err(), "{name}");
    }
    for password in ["", "a'b", "a b", "a\\b", "a\nb", "a@b"] {
        let error = postgres.create_database("name", "role", Some(password)).await.unwrap_err();
        assert!(password.is_empty() || !error.to_string().contains(password), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn a_kept_cluster_is_used_again() -> Outcome {
    let directory = tempfile::tempdir()?;
    let search = Search::workspace();
    let mut postgres = Postgres::start(directory.path(), &search, Durability::Durable).await?;
    let url = postgres.create_database("app", "app", Some("known")).await?;
    sql(&url, "CREATE TABLE t AS SELECT 7 AS n").unwrap();
    assert_eq!(sql(postgres.url(), "SHOW fsync"), Ok("on".to_owned()));
    postgres.server.stop().await?;
    drop(postgres);

    let postgres = Postgres::start(directory.path(), &search, Durability::Durable).await?;
    let url = postgres.create_database("app", "app", Some("known")).await?;
    assert_eq!(sql(&url, "SELECT n FROM t"), Ok("7".to_owned()));
    Ok(())
}

#[tokio::test]
async fn a_second_server_on_the_same_cluster_is_refused_with_its_log() -> Outcome {
    let directory = tempfile::tempdir()?;
    let search = Search::workspace();
    let first = Postgres::start(directory.path(), &search, Durability::Throwaway).await?;
    let second = Postgres::start(directory.path(), &search, Durability::Throwaway).await.unwrap_err();
    assert!(second.to_string().contains("postmaster.pid"), "{second}");
    assert_eq!(sql(first.url(), "SELECT 1"), Ok("1".to_owned()));
    Ok(())
}

#[tokio::test]
async fn a_killed_postgres_starts_again_with_what_was_committed() -> Outcome {
    let directory = tempfile::tempdir()?;
    let mut postgres = Postgres::start(directory.path(), &Search::workspace(), Durability::Durable).await?;
    sql(postgres.url(), "CREATE TABLE t AS SELECT 7 AS n").unwrap();
    postgres.server.kill().await;
    assert!(!is_open(postgres.url()).await);
    postgres.server.restart().await?;
    assert_eq!(sql(postgres.url(), "SELECT n FROM t"), Ok("7".to_owned()));
    Ok(())
}

#[tokio::test]
async fn redis_asks_for_its_password_and_forgets_at_a_restart() -> Outcome {
    let mut redis = Redis::throwaway(&Search::workspace()).await?;
    let login = format!("AUTH {}\r\n", password(redis.url()));
    assert!(redis_says(redis.url(), "GET a\r\n").await?.starts_with("-NOAUTH"));
    assert_eq!(redis_says(redis.url(), &format!("{login}SET a 1\r\n")).await?, "+OK\r\n+OK\r\n");
    redis.server.stop().await?;
    redis.server.restart().await?;
    assert_eq!(redis_says(redis.url(), &format!("{login}GET a\r\n")).await?, "+OK\r\n$-1\r\n");
    Ok(())
}

#[tokio::test]
async fn a_frozen_server_answers_only_when_thawed() -> Outcome {
    let redis = Redis::throwaway(&Search::workspace()).await?;
    let ping = format!("AUTH {}\r\nPING\r\n", password(redis.url()));
    redis.server.freeze()?;
    let url = redis.url().to_owned();
    let mut answer = std::pin::pin!(redis_says(&url, &ping));
    assert!(tokio::time::timeout(Duration::from_millis(100), &mut answer).await.is_err());
    redis.server.thaw()?;
    assert_eq!(answer.await?, "+OK\r\n+PONG\r\n");
    // Dropped while frozen, it still ends.
    redis.server.freeze()?;
    let pid = redis.server.pid().unwrap();
    drop(redis);
    assert!(!process_is_there(pid));
    Ok(())
}

#[tokio::test]
async fn a_frozen_postgres_answers_nobody_not_even_on_an_open_connection() -> Outcome {
    let postgres = Postgres::throwaway(&Search::workspace()).await?;
    let mut psql = tokio::process::Command::new("psql")
        .args(["-X", "-At", postgres.url()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut input = psql.stdin.take().unwrap();
    let mut answers = BufReader::new(psql.stdout.take().unwrap()).lines();
    input.write_all(b"SELECT 1;\n").await?;
    assert_eq!(answers.next_line().await?.as_deref(), Some("1"));
    postgres.server.freeze()?;
    input.write_all(b"SELECT 2;\n").await?;
    assert!(tokio::time::timeout(Duration::from_millis(100), answers.next_line()).await.is_err());
    postgres.server.thaw()?;
    assert_eq!(answers.next_line().await?.as_deref(), Some("2"));
    Ok(())
}

#[tokio::test]
async fn nats_has_jetstream_and_asks_for_its_password() -> Outcome {
    let nats = Nats::throwaway(&Search::workspace()).await?;
    let mut stream = BufReader::new(TcpStream::connect(address(nats.url())).await?);
    let mut info = String::new();
    stream.read_line(&mut info).await?;
    assert!(info.contains("\"jetstream\":true"), "{info}");
    assert!(info.contains("\"auth_required\":true"), "{info}");
    Ok(())
}

#[tokio::test]
async fn what_cannot_start_says_why() -> Outcome {
    let (directory, bin) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let text = bin.path().join("text");
    std::fs::write(&text, "#!/bin/sh\necho 'no such luck'\nexit 3\n")?;
    // By another process: what is open for writing here, in a child of another test's too, cannot be run.
    let mut install = Command::new("install");
    assert!(install.args(["-m", "755"]).arg(&text).arg(bin.path().join("redis-server")).status()?.success());
    let error = Redis::start(directory.path(), &Search::new().directory(bin.path())).await.unwrap_err();
    assert!(error.to_string().contains("ended while starting"), "{error}");
    assert!(error.to_string().contains("no such luck"), "{error}");
    Ok(())
}

/// The rest of the next test, in a process of its own.
#[tokio::test]
#[ignore = "run by servers_end_when_their_starter_is_killed"]
async fn starter() -> Outcome {
    let servers = Servers::throwaway(&Search::workspace()).await?;
    let pids =
        [&servers.postgres.server, &servers.redis.server, &servers.nats.server].map(|s| s.pid().unwrap());
    println!("\npids {} {} {}", pids[0], pids[1], pids[2]);
    // Ends at once when nobody holds the other end.
    std::io::stdin().read_line(&mut String::new())?;
    Ok(())
}

#[tokio::test]
async fn servers_end_when_their_starter_is_killed() -> Outcome {
    let mut starter = tokio::process::Command::new(std::env::current_exe()?)
        .args(["--ignored", "--exact", "starter", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut lines = BufReader::new(starter.stdout.take().unwrap()).lines();
    let pids: Vec<u32> = loop {
        let line = lines.next_line().await?.unwrap();
        if let Some(pids) = line.strip_prefix("pids ") {
            break pids.split(' ').map(|pid| pid.parse().unwrap()).collect();
        }
    };
    assert!(pids.iter().all(|pid| process_is_there(*pid)));
    let directory = directory_of(pids[0]);
    starter.kill().await?;
    let gone = async {
        while pids.iter().any(|pid| process_is_there(*pid)) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), gone).await?;
    std::fs::remove_dir_all(directory)?;
    Ok(())
}

/// The least that each of them takes.
fn least(kind: Kind, port: u16, directory: &Path) -> Files {
    let listen = format!("127.0.0.1:{port}");
    let here = directory.display();
    let files = match kind {
        Kind::Envoy => vec![(
            "envoy.yaml",
            format!(
                "static_resources: {{listeners: [{{name: l, address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}, \
                 filter_chains: [{{filters: [{{name: envoy.filters.network.echo, typed_config: {{\"@type\": \
                 type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo}}}}]}}]}}]}}"
            ),
        )],
        Kind::Nginx => vec![(
            "nginx.conf",
            format!("events {{}}\nhttp {{ access_log off; server {{ listen {listen}; return 204; }} }}"),
        )],
        Kind::Caddy => vec![(
            "Caddyfile",
            format!("{{\n\tadmin off\n}}\nhttp://:{port} {{\n\tbind 127.0.0.1\n\trespond 204\n}}\n"),
        )],
        Kind::HaProxy => vec![(
            "haproxy.cfg",
            format!(
                "defaults\n  mode http\n  timeout client 1s\n  timeout connect 1s\n  timeout server 1s\nfrontend f\n  bind {listen}\n  http-request return status 204\n"
            ),
        )],
        Kind::Traefik => vec![
            (
                "traefik.yml",
                format!(
                    "entryPoints: {{web: {{address: '{listen}'}}}}\nproviders: {{file: {{filename: {here}/rules.yml}}}}\n"
                ),
            ),
            ("rules.yml", "http: {}\n".to_owned()),
        ],
    };
    files.into_iter().map(|(name, text)| (name.to_owned(), text)).collect()
}

#[tokio::test]
async fn every_proxy_starts_and_a_drop_leaves_nothing_behind() -> Outcome {
    for kind in Kind::ALL {
        let configure = |port, directory: &Path| Ok(least(kind, port, directory));
        proxy::validate(kind, &Search::workspace(), configure)?;
        let proxy = Proxy::throwaway(kind, &Search::workspace(), configure).await?;
        let (address, pid) = (proxy.address, proxy.server.pid().unwrap());
        let directory = directory_of(pid);
        assert!(TcpStream::connect(address).await.is_ok(), "{kind:?}");
        drop(proxy);
        assert!(TcpStream::connect(address).await.is_err(), "{kind:?}");
        assert!(!process_is_there(pid) && !directory.exists(), "{kind:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_proxy_that_refuses_its_configuration_says_why() {
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Traefik) {
        let configure = |_, _: &Path| Ok(vec![("config".to_owned(), "nonsense {".to_owned())]);
        let error = proxy::validate(kind, &Search::workspace(), configure).unwrap_err().to_string();
        assert!(error.contains(kind.name()) && error.lines().count() > 1, "{error}");
    }
}

//! What to run, as whom, and how to tell that it is ready.

use crate::Search;
use anyhow::{Context as _, Result, bail};
use rustix::process::Signal;
use std::ffi::{OsStr, OsString};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpSocket, TcpStream};

/// Everything needed to start one server, and to start it again.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    /// For messages: `Redis`.
    pub name: &'static str,
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
    /// Who runs it; `None` is ourselves.
    pub user: Option<User>,
    /// `setpriv` of util-linux, where it is there.
    pub setpriv: Option<PathBuf>,
    /// Standard output and error go to its end.
    pub log: PathBuf,
    /// What makes it stop in an orderly way.
    pub stop: Stop,
    pub probe: Probe,
    /// Beside our own; on its command line, so no secrets.
    pub environment: Vec<(String, OsString)>,
}

/// The signals that servers take as a request to stop.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stop {
    Terminate,
    Interrupt,
    Quit,
}

impl Stop {
    pub(crate) fn signal(self) -> Signal {
        match self {
            Self::Terminate => Signal::TERM,
            Self::Interrupt => Signal::INT,
            Self::Quit => Signal::QUIT,
        }
    }

    /// As `setpriv` wants it.
    fn name(self) -> &'static str {
        match self {
            Self::Terminate => "TERM",
            Self::Interrupt => "INT",
            Self::Quit => "QUIT",
        }
    }
}

/// How to tell that a server is ready for its clients.
#[derive(Clone)]
pub(crate) enum Probe {
    /// `PostgreSQL` writes its state into this file.
    Postgres { state: PathBuf },
    /// Redis answers PING after AUTH.
    Redis { port: u16, password: String },
    /// NATS greets every connection.
    Nats { port: u16 },
    /// Somebody accepts connections.
    Accepts { port: u16 },
}

impl std::fmt::Debug for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Postgres { .. } => "Postgres",
            Self::Redis { .. } => "Redis",
            Self::Nats { .. } => "Nats",
            Self::Accepts { .. } => "Accepts",
        })
    }
}

impl Probe {
    /// Whether the server with this process id is ready now.
    pub(crate) async fn is_ready(&self, pid: u32) -> bool {
        match self {
            Self::Postgres { state } => is_postgres_ready(state, pid),
            Self::Redis { port, password } => is_redis_ready(*port, password).await.unwrap_or(false),
            Self::Nats { port } => is_nats_ready(*port).await.unwrap_or(false),
            Self::Accepts { port } => TcpStream::connect(("127.0.0.1", *port)).await.is_ok(),
        }
    }
}

/// The first line of `postmaster.pid` is the process, the eighth its state; an older server may have left the file.
fn is_postgres_ready(state: &Path, pid: u32) -> bool {
    let Ok(text) = std::fs::read_to_string(state) else { return false };
    let mut lines = text.lines().map(str::trim);
    lines.next() == Some(pid.to_string().as_str()) && lines.nth(6) == Some("ready")
}

async fn is_redis_ready(port: u16, password: &str) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(format!("AUTH {password}\r\nPING\r\n").as_bytes()).await?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await?;
    Ok(&answer == b"+OK\r\n+PONG\r\n")
}

async fn is_nats_ready(port: u16) -> std::io::Result<bool> {
    let mut line = String::new();
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    BufReader::new(stream).take(64 * 1024).read_line(&mut line).await?;
    Ok(line.starts_with("INFO "))
}

/// An account of this machine.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    /// Reach files although a directory above them is closed to others, such as `/root`.
    pub through_closed_directories: bool,
}

impl User {
    /// Who runs what refuses to be run by root: `None` when we are not root, else `postgres`, else `nobody`.
    pub(crate) fn instead_of_root() -> Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let accounts = std::fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
        let find = |name: &str| accounts.lines().find_map(|line| Self::parse(line, name));
        match find("postgres").or_else(|| find("nobody")) {
            Some(user) => Ok(Some(user)),
            None => bail!("PostgreSQL refuses to run as root, and there is no user postgres or nobody"),
        }
    }

    fn parse(line: &str, name: &str) -> Option<Self> {
        let mut fields = line.split(':');
        if fields.next()? != name {
            return None;
        }
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(Self { name: name.to_owned(), uid, gid, through_closed_directories: false })
    }

    pub(crate) fn own(user: Option<&Self>, path: &Path) -> Result<()> {
        let Some(user) = user else { return Ok(()) };
        std::os::unix::fs::chown(path, Some(user.uid), Some(user.gid))
            .with_context(|| format!("cannot give {} to {}", path.display(), user.name))
    }
}

/// Whether anybody may pass through every directory on the way to `path`.
pub(crate) fn is_open_to_all(path: &Path) -> bool {
    path.ancestors().all(|a| a.metadata().is_ok_and(|meta| meta.permissions().mode() & 0o001 != 0))
}

/// `program`, run as `user`, and told to end with `on_parent_death` when the thread that started it ends.
/// Without `setpriv` neither can be done: fine for ourselves, an error for another user.
pub(crate) fn command(
    program: &Path,
    setpriv: Option<&Path>,
    user: Option<&User>,
    on_parent_death: Option<Stop>,
    environment: &[(String, OsString)],
) -> Result<Command> {
    let Some(setpriv) = setpriv else {
        anyhow::ensure!(
            user.is_none(),
            "PostgreSQL refuses to run as root, and setpriv (util-linux) is missing"
        );
        let mut command = Command::new(program);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        return Ok(command);
    };
    let mut command = Command::new(setpriv);
    if let Some(user) = user {
        command
            .args([format!("--reuid={}", user.uid), format!("--regid={}", user.gid)])
            .arg("--clear-groups");
        if user.through_closed_directories {
            command.args(["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]);
        }
    }
    if let Some(stop) = on_parent_death {
        command.arg(format!("--pdeathsig={}", stop.name()));
    }
    command.arg("--");
    if !environment.is_empty() {
        // For the program alone: what is preloaded must not begin under another user.
        command.arg("env").args(environment.iter().map(|(name, value)| {
            let mut variable = OsString::from(format!("{name}="));
            variable.push(value);
            variable
        }));
    }
    command.arg(program);
    Ok(command)
}

impl Launch {
    /// Its own process group, so that Ctrl-C in a terminal reaches only the program that then stops the servers
    /// in order.
    pub(crate) fn command(&self) -> Result<Command> {
        use std::os::unix::process::CommandExt as _;
        let log = OpenOptions::new().create(true).append(true).mode(0o600).open(&self.log);
        let log = log.with_context(|| format!("cannot open {}", self.log.display()))?;
        let mut command = command(
            &self.program,
            self.setpriv.as_deref(),
            self.user.as_ref(),
            Some(self.stop),
            &self.environment,
        )?;
        command.args(&self.arguments).current_dir("/").process_group(0);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Ok(command)
    }

    /// The last lines of the log, for a message.
    pub(crate) fn log_tail(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n")
    }
}

/// `directory/name`, for our eyes alone, made where it is missing, as an absolute path.
pub(crate) fn folder(directory: &Path, name: &str) -> Result<PathBuf> {
    let path = std::path::absolute(directory)?.join(name);
    DirBuilder::new().recursive(true).mode(0o700).create(&path).with_context(|| cannot_write(&path))?;
    Ok(path)
}

/// Writes a file that holds a secret. `user` may read it too.
pub(crate) fn write_secret(path: &Path, user: Option<&User>, text: &str) -> Result<()> {
    let mut file: File = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .with_context(|| cannot_write(path))?;
    file.write_all(text.as_bytes()).with_context(|| cannot_write(path))?;
    User::own(user, path)
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}

/// How many ports are tried below those from which outgoing connections start.
const PORTS: u16 = 12_000;

/// A port that was free a moment ago; another program may take it first, and then the server says so.
///
/// No outgoing connection starts from it, where the machine says which those are: it stays free while its server is
/// started again.
pub fn free_port() -> Result<u16> {
    for _ in 0..100 {
        let Some(port) = any_port_to_listen() else { break };
        if is_free(port) {
            return Ok(port);
        }
    }
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}

/// Not even somebody who lets others share it has it, as one who keeps a port for a program that is yet to start.
fn is_free(port: u16) -> bool {
    TcpSocket::new_v4().and_then(|socket| socket.bind(([127, 0, 0, 1], port).into())).is_ok()
}

fn any_port_to_listen() -> Option<u16> {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let end: u16 = range.split_ascii_whitespace().next()?.parse().ok()?;
    let begin = end.checked_sub(PORTS).filter(|begin| *begin >= 1_024)?;
    let (random, _) = uuid::Uuid::new_v4().as_u64_pair();
    Some(begin + u16::try_from(random % u64::from(PORTS)).ok()?)
}

pub(crate) fn arguments<const N: usize>(list: [&dyn AsRef<OsStr>; N]) -> Vec<OsString> {
    list.into_iter().map(|argument| argument.as_ref().to_owned()).collect()
}

/// For an option in quotes of a server's configuration file.
pub(crate) fn quoted(path: &Path) -> Result<String> {
    match path.to_str() {
        Some(text) if !text.contains(['"', '\\', '\n']) => Ok(format!("\"{text}\"")),
        _ => bail!("the path {} cannot be written into a configuration file", path.display()),
    }
}

pub(crate) fn setpriv(search: &Search) -> Option<PathBuf> {
    search.find("setpriv")
}

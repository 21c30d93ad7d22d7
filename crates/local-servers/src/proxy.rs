//! Other people's proxies, with a configuration of the caller's: Envoy, nginx, Caddy, `HAProxy`, Traefik.

use crate::launch::{Launch, Probe, Stop, folder, free_port, setpriv};
use crate::redis::ATTEMPTS;
use crate::{Search, Server, temporary};
use anyhow::{Context as _, Result, bail, ensure};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Envoy,
    Nginx,
    Caddy,
    HaProxy,
    Traefik,
}

/// Configuration files: name and text. It is started with the first, which may name the others.
pub type Files = Vec<(String, String)>;

/// A running proxy, which listens on 127.0.0.1 alone as far as its configuration does.
#[derive(Debug)]
pub struct Proxy {
    pub server: Server,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Kind {
    pub const ALL: [Self; 5] = [Self::Envoy, Self::Nginx, Self::Caddy, Self::HaProxy, Self::Traefik];

    /// As its own project writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Envoy => "Envoy",
            Self::Nginx => "nginx",
            Self::Caddy => "Caddy",
            Self::HaProxy => "HAProxy",
            Self::Traefik => "Traefik",
        }
    }

    /// Whether there is a program to start.
    pub fn is_installed(self, search: &Search) -> bool {
        self.program(search).is_ok()
    }

    fn program(self, search: &Search) -> Result<PathBuf> {
        match self {
            Self::Caddy => search.caddy(),
            Self::Envoy => search.edge("Envoy", "envoy"),
            Self::Nginx => search.edge("nginx", "nginx"),
            Self::HaProxy => search.edge("HAProxy", "haproxy"),
            Self::Traefik => search.edge("Traefik", "traefik"),
        }
    }

    /// In the foreground, messages to standard error, and no files but in `directory`.
    fn run(self, config: &Path, directory: &Path) -> Vec<OsString> {
        match self {
            Self::Envoy => {
                words(&["-c"], config, &["--disable-hot-restart", "--concurrency", "1", "-l", "warn"])
            }
            Self::Nginx => {
                let globals = format!("daemon off; pid {}/nginx.pid;", directory.display());
                words(&["-e", "stderr", "-g", &globals, "-c"], config, &[])
            }
            Self::Caddy => words(&["run", "--adapter", "caddyfile", "--config"], config, &[]),
            Self::HaProxy => words(&["-db", "-f"], config, &[]),
            Self::Traefik => {
                let mut option = OsString::from("--configFile=");
                option.push(config);
                vec![option]
            }
        }
    }

    /// What judges a configuration without running it; Traefik has nothing of the kind.
    fn validate(self, config: &Path, directory: &Path) -> Option<Vec<OsString>> {
        Some(match self {
            Self::Envoy => words(&["--mode", "validate", "-l", "warn", "-c"], config, &[]),
            Self::Nginx => {
                let globals = format!("pid {}/nginx.pid;", directory.display());
                words(&["-t", "-q", "-e", "stderr", "-g", &globals, "-c"], config, &[])
            }
            Self::Caddy => words(&["validate", "--adapter", "caddyfile", "--config"], config, &[]),
            Self::HaProxy => words(&["-c", "-f"], config, &[]),
            Self::Traefik => return None,
        })
    }
}

fn words(before: &[&str], config: &Path, after: &[&str]) -> Vec<OsString> {
    let config = config.as_os_str().to_owned();
    let own = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
    [own(before), vec![config], own(after)].concat()
}

impl Proxy {
    /// In a temporary directory, removed when this value goes. `configure` is told a free port and the directory in
    /// which its files will be.
    pub async fn throwaway(
        kind: Kind,
        search: &Search,
        configure: impl Fn(u16, &Path) -> Result<Files>,
    ) -> Result<Self> {
        let program = kind.program(search)?;
        let temporary = temporary()?;
        let directory = folder(temporary.path(), "proxy")?;
        let mut attempt = 1;
        loop {
            let port = free_port()?;
            let config = write(&directory, configure(port, &directory)?)?;
            let launch = Launch {
                name: kind.name(),
                program: program.clone(),
                arguments: kind.run(&config, &directory),
                user: None,
                setpriv: setpriv(search),
                log: directory.join("server.log"),
                stop: Stop::Terminate,
                probe: Probe::Accepts { port },
                environment: home(&directory),
            };
            match Server::start(launch).await {
                Ok(mut server) => {
                    server.keep(temporary);
                    return Ok(Self { server, address: SocketAddr::from(([127, 0, 0, 1], port)) });
                }
                Err(error) if Server::is_port_taken(&error) && attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }
}

/// Asks the program itself whether the files are right. Nothing to ask for [`Kind::Traefik`].
///
/// # Errors
/// What it says.
pub fn validate(kind: Kind, search: &Search, configure: impl Fn(u16, &Path) -> Result<Files>) -> Result<()> {
    let program = kind.program(search)?;
    let temporary = temporary()?;
    let directory = folder(temporary.path(), "proxy")?;
    let config = write(&directory, configure(free_port()?, &directory)?)?;
    let Some(arguments) = kind.validate(&config, &directory) else { return Ok(()) };
    let answer = Command::new(&program)
        .args(arguments)
        .envs(home(&directory))
        .current_dir("/")
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", program.display()))?;
    if !answer.status.success() {
        let [out, err] =
            [answer.stdout, answer.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        bail!("{} refuses its configuration:\n{out}{err}", kind.name());
    }
    Ok(())
}

/// Where Caddy keeps what it remembers.
fn home(directory: &Path) -> Vec<(String, OsString)> {
    ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"]
        .map(|name| (name.to_owned(), directory.as_os_str().to_owned()))
        .into()
}

/// The first of the files.
fn write(directory: &Path, files: Files) -> Result<PathBuf> {
    let mut first = None;
    for (name, text) in files {
        ensure!(!name.contains('/'), "{name} is not the name of a file");
        let path = directory.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        first.get_or_insert(path);
    }
    first.context("a proxy needs a configuration")
}

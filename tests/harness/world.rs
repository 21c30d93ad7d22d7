//! A data directory, and `sallyport dev` running on it.

use crate::gateway::Gateway;
use crate::http::Client;
use crate::objects::{App, Token};
use crate::process::{Process, Signal};
use crate::rest::Rest;
use crate::secrets::{Secrets, files_with};
use crate::upstream::Upstream;
use serde_json::Value;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

/// In which a trusted proxy names the client's country.
pub const COUNTRY_HEADER: &str = "cf-ipcountry";

/// Much, so that a secret which any of our lines would show is found.
const LOG: &str = "debug,h2=info,hyper=info,hyper_util=info,rustls=info,sqlx=info,tower=info";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topology {
    OneProcess,
    Distributed,
}

impl Topology {
    pub const ALL: [Self; 2] = [Self::OneProcess, Self::Distributed];

    pub fn name(self) -> &'static str {
        match self {
            Self::OneProcess => "one_process",
            Self::Distributed => "distributed",
        }
    }
}

/// Where one or several starts keep their data, one after the other.
pub struct Place {
    pub topology: Topology,
    pub secrets: Arc<Secrets>,
    folder: TempDir,
    starts: AtomicU32,
}

impl Place {
    pub fn new(topology: Topology) -> Self {
        let folder = tempfile::Builder::new().prefix("scenario-").tempdir().expect("a temporary directory");
        let place = Self { topology, secrets: Arc::default(), folder, starts: AtomicU32::new(0) };
        for path in [place.temporary(), place.logs()] {
            std::fs::create_dir(path).expect("a directory");
        }
        place
    }

    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// What the program takes for the machine's temporary directory.
    fn temporary(&self) -> PathBuf {
        self.folder.path().join("tmp")
    }

    fn logs(&self) -> PathBuf {
        self.folder.path().join("logs")
    }

    /// `extra`: further arguments. Both addresses are free ports unless they say otherwise.
    ///
    /// # Errors
    /// Why it does not run.
    pub async fn start(&self, upstream: Option<Upstream>, extra: &[String]) -> Result<World, String> {
        let log = self.logs().join(format!("{}.log", self.starts.fetch_add(1, Ordering::Relaxed)));
        let mut arguments: Vec<String> = ["dev", "--json"].map(str::to_owned).into();
        arguments.extend(["--data-dir".to_owned(), self.data_dir().to_string_lossy().into_owned()]);
        arguments.extend(["--log", LOG].map(str::to_owned));
        arguments.extend(
            ["--trusted-proxy", "127.0.0.1/32", "--country-header", COUNTRY_HEADER].map(str::to_owned),
        );
        for flag in ["--gateway", "--admin"].into_iter().filter(|flag| !extra.iter().any(|it| it == flag)) {
            arguments.extend([flag.to_owned(), "127.0.0.1:0".to_owned()]);
        }
        if let Some(upstream) = &upstream {
            arguments.extend(["--upstream".to_owned(), upstream.url()]);
        }
        if self.topology == Topology::Distributed {
            arguments.extend(["--distributed", "--gateways", "2", "--notifiers", "2"].map(str::to_owned));
        }
        arguments.extend(extra.iter().cloned());
        let started = Process::start(&arguments, &log, &self.temporary()).await;
        let (process, line) = started.map_err(|error| match self.topology {
            Topology::OneProcess => format!("sallyport dev: {error}"),
            Topology::Distributed => {
                format!("sallyport dev --distributed (are the servers missing? run make servers): {error}")
            }
        })?;
        let printed: Value =
            serde_json::from_str(&line).map_err(|error| format!("not JSON ({error}): {line}"))?;
        self.secrets.note_all(&printed);
        World::of(self, process, printed, upstream, log)
            .ok_or_else(|| format!("not what is promised: {line}"))
    }

    /// Secrets where none may be, and files that should be gone; once everything has stopped.
    pub fn leftovers(&self, api_token: &str) -> Vec<String> {
        let mut problems: Vec<String> = self
            .secrets
            .leaks(self.folder.path())
            .iter()
            .map(|path| format!("a secret in {}", path.display()))
            .collect();
        let with_token = files_with(self.folder.path(), std::iter::once(api_token));
        let is_private = |path: &PathBuf| {
            path.metadata().is_ok_and(|meta| meta.permissions().mode().trailing_zeros() >= 6)
        };
        if with_token.len() > 1 || !with_token.iter().all(is_private) {
            problems.push(format!(
                "the API token is in more than one file, or readable by others: {with_token:?}"
            ));
        }
        let kept = std::fs::read_dir(self.temporary()).into_iter().flatten().flatten();
        problems.extend(kept.map(|entry| format!("a temporary file was left: {}", entry.path().display())));
        problems
    }
}

/// `sallyport dev`, running.
pub struct World {
    pub topology: Topology,
    pub rest: Rest,
    /// Each of them: one in one process.
    pub gateways: Vec<Gateway>,
    pub upstream: Option<Upstream>,
    /// The object on its first line.
    pub printed: Value,
    pub data_dir: PathBuf,
    pub secrets: Arc<Secrets>,
    log: PathBuf,
    folder: PathBuf,
    process: Process,
    names: AtomicU32,
}

impl World {
    fn of(
        place: &Place,
        process: Process,
        printed: Value,
        upstream: Option<Upstream>,
        log: PathBuf,
    ) -> Option<Self> {
        let text = |name: &str| Some(printed.get(name)?.as_str()?.to_owned());
        let client = Client::default();
        let gateway = |url: &str| -> Option<Gateway> {
            let address = address(url)?;
            Some(Gateway { address, client: client.clone(), secrets: place.secrets.clone() })
        };
        let all = printed.get("gateways").and_then(Value::as_array);
        let gateways = match (place.topology, all) {
            (Topology::OneProcess, None) => vec![gateway(&text("gateway")?)?],
            (Topology::Distributed, Some(all)) if all.len() == 2 => {
                all.iter().map(|url| gateway(url.as_str()?)).collect::<Option<_>>()?
            }
            _ => return None,
        };
        let rest = Rest {
            address: address(&text("admin")?)?,
            account_id: text("account_id")?,
            api_token: text("api_token")?,
            client,
            secrets: place.secrets.clone(),
        };
        Some(Self {
            topology: place.topology,
            rest,
            gateways,
            upstream,
            data_dir: place.data_dir(),
            secrets: place.secrets.clone(),
            log,
            folder: place.folder.path().to_owned(),
            process,
            names: AtomicU32::new(0),
            printed,
        })
    }

    /// The first gateway.
    pub fn gateway(&self) -> &Gateway {
        self.gateways.first().expect("a world has a gateway")
    }

    pub fn upstream(&self) -> &Upstream {
        self.upstream.as_ref().expect("this world has the tests' upstream")
    }

    /// The URL that sessions name as their issuer.
    pub fn issuer(&self) -> &str {
        self.text("team_domain")
    }

    /// A text that was printed at the start.
    pub fn text(&self, name: &str) -> &str {
        let text = self.printed.get(name).and_then(Value::as_str);
        text.unwrap_or_else(|| panic!("{name} was not printed: {}", self.printed))
    }

    /// The application that `dev` makes; its `shown` is only what was printed.
    pub fn own_app(&self) -> App {
        App::of(self.printed.get("application").cloned().unwrap_or_default())
    }

    /// The token that `dev` makes, with its secret at the first start.
    pub fn own_token(&self) -> Token {
        let mut shown = self.printed.get("service_token").cloned().unwrap_or_default();
        if let Some(token) = shown.as_object_mut() {
            token.entry("name").or_insert_with(|| "printed without a name".into());
        }
        Token::of(shown)
    }

    /// A name that nothing else in this world has.
    pub fn unique(&self) -> String {
        format!("s{}-{}", self.names.fetch_add(1, Ordering::Relaxed), std::process::id())
    }

    pub fn unique_host(&self) -> String {
        format!("{}.test", self.unique())
    }

    /// What it has written to standard error.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// What it complained about.
    pub fn complaints(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let complaints = log.lines().filter(|line| line.contains(" WARN ") || line.contains("ERROR "));
        complaints.collect::<Vec<_>>().join("\n")
    }

    /// Everything that was not as it should be at its end.
    pub async fn stop(&mut self, signal: Signal) -> Vec<String> {
        let mut problems = self.process.stop(signal, &self.folder).await;
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        problems.extend(log.lines().filter(|line| line.contains("panicked at")).map(str::to_owned));
        problems
    }
}

fn address(url: &str) -> Option<SocketAddr> {
    url.strip_prefix("http://")?.trim_end_matches('/').parse().ok()
}

//! Starting, watching, disturbing and stopping service processes.

use anyhow::{Context as _, Result, bail};
pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};

/// How long a process may take to finish its work once it is told to stop.
const PATIENCE: Duration = Duration::from_secs(10);

/// What to run, and what to run again after a kill.
struct Launch {
    name: String,
    program: PathBuf,
    config: PathBuf,
    environment: Vec<(String, OsString)>,
    /// Where its log goes; our own standard error if nowhere.
    log: Option<PathBuf>,
}

/// A service, running unless it was killed.
struct Process {
    launch: Launch,
    child: Option<Child>,
}

/// The services, in the order in which they were started.
#[derive(Default)]
pub struct Processes {
    all: Vec<Process>,
    logs: Option<PathBuf>,
    environments: BTreeMap<String, Vec<(String, OsString)>>,
}

/// The binary of a service, beside this one; or, for a test, above it.
fn program(service: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().context("where is this program?")?;
    let places = own.ancestors().skip(1).take(2).map(|folder| folder.join(service));
    let mut missing = None;
    for program in places {
        if program.is_file() {
            return Ok(program);
        }
        missing = missing.or(Some(program));
    }
    bail!("{} is missing; build it with `make build`", missing.unwrap_or_default().display())
}

impl Processes {
    /// Logs go to `folder/<name>.log` from now on.
    pub fn log_to(&mut self, folder: &Path) {
        self.logs = Some(folder.to_owned());
    }

    /// One more variable for the process of this name, at its next start.
    pub fn set_environment(&mut self, name: &str, variable: &str, value: impl Into<OsString>) {
        let variables = self.environments.entry(name.to_owned()).or_default();
        variables.push((variable.to_owned(), value.into()));
    }

    /// Starts `service` with a configuration file. It also ends when this process does, however that ends.
    pub fn start(&mut self, name: &str, service: &str, config: &Path) -> Result<()> {
        let launch = Launch {
            name: name.to_owned(),
            program: program(service)?,
            config: config.to_owned(),
            environment: self.environments.get(name).cloned().unwrap_or_default(),
            log: self.logs.as_ref().map(|folder| folder.join(format!("{name}.log"))),
        };
        let child = Some(launch.spawn()?);
        self.all.push(Process { launch, child });
        Ok(())
    }

    fn find(&mut self, name: &str) -> Result<&mut Process> {
        let found = self.all.iter_mut().find(|process| process.launch.name == name);
        found.with_context(|| format!("there is no process {name}"))
    }

    /// Ends it as a crash would, and returns when it is gone. It counts as told to, and can be started again.
    pub async fn kill(&mut self, name: &str) -> Result<()> {
        let process = self.find(name)?;
        if let Some(mut child) = process.child.take() {
            child.kill().await.with_context(|| format!("killing {name}"))?;
        }
        Ok(())
    }

    /// Starts it again after [`Self::kill`], as it was started first.
    pub fn restart(&mut self, name: &str) -> Result<()> {
        let process = self.find(name)?;
        if process.child.is_some() {
            bail!("{name} is already running");
        }
        process.child = Some(process.launch.spawn()?);
        Ok(())
    }

    /// For `STOP` and `CONT`.
    pub fn signal(&mut self, name: &str, signal: Signal) -> Result<()> {
        let child = self.find(name)?.child.as_ref();
        let pid = child.and_then(pid).with_context(|| format!("{name} is not running"))?;
        kill_process(pid, signal).with_context(|| format!("signalling {name}"))
    }

    /// A process that has ended although nobody told it to, and how.
    pub fn find_ended(&mut self) -> Option<String> {
        self.all.iter_mut().find_map(|Process { launch, child }| match child.as_mut()?.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) => Some(format!("{} ended: {status}", launch.name)),
            Err(error) => Some(format!("{}: {error}", launch.name)),
        })
    }

    /// Returns when a process has ended that nobody told to: its name, and how.
    pub async fn first_to_end(&mut self) -> String {
        loop {
            if let Some(ended) = self.find_ended() {
                return ended;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Stops all, the last started first, so that nobody calls a service that is gone.
    pub async fn stop(&mut self) -> Result<()> {
        let mut late = Vec::new();
        while let Some(Process { launch, child }) = self.all.pop() {
            let Some(mut child) = child else { continue };
            if let Some(pid) = pid(&child) {
                let _ = kill_process(pid, Signal::TERM);
                // One that is held still would not hear it.
                let _ = kill_process(pid, Signal::CONT);
            }
            if tokio::time::timeout(PATIENCE, child.wait()).await.is_err() {
                let _ = child.kill().await;
                late.push(launch.name);
            }
        }
        if late.is_empty() {
            Ok(())
        } else {
            bail!("did not stop in time and were killed: {}", late.join(", "))
        }
    }
}

fn pid(child: &Child) -> Option<Pid> {
    child.id().and_then(|id| Pid::from_raw(id.cast_signed()))
}

impl Launch {
    fn spawn(&self) -> Result<Child> {
        let stderr = match &self.log {
            Some(log) => OpenOptions::new().create(true).append(true).open(log)?.into(),
            None => Stdio::inherit(),
        };
        Command::new(&self.program)
            .arg("--stop-with-stdin")
            .arg("--config")
            .arg(&self.config)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(stderr)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", self.name))
    }
}

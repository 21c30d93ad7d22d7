//! Starting, watching and stopping service processes.

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};

/// How long a process may take to finish its work once it is told to stop.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running service.
struct Process {
    name: String,
    child: Child,
}

/// The running services, in the order in which they were started.
#[derive(Default)]
pub struct Processes {
    running: Vec<Process>,
}

/// The binary of a service, beside this one.
fn program(service: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().context("where is this program?")?;
    let program = own.with_file_name(service);
    if !program.exists() {
        bail!("{} is missing; build it with `make build`", program.display());
    }
    Ok(program)
}

impl Processes {
    /// Starts `service` with a configuration file. It also ends when this process does, however that ends.
    pub fn start(&mut self, name: &str, service: &str, config: &Path) -> Result<()> {
        let child = Command::new(program(service)?)
            .arg("--stop-with-stdin")
            .arg("--config")
            .arg(config)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        self.running.push(Process { name: name.to_owned(), child });
        Ok(())
    }

    /// Returns when a process has ended that nobody told to: its name, and how.
    pub async fn first_to_end(&mut self) -> String {
        loop {
            for Process { name, child } in &mut self.running {
                match child.try_wait() {
                    Ok(None) => {}
                    Ok(Some(status)) => return format!("{name} ended: {status}"),
                    Err(error) => return format!("{name}: {error}"),
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Stops all, the last started first, so that nobody calls a service that is gone.
    pub async fn stop(&mut self) -> Result<()> {
        let mut late = Vec::new();
        while let Some(Process { name, mut child }) = self.running.pop() {
            if let Some(pid) = child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
                let _ = kill_process(pid, Signal::TERM);
            }
            if tokio::time::timeout(PATIENCE, child.wait()).await.is_err() {
                let _ = child.kill().await;
                late.push(name);
            }
        }
        if late.is_empty() {
            Ok(())
        } else {
            bail!("did not stop in time and were killed: {}", late.join(", "))
        }
    }
}

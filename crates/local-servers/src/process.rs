//! One running program, and how it ends.
//!
//! Each child has a guard thread that starts it, waits for it, and lives exactly as long: the kernel's
//! "parent died" signal is tied to the thread that started the child, and a runtime's own threads come and go.

use crate::family::descendants;
use crate::launch::{Launch, Stop};
use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::process::Child;
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::{oneshot, watch};

/// Longest wait for a server to accept clients, and for one to stop before it is killed.
const LIMIT: Duration = Duration::from_mins(1);
/// Between two looks at a server that is starting.
const PACE: Duration = Duration::from_millis(10);
/// Longest time that dropping a running server blocks before it is killed.
const DROP_LIMIT: Duration = Duration::from_secs(20);

/// A server: running, or stopped and able to start again on the same port with the same data.
///
/// Dropping a running one stops it, and blocks until it has ended; [`Server::stop`] does the same without blocking
/// a thread.
#[derive(Debug)]
pub struct Server {
    launch: Launch,
    process: Option<Process>,
    /// Removed after the process has ended: fields are dropped in order.
    directories: Vec<TempDir>,
}

impl Server {
    /// Starts it and waits until it accepts clients.
    pub(crate) async fn start(launch: Launch) -> Result<Self> {
        let mut server = Self { launch, process: None, directories: Vec::new() };
        server.restart().await?;
        Ok(server)
    }

    /// Starts it again after [`Self::stop`] or [`Self::kill`], and waits until it accepts clients.
    pub async fn restart(&mut self) -> Result<()> {
        ensure!(self.process.is_none(), "{} is already running", self.launch.name);
        let process = Process::spawn(&self.launch).await?;
        let (name, log) = (self.launch.name, self.launch.log.display());
        let mut exited = process.exited.clone();
        let pid = process.pid;
        tokio::select! {
            ready = tokio::time::timeout(LIMIT, self.wait_until_ready(pid)) => {
                let tail = || self.launch.log_tail();
                ready.map_err(|_| anyhow::anyhow!("{name} was not ready after {LIMIT:?}; {log} ends with\n{}", tail()))?;
            }
            _ = exited.wait_for(|exited| *exited) => {
                bail!("{name} ended while starting; {log} ends with\n{}", self.launch.log_tail());
            }
        }
        tracing::debug!(server = name, pid, "started");
        self.process = Some(process);
        Ok(())
    }

    /// Removes the directory once the server has been dropped.
    pub(crate) fn keep(&mut self, directory: TempDir) {
        self.directories.push(directory);
    }

    async fn wait_until_ready(&self, pid: u32) {
        while !self.launch.probe.is_ready(pid).await {
            tokio::time::sleep(PACE).await;
        }
    }

    /// Stops it in an orderly way; kills it, and says so, when it does not stop in time. Nothing to do when it is
    /// not running.
    pub async fn stop(&mut self) -> Result<()> {
        let Some(process) = self.process.take() else { return Ok(()) };
        let in_time = process.end(self.launch.stop.signal()).await;
        ensure!(in_time, "{} did not stop in {LIMIT:?} and was killed", self.launch.name);
        Ok(())
    }

    /// Kills it with its children, as a crash of its host would.
    pub async fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            // Held still, it has no more children.
            let _ = process.signal(Signal::STOP);
            let children = descendants(process.pid);
            process.end(Signal::KILL).await;
            for child in children {
                signal_process(child, Signal::KILL);
            }
        }
    }

    /// Holds it still, its children too: connections stay open and nothing is answered.
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::STOP)?;
        self.signal_children(Signal::STOP);
        Ok(())
    }

    pub fn thaw(&self) -> Result<()> {
        self.signal_children(Signal::CONT);
        self.signal(Signal::CONT)
    }

    /// One more environment variable, from the next start on.
    pub fn set_environment(&mut self, variable: &str, value: impl Into<OsString>) {
        self.launch.environment.push((variable.to_owned(), value.into()));
    }

    fn signal_children(&self, signal: Signal) {
        for child in self.pid().map(descendants).unwrap_or_default() {
            signal_process(child, signal);
        }
    }

    /// `None` when it is not running.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(|process| process.pid)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let process =
            self.process.as_ref().with_context(|| format!("{} is not running", self.launch.name))?;
        process.signal(signal)
    }

    /// Whether the log says that the port was taken by somebody else.
    pub(crate) fn is_port_taken(error: &anyhow::Error) -> bool {
        let text = error.to_string().to_lowercase();
        text.contains("address already in use") || text.contains("could not create any tcp/ip sockets")
    }
}

#[derive(Debug)]
struct Process {
    pid: u32,
    /// Names the process itself: a number may by then belong to another.
    handle: OwnedFd,
    /// True once it has ended and was waited for.
    exited: watch::Receiver<bool>,
    guard: Option<JoinHandle<()>>,
    stop: Stop,
}

impl Process {
    async fn spawn(launch: &Launch) -> Result<Self> {
        let mut command = launch.command()?;
        let (started, starting) = oneshot::channel();
        let (exit, exited) = watch::channel(false);
        let guard = std::thread::Builder::new().name(format!("{} guard", launch.name)).spawn(move || {
            let child = command.spawn().and_then(|child| Ok((open(&child)?, child)));
            match child {
                Ok((handle, mut child)) => {
                    // Nobody may be there to take it any more: then it must not stay behind.
                    if started.send(Ok((child.id(), handle))).is_err() {
                        let _ = child.kill();
                    }
                    let _ = child.wait();
                }
                Err(error) => drop(started.send(Err(error))),
            }
            exit.send_replace(true);
        })?;
        let (pid, handle) = starting
            .await?
            .with_context(|| format!("cannot run {} ({})", launch.program.display(), launch.name))?;
        Ok(Self { pid, handle, exited, guard: Some(guard), stop: launch.stop })
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        pidfd_send_signal(&self.handle, signal).context("cannot signal the server")
    }

    /// One that is held still would not hear that it shall stop.
    fn wake(&self) {
        for child in descendants(self.pid) {
            signal_process(child, Signal::CONT);
        }
        let _ = self.signal(Signal::CONT);
    }

    /// Whether it ended in time by itself.
    async fn end(mut self, signal: Signal) -> bool {
        let _ = self.signal(signal);
        self.wake();
        let in_time = tokio::time::timeout(LIMIT, self.exited.wait_for(|exited| *exited))
            .await
            .is_ok_and(|end| end.is_ok());
        if !in_time {
            let _ = self.signal(Signal::KILL);
            let _ = self.exited.wait_for(|exited| *exited).await;
        }
        in_time
    }
}

/// It may have ended meanwhile.
fn signal_process(id: u32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(id.cast_signed()) {
        let _ = kill_process(pid, signal);
    }
}

fn open(child: &Child) -> std::io::Result<OwnedFd> {
    let pid =
        i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(std::io::ErrorKind::InvalidData)?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}

impl Drop for Process {
    fn drop(&mut self) {
        if !*self.exited.borrow() {
            let _ = self.signal(self.stop.signal());
            self.wake();
            let mut waited = Duration::ZERO;
            while !*self.exited.borrow() && waited < DROP_LIMIT {
                std::thread::sleep(PACE);
                waited += PACE;
            }
            let _ = self.signal(Signal::KILL);
        }
        if let Some(guard) = self.guard.take() {
            let _ = guard.join();
        }
    }
}

//! `sallyport dev`, from its first line to its last child.

use crate::machine::{self, Listening, Running};
pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};
use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};

/// A first start makes a database cluster and migrates five databases.
const START: Duration = Duration::from_mins(3);
const STOP: Duration = Duration::from_mins(1);
/// The kernel may take a moment to bury what has ended, and a busy machine a long one.
const BURIAL: Duration = Duration::from_secs(20);

pub struct Process {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Process {
    /// Starts the program and waits for its first line.
    ///
    /// # Errors
    /// Why it did not come so far, with the end of its log.
    pub async fn start(arguments: &[String], log: &Path, temporary: &Path) -> Result<(Self, String), String> {
        let program = program()?;
        let stderr = File::create(log).map_err(|error| format!("{}: {error}", log.display()))?;
        let mut child = Command::new(&program)
            .args(arguments)
            .current_dir(crate::root())
            .env("TMPDIR", temporary)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let stdout = child.stdout.take().ok_or("no standard output")?;
        let mut process = Self { child, stdout: BufReader::new(stdout) };
        let mut line = String::new();
        let read = tokio::time::timeout(START, process.stdout.read_line(&mut line)).await;
        match read {
            Ok(Ok(1..)) => Ok((process, line)),
            Ok(Ok(0)) => Err(format!("it ended before it was ready:\n{}", tail(log))),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("it was not ready within {START:?}:\n{}", tail(log))),
        }
    }

    /// Asks it to end, and returns everything that was not as it should be.
    pub async fn stop(&mut self, signal: Signal, folder: &Path) -> Vec<String> {
        let Some(id) = self.child.id() else {
            return vec![format!("it ended by itself: {:?}", self.child.wait().await)];
        };
        let mut family = machine::family(id);
        family.extend(machine::users_of(folder));
        let sockets = machine::listening(&family);
        send(id, signal);
        let ended = tokio::time::timeout(STOP, self.child.wait()).await;
        let mut problems = Vec::new();
        match ended {
            Ok(Ok(status)) if status.code() == Some(0) => {}
            Ok(status) => problems.push(format!("after {signal:?} it ended with {status:?}, not with 0")),
            Err(_) => problems.push(format!("it was still running {STOP:?} after {signal:?}")),
        }
        problems.extend(left_behind(family, sockets, folder).await);
        let mut rest = String::new();
        let read = tokio::time::timeout(BURIAL, self.stdout.read_to_string(&mut rest)).await;
        if !matches!(read, Ok(Ok(0))) {
            problems.push(format!("more than one line on standard output, or it was kept open: {rest:?}"));
        }
        problems
    }
}

impl Drop for Process {
    /// When a start failed half-way or a scenario gave up. Its own stop cleans up best.
    fn drop(&mut self) {
        let Some(id) = self.child.id() else { return };
        send(id, Signal::TERM);
        for _ in 0..200 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        send(id, Signal::KILL);
    }
}

fn send(id: u32, signal: Signal) {
    if let Some(id) = i32::try_from(id).ok().and_then(Pid::from_raw) {
        let _ = kill_process(id, signal);
    }
}

/// Whatever of it is still there.
async fn left_behind(
    mut family: BTreeSet<Running>,
    sockets: BTreeSet<Listening>,
    folder: &Path,
) -> Vec<String> {
    let gone = async {
        while family.iter().any(Running::is_alive) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let _ = tokio::time::timeout(BURIAL, gone).await;
    family.extend(machine::users_of(folder));
    let children = family.iter().filter(|it| it.is_alive());
    let mut problems: Vec<_> = children.map(|it| format!("still running: {}", it.name())).collect();
    problems.extend(
        sockets.iter().filter(|it| it.is_open()).map(|it| format!("still listening: port {}", it.port)),
    );
    problems
}

/// `SALLYPORT_BIN`, or the one that was built beside this test.
///
/// # Errors
/// It was not built.
pub fn program() -> Result<PathBuf, String> {
    if let Some(given) = std::env::var_os("SALLYPORT_BIN") {
        return Ok(given.into());
    }
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let folder = own.ancestors().nth(2).ok_or("this test is in no target directory")?;
    let program = folder.join("sallyport");
    if program.is_file() {
        Ok(program)
    } else {
        Err(format!(
            "{} is missing: run `make build`, or `make test`, which builds it first",
            program.display()
        ))
    }
}

/// The end of a log.
fn tail(log: &Path) -> String {
    let bytes = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(40)..).unwrap_or_default().join("\n")
}

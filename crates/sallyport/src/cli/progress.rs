//! One line on a terminal's standard error, once something has taken a second.

use super::output::Out;
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Ends, and takes its line away, when dropped.
pub struct Progress(Option<JoinHandle<()>>, Instant);

const QUIET: Duration = Duration::from_secs(1);

impl Progress {
    pub fn start(out: &Out, what: &'static str) -> Self {
        let is_seen = !out.is_json && std::io::stderr().is_terminal();
        let begun = Instant::now();
        let telling = is_seen.then(|| {
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(QUIET).await;
                    eprint!("\r{what} … {} s", begun.elapsed().as_secs());
                    let _ = std::io::stderr().flush();
                }
            })
        });
        Self(telling, begun)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(telling) = self.0.take() {
            telling.abort();
            if self.1.elapsed() >= QUIET {
                eprint!("\r\x1b[K");
            }
        }
    }
}

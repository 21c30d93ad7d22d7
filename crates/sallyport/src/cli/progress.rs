//! One line on a terminal's standard error, once something has taken a second.

use super::output::Out;
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Ends, and takes its line away, when dropped.
pub struct Progress {
    telling: Option<JoinHandle<()>>,
    is_seen: Arc<AtomicBool>,
}

const STEP: Duration = Duration::from_secs(1);

impl Progress {
    pub fn start(out: &Out, what: &'static str) -> Self {
        let is_seen = Arc::new(AtomicBool::new(false));
        let seen = is_seen.clone();
        let telling = (!out.is_json && std::io::stderr().is_terminal()).then(|| {
            tokio::spawn(async move {
                for seconds in 1_u32.. {
                    tokio::time::sleep(STEP).await;
                    seen.store(true, Ordering::Relaxed);
                    eprint!("\r{what} … {seconds} s");
                    let _ = std::io::stderr().flush();
                }
            })
        });
        Self { telling, is_seen }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(telling) = self.telling.take() {
            telling.abort();
        }
        if self.is_seen.load(Ordering::Relaxed) {
            eprint!("\r\x1b[K");
        }
    }
}

//! The server's share of the processor: a machine that also carries the load hides it in the throughput.

use std::fs;
use std::time::Duration;

/// Name of the server's threads.
pub const SERVER: &str = "server";
/// SQLite's threads, as the kernel cuts the name.
const SQLITE: &str = "sqlx-sqlite";

/// What the server's threads have spent so far; nothing where the kernel does not say.
pub fn spent_by_server() -> Option<Duration> {
    let mut nanos = 0_u64;
    for task in fs::read_dir("/proc/self/task").ok()?.flatten() {
        let read = |file: &str| fs::read_to_string(task.path().join(file)).ok();
        // A thread may end between the two: it has little to say.
        let Some(name) = read("comm") else { continue };
        if name.starts_with(SERVER) || name.starts_with(SQLITE) {
            let spent = read("schedstat")?;
            nanos = nanos.saturating_add(spent.split_whitespace().next()?.parse().ok()?);
        }
    }
    Some(Duration::from_nanos(nanos))
}

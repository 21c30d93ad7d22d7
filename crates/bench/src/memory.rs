//! How much memory a process holds, as the kernel counts it.

use anyhow::{Context as _, Result};
use std::fmt::Display;
use std::fs;

/// One field of `/proc/PROCESS/status`, which counts in KiB. `process`: an id, or `self`.
pub fn bytes(process: impl Display, field: &str) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).context("reading its memory")?;
    let value = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let kib: u32 =
        value.and_then(|value| value.split_whitespace().next()).context("no memory is shown")?.parse()?;
    Ok(f64::from(kib) * 1024.0)
}

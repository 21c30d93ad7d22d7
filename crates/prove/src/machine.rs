//! How busy the machine was with work that is not ours: times that were measured beside it say little.

use std::collections::HashMap;
use std::fs;

/// Processor time since the machine and our processes began, in ticks.
#[derive(Debug, Clone, Copy)]
pub struct Ticks {
    /// Of all processors, idle or not.
    all: u64,
    idle: u64,
    /// Used by this process and everything that it started.
    ours: u64,
}

impl Ticks {
    /// Now; `None` where the kernel does not say.
    pub fn read() -> Option<Self> {
        let stat = fs::read_to_string("/proc/stat").ok()?;
        let fields = stat.lines().next()?.split_ascii_whitespace().skip(1);
        // User, nice, system, idle, waiting for disks, interrupts …; guests are counted as users already.
        let fields: Vec<u64> = fields.take(8).filter_map(|field| field.parse().ok()).collect();
        let (idle, waiting) = (fields.get(3)?, fields.get(4)?);
        Some(Self { all: fields.iter().sum(), idle: idle + waiting, ours: ours() })
    }

    /// Of all processor time since `earlier`, how much others used, from 0 to 1.
    pub fn others_since(self, earlier: Self) -> f64 {
        let all = self.all.saturating_sub(earlier.all);
        let busy = all.saturating_sub(self.idle.saturating_sub(earlier.idle));
        let others = busy.saturating_sub(self.ours.saturating_sub(earlier.ours));
        share(others, all)
    }
}

fn share(part: u64, whole: u64) -> f64 {
    let number = |ticks| f64::from(u32::try_from(ticks).unwrap_or(u32::MAX));
    number(part) / number(whole).max(1.0)
}

/// One process: its parent, and what it and its children that have ended used.
fn process(id: u32) -> Option<(u32, u64)> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    let parent = fields.nth(1)?.parse().ok()?;
    let used = fields.skip(9).take(4).filter_map(|field| field.parse::<u64>().ok()).sum();
    Some((parent, used))
}

fn ours() -> u64 {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let all: HashMap<u32, (u32, u64)> = ids.filter_map(|id| Some((id, process(id)?))).collect();
    let own = std::process::id();
    let is_ours = |id: u32| {
        let mut line = std::iter::successors(Some(id), |id| all.get(id).map(|(parent, _)| *parent)).take(20);
        line.any(|ancestor| ancestor == own)
    };
    all.iter().filter(|(id, _)| is_ours(**id)).map(|(_, (_, used))| used).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_we_use_is_not_counted_as_others() {
        let earlier = Ticks { all: 1_000, idle: 500, ours: 100 };
        let later = Ticks { all: 2_000, idle: 900, ours: 400 };
        assert!((later.others_since(earlier) - 0.3).abs() < 1e-9);
        assert!(earlier.others_since(later).abs() < 1e-9);
    }

    #[test]
    fn this_machine_says_how_busy_it_is() {
        let ticks = Ticks::read().unwrap();
        assert!(ticks.all > ticks.idle);
        assert!(process(std::process::id()).is_some());
    }
}

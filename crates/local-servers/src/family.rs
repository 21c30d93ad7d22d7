//! A process and everything that it started, read from `/proc`.

use std::collections::BTreeSet;
use std::fs;

/// The descendants of a process, without itself; none where `/proc` is missing.
pub(crate) fn descendants(of: u32) -> BTreeSet<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let all: Vec<(u32, u32)> =
        entries.filter_map(|entry| with_parent(entry.file_name().to_str()?.parse().ok()?)).collect();
    let mut family = BTreeSet::from([of]);
    loop {
        let before = family.len();
        let children: Vec<u32> =
            all.iter().filter(|(_, parent)| family.contains(parent)).map(|(child, _)| *child).collect();
        family.extend(children);
        if family.len() == before {
            break;
        }
    }
    family.remove(&of);
    family
}

fn with_parent(id: u32) -> Option<(u32, u32)> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let (_, fields) = text.rsplit_once(')')?;
    let parent = fields.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some((id, parent))
}

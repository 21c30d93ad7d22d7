//! Positions that were given out and taken back, by a failover to a standby that was behind or by a restored backup.

use parking_lot::RwLock;
use prost::Message as _;
use proto::change_feed::{Entry, HistoryState};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// The kind of the objects that tell of it, on every feed.
pub(crate) const KIND: &str = "history";

/// What a view knows of lost positions. Whatever was read at one was read in a history that is gone: what it was read
/// from may be another thing now, so it counts for nothing.
#[derive(Debug, Default)]
pub struct History {
    /// No position from here on is lost. Mostly 0: then nobody takes the lock.
    intact_from: AtomicU64,
    lost: RwLock<Vec<Range<u64>>>,
}

impl History {
    pub fn has_lost(&self, position: u64) -> bool {
        position < self.intact_from.load(Ordering::Acquire)
            && self.lost.read().iter().any(|range| range.contains(&position))
    }

    /// Takes in the objects or entries that tell of it, and leaves the others. What was lost stays lost.
    pub fn learn(&self, entries: &[Entry]) {
        for entry in entries.iter().filter(|entry| is_history(entry) && !entry.removed) {
            // Unreadable: everything before it.
            let survived =
                HistoryState::decode(entry.state.as_slice()).map_or(0, |HistoryState { survived }| survived);
            let range = survived + 1..entry.position;
            let mut lost = self.lost.write();
            if !lost.contains(&range) {
                lost.push(range);
            }
            drop(lost);
            self.intact_from.fetch_max(entry.position, Ordering::AcqRel);
        }
    }
}

fn is_history(entry: &Entry) -> bool {
    entry.object.split_once('/').is_some_and(|(kind, _)| kind == KIND)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(position: u64, state: Vec<u8>) -> Entry {
        Entry { position, object: format!("{KIND}/{position}"), state, removed: false }
    }

    #[test]
    fn what_lies_between_the_last_survivor_and_the_resumption_is_lost() {
        let history = History::default();
        assert!(!history.has_lost(0));
        history.learn(&[entry(1_000, HistoryState { survived: 10 }.encode_to_vec())]);
        for (position, lost) in
            [(0, false), (10, false), (11, true), (999, true), (1_000, false), (2_000, false)]
        {
            assert_eq!(history.has_lost(position), lost, "{position}");
        }
        history.learn(&[entry(5_000, HistoryState { survived: 1_007 }.encode_to_vec())]);
        for (position, lost) in [(10, false), (11, true), (1_007, false), (1_008, true), (5_000, false)] {
            assert_eq!(history.has_lost(position), lost, "{position}");
        }
    }

    #[test]
    fn an_unreadable_object_takes_everything_before_it() {
        let history = History::default();
        history.learn(&[entry(1_000, vec![0xff]), Entry { object: "token/1".into(), ..Entry::default() }]);
        assert!(history.has_lost(1) && history.has_lost(999) && !history.has_lost(1_000));
    }
}

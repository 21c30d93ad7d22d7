//! Acknowledgements that came to this process. They count here at once, and are written down a moment later, many in
//! one transaction: for the service's other processes.

use parking_lot::Mutex;
use std::collections::HashMap;
use tokio::sync::Notify;

#[derive(Default)]
pub(super) struct Acknowledged {
    /// Something came.
    pub arrived: Notify,
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    /// By incarnation: the highest position applied.
    applied: HashMap<String, u64>,
    unwritten: HashMap<String, u64>,
    is_written_soon: bool,
}

impl Acknowledged {
    /// Whether somebody must see to it that it is written.
    pub fn note(&self, incarnation: &str, applied: u64) -> bool {
        let mut book = self.book.lock();
        let Book { applied: known, unwritten, is_written_soon } = &mut *book;
        for positions in [known, unwritten] {
            let position = positions.entry(incarnation.to_owned()).or_default();
            *position = applied.max(*position);
        }
        let is_first = !std::mem::replace(is_written_soon, true);
        drop(book);
        self.arrived.notify_waiters();
        is_first
    }

    /// As a heartbeat says it, which is written already.
    pub fn hear(&self, incarnation: &str, applied: u64) {
        let mut book = self.book.lock();
        let position = book.applied.entry(incarnation.to_owned()).or_default();
        *position = applied.max(*position);
        drop(book);
        self.arrived.notify_waiters();
    }

    /// What is to be written now. Nothing: whoever comes next must see to it again.
    pub fn take_unwritten(&self) -> Vec<(String, u64)> {
        let mut book = self.book.lock();
        let unwritten: Vec<_> = book.unwritten.drain().collect();
        book.is_written_soon = !unwritten.is_empty();
        unwritten
    }

    /// How far an incarnation has come, as far as was heard here.
    pub fn applied(&self, incarnation: &str) -> u64 {
        self.book.lock().applied.get(incarnation).copied().unwrap_or_default()
    }

    pub fn forget_all_but(&self, is_known: impl Fn(&str) -> bool) {
        self.book.lock().applied.retain(|incarnation, _| is_known(incarnation));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_writer_takes_what_came_meanwhile() {
        let acknowledged = Acknowledged::default();
        assert!(acknowledged.note("1", 7));
        assert!(!acknowledged.note("1", 5));
        assert!(!acknowledged.note("2", 3));
        assert_eq!([acknowledged.applied("1"), acknowledged.applied("3")], [7, 0]);
        let mut taken = acknowledged.take_unwritten();
        taken.sort();
        assert_eq!(taken, [("1".to_owned(), 7), ("2".to_owned(), 3)]);
        assert!(!acknowledged.note("2", 4), "the writer looks once more");
        assert_eq!(acknowledged.take_unwritten(), [("2".to_owned(), 4)]);
        assert!(acknowledged.take_unwritten().is_empty());
        assert!(acknowledged.note("2", 5));
        acknowledged.forget_all_but(|incarnation| incarnation == "2");
        assert_eq!([acknowledged.applied("1"), acknowledged.applied("2")], [0, 5]);
    }
}

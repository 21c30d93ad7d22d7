//! How a change on a feed wakes the judgement.

use change_feed::View;
use proto::change_feed::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Notify;

/// Counts changes, and wakes whoever waits for one. Many that come together wake once.
#[derive(Default)]
pub struct Changes {
    count: AtomicU64,
    news: Notify,
}

impl Changes {
    /// One has become visible.
    pub fn tell(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
        self.news.notify_one();
    }

    pub fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    /// Until there is one that nobody has waited for.
    pub async fn wait(&self) {
        self.news.notified().await;
    }
}

/// A view that tells of its changes.
pub struct Told<V> {
    pub view: Arc<V>,
    pub changes: Arc<Changes>,
}

impl<V: View> View for Told<V> {
    const KINDS: &'static [&'static str] = V::KINDS;

    fn load(&self, objects: Vec<Entry>) {
        self.view.load(objects);
        self.changes.tell();
    }

    fn apply(&self, entries: &[Entry]) {
        self.view.apply(entries);
        self.changes.tell();
    }
}

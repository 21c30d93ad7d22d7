//! The change of an HTTP/1.1 connection to another protocol, between whoever reads it and whoever answers it.
//!
//! What a client sends after its request for another protocol is HTTP in one reading and not in another. It is kept
//! unread until the tunnel takes it; if no tunnel comes of it, it is thrown away and the connection ends with the answer.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The connection speaks HTTP.
    Http,
    /// What follows the request is kept.
    Asked,
    /// What follows is thrown away.
    Refused,
    /// What follows is the tunnel's.
    Tunnel,
}

/// One connection's.
#[derive(Default)]
pub struct Handshake {
    stage: AtomicU8,
    /// Which request asked, counted from 1.
    asked: AtomicU64,
    answered: AtomicU64,
}

impl Handshake {
    pub fn stage(&self) -> Stage {
        match self.stage.load(Ordering::Acquire) {
            0 => Stage::Http,
            1 => Stage::Asked,
            2 => Stage::Refused,
            _ => Stage::Tunnel,
        }
    }

    /// This request, the last that was read, asks for another protocol.
    pub fn ask(&self, request: u64) {
        self.asked.store(request, Ordering::Release);
        self.stage.store(1, Ordering::Release);
    }

    /// Called once for every request, in order. Whether it is the one that asks.
    pub fn next(&self) -> bool {
        let request = self.answered.fetch_add(1, Ordering::Relaxed) + 1;
        self.stage() == Stage::Asked && self.asked.load(Ordering::Acquire) == request
    }

    pub fn refuse(&self) {
        self.stage.store(2, Ordering::Release);
    }

    pub fn open_tunnel(&self) {
        self.stage.store(3, Ordering::Release);
    }
}

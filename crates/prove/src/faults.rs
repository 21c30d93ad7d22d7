//! What is broken, one after the other.
//!
//! | module | holds |
//! |---|---|
//! | [`catalogue`] | all of them, in the order in which they come |
//! | [`inject`] | how each is begun and healed |
//! | [`redis`] [`nats`] | what somebody does to these servers who can reach them |

pub mod catalogue;
pub mod inject;
pub mod nats;
pub mod redis;

use crate::link::Mode;
use crate::recorder::duty::Part;
use std::time::Duration;

/// Something that goes wrong and is set right again.
#[derive(Debug, Clone)]
pub struct Fault {
    pub name: String,
    /// Whose acts may take longer or fail meanwhile.
    pub parts: &'static [Part],
    /// From its beginning until it is healed.
    pub hold: Duration,
    /// Also in the short form.
    pub is_short: bool,
    pub action: Action,
}

/// A server that is not ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    Postgres,
    Redis,
    Nats,
}

/// What is done.
#[derive(Debug, Clone)]
pub enum Action {
    /// Nothing: what everything else is compared with.
    Nothing,
    /// `kill -9`, and a start when it is healed.
    Kill(&'static str),
    KillServer(Server),
    /// `SIGSTOP` and `SIGCONT`.
    Freeze(&'static str),
    FreezeServer(Server),
    /// Links from these callers to these callees.
    Links(Vec<&'static str>, Vec<&'static str>, Mode),
    Redis(redis::Storm),
    Nats(nats::Storm),
    /// The clock of one process goes an hour forward, then an hour back, then right again.
    Clock(&'static str),
    /// A process is killed while links are cut.
    KillBehindCut(&'static str, Vec<&'static str>, Vec<&'static str>),
}

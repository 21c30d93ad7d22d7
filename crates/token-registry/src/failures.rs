//! What was presented and is not good, for the log: each failure of a Client ID that exists, within limits; the others
//! only in number, for those ids come from anybody.
//!
//! The request hands over the same for both and waits for nothing, so that its time tells neither from the other.

use quick_cache::unsync::Cache;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Failures that wait to be counted; more are counted together.
const WAITING: usize = 1_024;
/// Tokens whose failures are counted apart.
const TOKENS: usize = 10_000;
/// So many wrong secrets for one token within a round are guessing.
pub const GUESSING: u64 = 20;
/// One line for each token and round at its beginning, one when guessing begins, one with the number at its end.
const ROUND: Duration = Duration::from_mins(1);
/// Lines in a round, whoever is tried.
const LINES: usize = 200;

/// A Client Secret that is not good.
pub struct Failure {
    pub client_id: String,
    pub token_id: String,
    /// Whether there is such a token.
    pub exists: bool,
}

/// Where calls leave what failed.
pub struct Failures {
    sender: Sender<Failure>,
    overflowed: AtomicU64,
}

/// Counts and logs them.
pub struct Log {
    receiver: Receiver<Failure>,
    tokens: Cache<String, u64>,
    unknown: u64,
    /// Of this round.
    lines: usize,
}

pub fn new() -> (Failures, Log) {
    let (sender, receiver) = channel(WAITING);
    let failures = Failures { sender, overflowed: AtomicU64::new(0) };
    (failures, Log { receiver, tokens: Cache::new(TOKENS), unknown: 0, lines: 0 })
}

impl Failures {
    pub fn report(&self, failure: Failure) {
        if self.sender.try_send(failure).is_err() {
            self.overflowed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Log {
    /// Until told to stop.
    pub async fn keep_writing(mut self, failures: &Failures, stop: CancellationToken) {
        let mut rounds = tokio::time::interval_at(Instant::now() + ROUND, ROUND);
        rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = rounds.tick() => self.end_round(failures),
                failure = self.receiver.recv() => match failure {
                    Some(failure) => self.count(failure),
                    None => break,
                },
            }
        }
        while let Ok(failure) = self.receiver.try_recv() {
            self.count(failure);
        }
        self.end_round(failures);
    }

    fn count(&mut self, failure: Failure) {
        let Failure { client_id, token_id, exists } = failure;
        if !exists {
            self.unknown += 1;
            return;
        }
        let number = self.tokens.get(&token_id).copied().unwrap_or(0) + 1;
        self.tokens.insert(token_id.clone(), number);
        if self.lines >= LINES {
            return;
        }
        self.lines += usize::from(number == 1 || number == GUESSING);
        match number {
            1 => tracing::info!(client_id, token_id, "wrong or outdated Client Secret"),
            GUESSING => tracing::warn!(
                client_id,
                token_id,
                number,
                "somebody tries Client Secrets, or a machine goes on with an old one"
            ),
            _ => {}
        }
    }

    fn end_round(&mut self, failures: &Failures) {
        let uncounted = failures.overflowed.swap(0, Ordering::Relaxed);
        let unknown = std::mem::take(&mut self.unknown);
        if unknown > 0 || uncounted > 0 {
            tracing::info!(unknown, uncounted, "credentials with Client IDs that do not exist");
        }
        for (token_id, number) in self.tokens.iter().filter(|(_, number)| **number > 1).take(LINES) {
            tracing::info!(token_id, number, "wrong or outdated Client Secrets within a minute");
        }
        self.tokens.clear();
        self.lines = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(token_id: &str) -> Failure {
        let exists = !token_id.is_empty();
        Failure { client_id: format!("id of {token_id}"), token_id: token_id.to_owned(), exists }
    }

    #[test]
    fn a6_q3_neither_a_flood_of_tokens_nor_one_of_unknown_ids_takes_more_room() {
        let (_failures, mut log) = new();
        for number in 0..3 * TOKENS {
            log.count(failure(&number.to_string()));
            log.count(failure(""));
        }
        assert!(log.tokens.len() <= TOKENS);
        assert_eq!(log.unknown, 3 * TOKENS as u64);
    }

    #[test]
    fn a6_what_waits_to_be_logged_is_bounded_and_the_rest_is_counted() {
        let (failures, mut log) = new();
        for _ in 0..WAITING + 7 {
            failures.report(failure("a"));
        }
        assert_eq!(failures.overflowed.load(Ordering::Relaxed), 7);
        log.end_round(&failures);
        assert_eq!(failures.overflowed.load(Ordering::Relaxed), 0);
    }
}

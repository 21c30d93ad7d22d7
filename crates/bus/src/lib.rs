//! The publish/subscribe port: `memory.rs` within one process, `nats.rs` between many. Sole owner of `async-nats`.
//!
//! **The contract.** The bus is a hint that makes things fast. It may lose a message, repeat it, delay it, and
//! deliver messages in another order than they were published, and it says nothing when it does. Correctness never
//! depends on it: whoever listens also has a way to ask. What it does promise:
//!
//! - a payload arrives whole and unaltered, on the subject it was published on, or not at all;
//! - while nothing is broken and the subscriber keeps up, what is published after `subscribe` returned arrives;
//! - publishing is bounded in time, whatever is broken;
//! - a lost connection comes back by itself and the subscriptions with it: a subscriber sees only a gap.
//!
//! A message that is published within a trace carries it, as the headers `traceparent` and `tracestate`; whoever takes it
//! with [`Subscription::receive`] can go on with it.
//!
//! To add an adapter: one file, one arm in [`connect`] and [`Subscription`], one line in `conformance.rs`.

mod memory;
mod nats;
mod trace;

#[cfg(test)]
mod conformance;

pub use memory::Memory;
pub use nats::Nats;

use async_trait::async_trait;
use bytes::Bytes;
use model::{Error, ErrorKind};
use std::sync::Arc;
use telemetry::trace::Carrier;

/// Largest payload, in bytes.
pub const LARGEST_PAYLOAD: usize = 1 << 20;

/// Messages that wait for one subscriber; what comes while it is full is lost for that subscriber.
const BACKLOG: usize = 4096;

/// Payloads by subject. See the crate for what is promised.
///
/// Subjects are exact, 1 to 200 characters: words of `A-Z a-z 0-9 _ -`, joined by dots. Groups are one such word.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Hands a message to the bus. `Ok` does not say that anybody got it.
    ///
    /// # Errors
    /// `Unavailable` when the bus is away: the message is then dropped, most likely. `Invalid` for a subject or a
    /// size that is not allowed.
    async fn publish(&self, subject: &str, payload: Bytes) -> Result<(), Error>;

    /// Every message on this subject from now on.
    ///
    /// # Errors
    /// `Unavailable` when the bus does not take it now, `Invalid` for a subject that is not allowed. A bus that is
    /// away usually takes the subscription and begins when it is back.
    async fn subscribe(&self, subject: &str) -> Result<Subscription, Error>;

    /// From now on the messages on this subject, of which each goes to one subscriber of the group.
    ///
    /// # Errors
    /// As [`Self::subscribe`].
    async fn subscribe_shared(&self, subject: &str, group: &str) -> Result<Subscription, Error>;
}

/// A payload, and the trace that it was published in.
#[derive(Debug, Clone)]
pub struct Message {
    pub payload: Bytes,
    pub trace: Carrier,
}

/// A stream of payloads. Dropping it ends the subscription.
#[derive(Debug)]
pub struct Subscription(Source);

#[derive(Debug)]
enum Source {
    Memory(tokio::sync::mpsc::Receiver<Message>),
    Nats(async_nats::Subscriber),
}

impl Subscription {
    /// The next payload; waits for it as long as it takes. `None`: the bus has ended for good. No message is lost
    /// when the returned future is dropped.
    pub async fn next(&mut self) -> Option<Bytes> {
        self.receive().await.map(|message| message.payload)
    }

    /// The same, with the trace that the message belongs to.
    pub async fn receive(&mut self) -> Option<Message> {
        match &mut self.0 {
            Source::Memory(messages) => messages.recv().await,
            Source::Nats(messages) => futures::StreamExt::next(messages).await.map(nats::read),
        }
    }
}

/// The adapter for `memory:`, or for `nats://[user:password@ | token@]host[:port]`, or several of these separated by
/// commas. With `tls:` in place of `nats:` the connection is encrypted, and the server's certificate judged by the
/// machine's root certificates.
///
/// # Errors
/// The URL is neither; NATS refuses the credentials or is older than 2.10. A NATS that is away is no error: it is
/// tried again until it is there.
pub async fn connect(url: &str) -> Result<Arc<dyn Bus>, Error> {
    match url.split_once(':').map(|(scheme, _)| scheme) {
        Some("memory") => Ok(Arc::new(Memory::default())),
        Some("nats" | "tls") => Ok(Arc::new(Nats::connect(url).await?)),
        // The URL may hold a password: it is not repeated.
        _ => Err(Error::invalid("bus", "must be a URL of the scheme memory:, nats: or tls:")),
    }
}

fn check_message(subject: &str, payload: &Bytes) -> Result<(), Error> {
    check_subject(subject)?;
    if payload.len() > LARGEST_PAYLOAD {
        let rule = format!("must be at most {LARGEST_PAYLOAD} bytes, and is {}", payload.len());
        return Err(Error::new(ErrorKind::Invalid, "MESSAGE_TOO_LARGE", rule));
    }
    Ok(())
}

fn check_subject(subject: &str) -> Result<(), Error> {
    if subject.len() <= 200 && subject.split('.').all(is_word) {
        return Ok(());
    }
    Err(Error::invalid("subject", "must be words of A-Z a-z 0-9 _ - joined by dots, at most 200 characters"))
}

fn check_group(group: &str) -> Result<(), Error> {
    if group.len() <= 200 && is_word(group) {
        return Ok(());
    }
    Err(Error::invalid("group", "must be a word of A-Z a-z 0-9 _ -, at most 200 characters"))
}

fn is_word(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

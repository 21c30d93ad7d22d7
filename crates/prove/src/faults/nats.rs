//! What somebody can do to the feeds' broadcasts who can publish on NATS.

use crate::chance::Chance;
use anyhow::Result;
use bytes::Bytes;
use prost::Message as _;
use proto::change_feed::{Broadcast, Entry};
use std::sync::Arc;
use std::time::Duration;

/// Between two floods.
const PAUSE: Duration = Duration::from_millis(20);
/// Messages that are remembered, and of a flood.
const KEPT: usize = 200;
const FLOOD: usize = 20;

const SUBJECTS: [&str; 3] =
    ["sallyport.feed.token-registry", "sallyport.feed.policy-evaluator", "sallyport.feed.session-issuer"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storm {
    /// Not what a broadcast is.
    Malformed,
    /// Old broadcasts, in any order.
    Repeated,
    /// Well-formed, with positions that come next, of a history that is not this one.
    OtherHistory,
    /// Well-formed, of this history, with positions that come next, saying what nobody did.
    Forged,
}

/// Goes on until it is dropped.
pub async fn rage(url: &str, storm: Storm, seed: Chance) -> Result<()> {
    let bus = bus::connect(url).await?;
    let floods = SUBJECTS.iter().enumerate().map(|(index, subject)| {
        let mut seed = seed.clone();
        let stream = u64::try_from(index).unwrap_or_default();
        flood(Arc::clone(&bus), subject, storm, Chance::new(seed.next(), stream))
    });
    futures::future::try_join_all(floods).await?;
    Ok(())
}

async fn flood(bus: Arc<dyn bus::Bus>, subject: &str, storm: Storm, mut chance: Chance) -> Result<()> {
    let mut heard = bus.subscribe(subject).await?;
    let (mut kept, mut newest) = (Vec::<Bytes>::new(), None);
    loop {
        for _ in 0..KEPT {
            let Ok(Some(message)) = tokio::time::timeout(PAUSE, heard.next()).await else { break };
            newest = real(&message).or(newest);
            if kept.len() < KEPT {
                kept.push(message);
            } else if let Some(place) = kept.get_mut(chance.below(KEPT)) {
                *place = message;
            }
        }
        for _ in 0..FLOOD {
            let message = match storm {
                Storm::Malformed => Some(malformed(&mut chance)),
                Storm::Repeated => chance.of(&kept).cloned(),
                Storm::OtherHistory | Storm::Forged => newest.as_ref().map(|newest| forged(newest, storm)),
            };
            if let Some(message) = message {
                // A bus that is away is none of this fault's business.
                let _ = bus.publish(subject, message).await;
            }
        }
        // A flood, and not the end of all processors.
        tokio::time::sleep(PAUSE).await;
    }
}

fn malformed(chance: &mut Chance) -> Bytes {
    let length = chance.below(400);
    (0..length).map(|_| chance.next().to_be_bytes()[0]).collect()
}

/// Names an object that never was.
const FORGERY: &str = "token/00000000-0000-4000-8000-000000000000";

/// What an owner published; our own words come back too.
fn real(message: &Bytes) -> Option<Broadcast> {
    let broadcast = Broadcast::decode(message.clone()).ok()?;
    let is_real = !broadcast.entries.is_empty() && broadcast.entries.iter().all(|it| it.object != FORGERY);
    is_real.then_some(broadcast)
}

/// The position after a broadcast's, about something that never was.
fn forged(newest: &Broadcast, storm: Storm) -> Bytes {
    let position = newest.position + 1;
    let epoch = match storm {
        Storm::OtherHistory => "0".repeat(newest.epoch.len()),
        _ => newest.epoch.clone(),
    };
    let entry = Entry { position, object: FORGERY.to_owned(), state: Vec::new(), removed: true };
    Broadcast { epoch, entries: vec![entry], position }.encode_to_vec().into()
}

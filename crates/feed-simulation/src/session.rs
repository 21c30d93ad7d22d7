//! A session, and how the simulated issuer makes one.

use crate::store::Connection;
use crate::trace::Moment;
use crate::wiring::Mutant;
use crate::world::{REGISTRY, World};
use change_feed::Store as _;
use model::{ApplicationId, SessionId, TokenId};
use std::fmt;
use std::sync::Arc;

pub struct Session {
    pub number: u64,
    pub id: SessionId,
    pub token: TokenId,
    pub version: i64,
    pub application: ApplicationId,
    /// What its claims say.
    pub as_of: [u64; 2],
    /// When each owner's database was read, and where its feed was: what is so, whatever the claims say.
    pub read: [Moment; 2],
    pub positions: [u64; 2],
}

impl Session {
    pub fn was_read(&self, feed: usize) -> Option<(Moment, u64)> {
        Some((*self.read.get(feed)?, *self.positions.get(feed)?))
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [registry, issuer] = self.as_of;
        write!(
            f,
            "session {} of {}.{} as of {registry}/{issuer}",
            self.number,
            short(&self.token),
            self.version
        )
    }
}

/// As much of an id as people need.
pub fn short(id: &impl fmt::Display) -> String {
    id.to_string().chars().take(4).collect()
}

/// Whom a session is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Credential {
    pub token: TokenId,
    pub version: i64,
    pub application: ApplicationId,
}

/// As the issuer does: its own position before anything is judged, then the token and its position in one read.
pub async fn issue(
    world: &World,
    [registry, issuer]: [&Connection; 2],
    credential: Credential,
    number: u64,
) -> Option<Arc<Session>> {
    let Credential { token, version, application } = credential;
    let (issuer_position, issuer_read) = issuer.position().await.ok()?;
    world.nap(world.chance.delay(20)).await;
    let (is_good, position, registry_read) = registry
        .select(|tables| {
            let is_good = tables.tokens.get(&token).is_some_and(|row| row.accepts(version));
            (is_good, tables.position(), world.moment())
        })
        .await
        .ok()?;
    if !is_good {
        return None;
    }
    let mut as_of = [position, issuer_position];
    world.nap(world.chance.delay(20)).await;
    if world.befalls(world.faults.late) {
        world.nap(world.chance.millis(0..8_000)).await;
    }
    if world.wiring.is(Mutant::PositionAfterRead) {
        as_of = [registry.head().await.ok()?.position, issuer.head().await.ok()?.position];
    }
    let mut read = [issuer_read; 2];
    let mut positions = [issuer_position; 2];
    read[REGISTRY] = registry_read;
    positions[REGISTRY] = position;
    let id = SessionId::from_bytes(world.chance.bytes());
    Some(Arc::new(Session { number, id, token, version, application, as_of, read, positions }))
}

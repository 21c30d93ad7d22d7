//! The cache of validated tokens.
//!
//! An entry says: at feed position `as_of` this Client ID and Client Secret were good. It is used only while this
//! replica holds a lease on its own feed and has seen no change of the token after `as_of`; so a fill that began before
//! a change, a lost removal, or a Redis restored from yesterday can admit nothing. Entries carry a keyed tag, which also
//! covers when each was written: one that we did not write, or that was kept beyond its time, is a miss. The feed
//! remembers changes for much longer than that.

use crate::pepper::Peppers;
use cache::Cache;
use change_feed::{Gate, History, View};
use model::{ClientId, ClientSecret, Clock, Timestamp, TokenId};
use parking_lot::RwLock;
use prost::Message as _;
use proto::change_feed::Entry;
use proto::token_registry::AuthenticateTokenResponse;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Entries are refilled at least this often.
const KEEP: Duration = Duration::from_mins(5);
const TAG: usize = 32;
/// When it was written, in milliseconds, big-endian.
const TIME: usize = 8;

/// Where each token last changed, as far as the feed remembers.
#[derive(Default)]
pub struct Changes {
    last: RwLock<HashMap<TokenId, u64>>,
    history: History,
}

impl Changes {
    /// Whatever is not a token's id counts as changed.
    fn changed_after(&self, token_id: &str, position: u64) -> bool {
        let Ok(id) = token_id.parse() else { return true };
        self.history.has_lost(position)
            || self.last.read().get(&id).is_some_and(|changed| *changed > position)
    }
}

/// No token that could be validated has an id that cannot be read.
fn token(entry: &Entry) -> Option<TokenId> {
    entry.object.strip_prefix("token/")?.parse().ok()
}

impl View for Changes {
    const KINDS: &'static [&'static str] = &["token"];

    fn load(&self, objects: Vec<Entry>) {
        self.history.learn(&objects);
        let mut last = HashMap::with_capacity(objects.len());
        last.extend(objects.iter().filter_map(|entry| Some((token(entry)?, entry.position))));
        *self.last.write() = last;
    }

    fn apply(&self, entries: &[Entry]) {
        self.history.learn(entries);
        let mut changes = self.last.write();
        for entry in entries {
            let Some(id) = token(entry) else { continue };
            let changed = changes.entry(id).or_default();
            *changed = entry.position.max(*changed);
        }
    }
}

/// Validated tokens, and the rule when one may be believed.
pub struct Validated {
    pub cache: Arc<dyn Cache>,
    pub peppers: Arc<Peppers>,
    pub changes: Arc<Changes>,
    pub gate: Arc<Gate>,
    pub clock: Arc<dyn Clock>,
}

impl Validated {
    fn key(&self, client_id: &ClientId, secret: &ClientSecret) -> Vec<u8> {
        let parts = [b"key".as_slice(), client_id.as_str().as_bytes(), secret.expose().as_bytes()];
        let mut key = b"validated:".to_vec();
        key.extend_from_slice(hex::encode(self.peppers.tag(&parts)).as_bytes());
        key
    }

    pub async fn find(
        &self,
        client_id: &ClientId,
        secret: &ClientSecret,
        at_least: u64,
    ) -> Option<AuthenticateTokenResponse> {
        if !self.gate.is_live(self.clock.boot()) {
            return None;
        }
        let key = self.key(client_id, secret);
        let entry = self.cache.get(&key).await?;
        let (tag, value) = entry.split_at_checked(TAG)?;
        let expected = self.peppers.tag(&[b"entry", &key, value]);
        aws_lc_rs::constant_time::verify_slices_are_equal(expected.as_ref(), tag).ok()?;
        let (written_at, answer) = value.split_at_checked(TIME)?;
        let written_at = Timestamp::from_millis(i64::from_be_bytes(written_at.try_into().ok()?));
        let answer = AuthenticateTokenResponse::decode(answer).ok()?;
        let lease = self.gate.lease();
        // What the caller has seen and this replica has not may have changed the token.
        let is_fresh =
            self.gate.applied() >= at_least && !self.changes.changed_after(&answer.token_id, answer.as_of);
        let now = self.clock.now();
        let is_valid = now < written_at.after(KEEP) && now < Timestamp::from_millis(answer.valid_until_ms);
        (is_fresh && is_valid && lease.covers(self.clock.boot())).then_some(answer)
    }

    pub async fn remember(
        &self,
        client_id: &ClientId,
        secret: &ClientSecret,
        answer: &AuthenticateTokenResponse,
    ) {
        let key = self.key(client_id, secret);
        let mut value = self.clock.now().as_millis().to_be_bytes().to_vec();
        value.extend(answer.encode_to_vec());
        let mut entry = self.peppers.tag(&[b"entry", &key, &value]).as_ref().to_vec();
        entry.extend_from_slice(&value);
        self.cache.put(&key, &entry, KEEP).await;
    }
}

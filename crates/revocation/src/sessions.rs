//! What was revoked by application, token or session, and the signing keys.

use crate::keys::{self, Key, KeyNews, Keys};
use crate::refusal::Refusal;
use crate::sharded::{Id, News, Sharded};
use change_feed::{History, View};
use model::{AccountId, ApplicationId, SessionId, Timestamp, TokenId};
use prost::Message as _;
use proto::change_feed::Entry;
use proto::session_issuer as wire;
use session_token::{KeyId, Rejection, Verified};
use std::sync::Arc;

/// The session issuer's feed, as enforcement points know it.
///
/// A revocation is the position before which whatever was validated is dead.
#[derive(Default)]
pub struct Sessions {
    by_application: Sharded<u64>,
    by_token: Sharded<u64>,
    by_session: Sharded<u64>,
    keys: Keys,
    history: History,
}

impl Sessions {
    /// Judges a session that was validated as of position `as_of` of the issuer's feed. Takes no lock and allocates
    /// nothing.
    pub fn judge_session(
        &self,
        session: &SessionId,
        application: &ApplicationId,
        token: Option<&TokenId>,
        as_of: u64,
    ) -> Result<(), Refusal> {
        let is_revoked = |map: &Sharded<u64>, id: &Id| map.get(id).is_some_and(|revoked| as_of < revoked);
        let is_dead = self.history.has_lost(as_of)
            || is_revoked(&self.by_application, application.as_bytes())
            || token.is_some_and(|token| is_revoked(&self.by_token, token.as_bytes()))
            || is_revoked(&self.by_session, session.as_bytes());
        if is_dead { Err(Refusal::SessionRevoked) } else { Ok(()) }
    }

    /// A session that was verified before is honoured only while its key is in the key set.
    pub fn judge_key(&self, kid: KeyId) -> Result<(), Refusal> {
        self.keys.judge(kid)
    }

    pub fn find_key(&self, kid: KeyId) -> Option<Arc<Key>> {
        self.keys.find(kid)
    }

    /// An account's keys, the signing key first; empty if it has none yet.
    pub fn key_set(&self, account: AccountId) -> Arc<[Arc<Key>]> {
        self.keys.of(account)
    }

    /// Verifies a session JWT with the keys of the feed. `issuer_of` gives the issuer of the key's account, if there is
    /// one. The audience and what was revoked are still to be judged.
    pub fn verify<I: AsRef<str>>(
        &self,
        session_jwt: &str,
        issuer_of: impl FnOnce(AccountId) -> Option<I>,
        now: Timestamp,
    ) -> Result<Verified, Rejection> {
        let mut found: Option<(Arc<Key>, I)> = None;
        let mut is_revoked = false;
        let (slot, revoked) = (&mut found, &mut is_revoked);
        let find = move |kid| {
            let Some(key) = self.keys.find(kid) else {
                *revoked = self.keys.judge(kid) == Err(Refusal::SessionKeyRevoked);
                return None;
            };
            let issuer = issuer_of(key.account())?;
            let (key, issuer) = &*slot.insert((key, issuer));
            Some((&key.verification, issuer.as_ref()))
        };
        session_token::verify(session_jwt, find, now).map_err(|rejection| match rejection {
            Rejection::KeyUnknown if is_revoked => Rejection::KeyRevoked,
            other => other,
        })
    }
}

/// What an entry says, by the kind of its object.
#[derive(Default)]
struct Sorted {
    applications: Vec<News<u64>>,
    tokens: Vec<News<u64>>,
    sessions: Vec<News<u64>>,
    keys: Vec<KeyNews>,
}

impl Sorted {
    fn of(entries: &[Entry]) -> Self {
        let mut sorted = Self::default();
        for entry in entries {
            sorted.add(entry);
        }
        sorted
    }

    /// Other kinds are no business of ours.
    fn add(&mut self, entry: &Entry) {
        let Some((kind, name)) = entry.object.split_once('/') else { return };
        match kind {
            "application-sessions" => {
                let id = name.parse::<ApplicationId>().ok().map(|id| *id.as_bytes());
                self.applications.extend(revocation(id, entry));
            }
            "token-sessions" => {
                let id = name.parse::<TokenId>().ok().map(|id| *id.as_bytes());
                self.tokens.extend(revocation(id, entry));
            }
            "session" => {
                let id = name.parse::<SessionId>().ok().map(|id| *id.as_bytes());
                self.sessions.extend(revocation(id, entry));
            }
            "key" => self.keys.extend(keys::read(name, entry)),
            _ => {}
        }
    }
}

fn revocation(id: Option<Id>, entry: &Entry) -> Option<News<u64>> {
    let Some(id) = id else {
        tracing::error!(object = entry.object, "not an id; ignored");
        return None;
    };
    let revoked_as_of = || match wire::RevocationState::decode(entry.state.as_slice()) {
        Ok(state) => state.revoked_as_of,
        Err(error) => {
            tracing::error!(object = entry.object, %error, "unreadable revocation; taken as of its position");
            entry.position
        }
    };
    Some(News { id, position: entry.position, value: (!entry.removed).then(revoked_as_of) })
}

impl View for Sessions {
    const KINDS: &'static [&'static str] = &["application-sessions", "token-sessions", "session", "key"];

    fn load(&self, objects: Vec<Entry>) {
        self.history.learn(&objects);
        let Sorted { applications, tokens, sessions, keys } = Sorted::of(&objects);
        self.by_application.load(applications);
        self.by_token.load(tokens);
        self.by_session.load(sessions);
        self.keys.load(keys);
    }

    fn apply(&self, entries: &[Entry]) {
        self.history.learn(entries);
        let Sorted { applications, tokens, sessions, keys } = Sorted::of(entries);
        self.by_application.apply(applications);
        self.by_token.apply(tokens);
        self.by_session.apply(sessions);
        self.keys.apply(keys);
    }
}

#[cfg(test)]
mod tests;

//! What has changed about service tokens, and how one is judged.

use crate::refusal::Refusal;
use crate::sharded::{News, Sharded};
use change_feed::{History, View};
use model::{Timestamp, TokenId};
use prost::Message as _;
use proto::change_feed::Entry;
use proto::token_registry as wire;
use proto::token_registry::token_state::Status;

/// What decides about a token's sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenStatus {
    life: Life,
    expires_at: Timestamp,
    version: i64,
    /// 0: none. Every other version before the current one is dead.
    previous_version: i64,
    previous_expires_at: Timestamp,
    revoked_as_of: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Live,
    Disabled,
    Deleted,
}

impl TokenStatus {
    /// Judges what was obtained with `version` of the token's secret, and validated as of position `as_of` of the
    /// registry's feed. Deleted and disabled tokens are refused whatever the position.
    pub fn judge(&self, version: i64, as_of: u64, now: Timestamp) -> Result<(), Refusal> {
        match self.life {
            Life::Deleted => return Err(Refusal::TokenDeleted),
            Life::Disabled => return Err(Refusal::TokenDisabled),
            Life::Live => {}
        }
        if now >= self.expires_at {
            return Err(Refusal::TokenExpired);
        }
        if !self.may_use(version, now) {
            return Err(Refusal::TokenSecretExpired);
        }
        if as_of < self.revoked_as_of {
            return Err(Refusal::SessionRevoked);
        }
        Ok(())
    }

    /// A version later than the one known here was issued by a rotation that has not arrived yet: it is good.
    fn may_use(&self, version: i64, now: Timestamp) -> bool {
        let is_previous = self.previous_version > 0 && version == self.previous_version;
        version >= self.version || (is_previous && now < self.previous_expires_at)
    }

    /// What must never be: the registry's words could not be read. Nothing is admitted on them.
    const fn unreadable() -> Self {
        Self {
            life: Life::Disabled,
            expires_at: Timestamp::FAR_FUTURE,
            version: i64::MAX,
            previous_version: 0,
            previous_expires_at: Timestamp::from_millis(0),
            revoked_as_of: u64::MAX,
        }
    }
}

impl From<&wire::TokenState> for TokenStatus {
    fn from(state: &wire::TokenState) -> Self {
        let wire::TokenState {
            token_id: _,
            status: _,
            expires_at_ms,
            client_secret_version,
            previous_client_secret_expires_at_ms,
            revoked_as_of,
            previous_client_secret_version,
        } = state;
        let life = match state.status() {
            Status::Live => Life::Live,
            Status::Deleted => Life::Deleted,
            // Also what a newer registry says and this does not understand.
            Status::Disabled | Status::Unspecified => Life::Disabled,
        };
        Self {
            life,
            expires_at: Timestamp::from_millis(*expires_at_ms),
            version: *client_secret_version,
            previous_version: *previous_client_secret_version,
            previous_expires_at: Timestamp::from_millis(*previous_client_secret_expires_at_ms),
            revoked_as_of: *revoked_as_of,
        }
    }
}

impl From<&wire::Token> for TokenStatus {
    fn from(token: &wire::Token) -> Self {
        let ends = Timestamp::from_millis(token.previous_client_secret_expires_at_ms.unwrap_or_default());
        let versions = (token.previous_client_secret_version, token.restored_client_secret_version);
        let (previous_version, previous_expires_at) = match versions {
            // The current secret under its earlier version, as long as the token works.
            (0, restored) if restored > 0 => (restored, Timestamp::FAR_FUTURE),
            (previous, _) => (previous, ends),
        };
        Self {
            life: if token.enabled { Life::Live } else { Life::Disabled },
            expires_at: Timestamp::from_millis(token.expires_at_ms),
            version: token.client_secret_version,
            previous_version,
            previous_expires_at,
            revoked_as_of: token.revoked_as_of,
        }
    }
}

/// The token registry's feed, as enforcement points know it: every token that has changed since it was created.
#[derive(Default)]
pub struct Tokens {
    states: Sharded<TokenStatus>,
    history: History,
}

impl Tokens {
    /// Judges what was obtained with a token: see [`TokenStatus::judge`]. A token of which nothing is known has never
    /// been changed since it was created, and is good. Takes no lock and allocates nothing.
    pub fn judge_token(
        &self,
        token: &TokenId,
        version: i64,
        as_of: u64,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if self.history.has_lost(as_of) {
            return Err(Refusal::SessionRevoked);
        }
        self.states.get(token.as_bytes()).map_or(Ok(()), |status| status.judge(version, as_of, now))
    }

    /// What is known of a token; none if it never changed.
    pub fn find(&self, token: &TokenId) -> Option<TokenStatus> {
        self.states.get(token.as_bytes())
    }
}

impl View for Tokens {
    const KINDS: &'static [&'static str] = &["token"];

    fn load(&self, objects: Vec<Entry>) {
        self.history.learn(&objects);
        self.states.load(objects.iter().filter_map(read).collect());
    }

    fn apply(&self, entries: &[Entry]) {
        self.history.learn(entries);
        self.states.apply(entries.iter().filter_map(read).collect());
    }
}

/// Other kinds of objects are no business of ours.
fn read(entry: &Entry) -> Option<News<TokenStatus>> {
    let Ok(id) = entry.object.strip_prefix("token/")?.parse::<TokenId>() else {
        tracing::error!(object = entry.object, "not a token's id; ignored");
        return None;
    };
    let status = || match wire::TokenState::decode(entry.state.as_slice()) {
        Ok(state) => TokenStatus::from(&state),
        Err(error) => {
            tracing::error!(object = entry.object, %error, "unreadable state; the token is refused");
            TokenStatus::unreadable()
        }
    };
    Some(News { id: *id.as_bytes(), position: entry.position, value: (!entry.removed).then(status) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn state() -> wire::TokenState {
        wire::TokenState {
            token_id: String::new(),
            status: Status::Live.into(),
            expires_at_ms: 2_000_000,
            client_secret_version: 5,
            previous_client_secret_expires_at_ms: 1_500_000,
            revoked_as_of: 10,
            previous_client_secret_version: 2,
        }
    }

    fn judge(state: &wire::TokenState, version: i64, as_of: u64, now_ms: i64) -> Result<(), Refusal> {
        TokenStatus::from(state).judge(version, as_of, Timestamp::from_millis(now_ms))
    }

    #[test]
    fn a_live_token_is_judged_by_time_version_and_position() {
        let state = state();
        for (version, as_of, now, expected) in [
            (5, 10, 1_000_000, Ok(())),
            (5, 9, 1_000_000, Err(Refusal::SessionRevoked)),
            (5, 10, 1_999_999, Ok(())),
            (5, 10, 2_000_000, Err(Refusal::TokenExpired)),
            // Only the version that overlaps, not every one before.
            (2, 10, 1_499_999, Ok(())),
            (2, 10, 1_500_000, Err(Refusal::TokenSecretExpired)),
            (4, 10, 1_000_000, Err(Refusal::TokenSecretExpired)),
            (1, 10, 1_000_000, Err(Refusal::TokenSecretExpired)),
            // A rotation that has not arrived here yet.
            (6, 12, 1_000_000, Ok(())),
        ] {
            assert_eq!(judge(&state, version, as_of, now), expected, "{version} {as_of} {now}");
        }
    }

    #[test]
    fn deleted_and_disabled_are_refused_whatever_the_position() {
        for (status, refusal) in [
            (Status::Deleted, Refusal::TokenDeleted),
            (Status::Disabled, Refusal::TokenDisabled),
            (Status::Unspecified, Refusal::TokenDisabled),
        ] {
            let state = wire::TokenState { status: status.into(), ..state() };
            assert_eq!(judge(&state, 5, u64::MAX, 0), Err(refusal));
        }
        let unknown = wire::TokenState { status: 99, ..state() };
        assert_eq!(judge(&unknown, 5, u64::MAX, 0), Err(Refusal::TokenDisabled));
    }

    #[test]
    fn without_an_overlap_no_version_before_works() {
        let state = wire::TokenState {
            previous_client_secret_version: 0,
            previous_client_secret_expires_at_ms: 0,
            ..state()
        };
        for version in 0..5 {
            assert_eq!(judge(&state, version, 10, 0), Err(Refusal::TokenSecretExpired));
        }
    }

    #[test]
    fn a_token_that_never_changed_is_good() {
        assert_eq!(Tokens::default().judge_token(&TokenId::random(), 1, 0, NOW), Ok(()));
    }

    #[test]
    fn an_unreadable_state_admits_nothing() {
        let (tokens, token) = (Tokens::default(), TokenId::random());
        let object = format!("token/{token}");
        tokens.apply(&[Entry { position: 3, object, state: vec![0xff], removed: false }]);
        assert_eq!(tokens.judge_token(&token, 1, u64::MAX, NOW), Err(Refusal::TokenDisabled));
    }

    #[test]
    fn other_objects_are_ignored() {
        let tokens = Tokens::default();
        let entry = |object: &str| Entry { position: 1, object: object.into(), ..Entry::default() };
        tokens.apply(&[entry("token/nonsense"), entry("group/1"), entry("")]);
        tokens.load(vec![entry("token/")]);
    }

    #[test]
    fn a_stored_token_is_judged_like_its_state() {
        let token = wire::Token {
            enabled: true,
            expires_at_ms: 2_000_000,
            client_secret_version: 5,
            previous_client_secret_expires_at_ms: Some(1_500_000),
            previous_client_secret_version: 2,
            revoked_as_of: 10,
            ..wire::Token::default()
        };
        assert_eq!(TokenStatus::from(&token), TokenStatus::from(&state()));
        let disabled = wire::Token { enabled: false, ..token.clone() };
        assert_eq!(TokenStatus::from(&disabled).judge(5, 10, NOW), Err(Refusal::TokenDisabled));
        // No version is 0: without a previous secret it stands for nothing.
        let alone = wire::Token { previous_client_secret_version: 0, ..token };
        assert_eq!(TokenStatus::from(&alone).judge(0, 10, NOW), Err(Refusal::TokenSecretExpired));
    }

    #[test]
    fn after_an_undone_rotation_the_restored_secrets_sessions_live_and_the_undone_ones_are_dead() {
        let token = wire::Token {
            enabled: true,
            expires_at_ms: 2_000_000,
            client_secret_version: 5,
            restored_client_secret_version: 3,
            ..wire::Token::default()
        };
        let state = wire::TokenState {
            status: Status::Live.into(),
            expires_at_ms: 2_000_000,
            client_secret_version: 5,
            previous_client_secret_version: 3,
            previous_client_secret_expires_at_ms: Timestamp::FAR_FUTURE.as_millis(),
            ..wire::TokenState::default()
        };
        assert_eq!(TokenStatus::from(&token), TokenStatus::from(&state));
        for (version, is_good) in [(2, false), (3, true), (4, false), (5, true)] {
            assert_eq!(TokenStatus::from(&token).judge(version, 0, NOW).is_ok(), is_good, "{version}");
        }
    }
}

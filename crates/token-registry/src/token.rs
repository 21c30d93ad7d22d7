//! A token and everything that may happen to it.

use crate::pepper::{DIGEST, Peppers};
use model::{ClientId, ClientSecret, Error, ErrorKind, Timestamp, TokenDuration, TokenId};
use proto::token_registry as wire;

database::row! {
    /// The stored token. Times in milliseconds.
    #[derive(Clone, PartialEq)]
    pub struct Token {
        id: String,
        account_id: String,
        name: String,
        client_id: String,
        duration: String,
        enabled: bool,
        created_at_ms: i64,
        updated_at_ms: i64,
        expires_at_ms: i64,
        secret_version: i64,
        secret_digest: Vec<u8>,
        pepper_id: String,
        previous_digest: Option<Vec<u8>>,
        previous_pepper_id: Option<String>,
        previous_version: Option<i64>,
        previous_expires_at_ms: Option<i64>,
        revoked_as_of: i64,
        changed_at_position: i64,
        restored_version: Option<i64>,
        last_seen_at_ms: Option<i64>,
    }
}

/// Clients read a secret's version into 32 bits.
pub const LAST_VERSION: i64 = i32::MAX as i64;

/// The token's name: 1-350 characters without control characters.
pub fn checked_name(name: &str) -> Result<&str, Error> {
    let length = name.chars().count();
    if length == 0 || length > 350 {
        return Err(Error::invalid("name", format!("must have 1-350 characters, has {length}")));
    }
    if name.chars().any(char::is_control) {
        return Err(Error::invalid("name", "must have no control characters"));
    }
    Ok(name)
}

/// Which secret a caller presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presented {
    pub version: i64,
    /// When it stops working, or the token does.
    pub valid_until: Timestamp,
}

impl Token {
    /// A new token and its secret.
    pub fn create(
        request: &wire::CreateTokenRequest,
        peppers: &Peppers,
        now: Timestamp,
    ) -> Result<(Self, ClientSecret), Error> {
        let duration = TokenDuration::parse(request.duration.as_deref().unwrap_or(TokenDuration::DEFAULT))?;
        let version = request.client_secret_version.unwrap_or(1);
        if !(1..=LAST_VERSION).contains(&version) {
            return Err(Error::invalid("client_secret_version", "must be 1-2147483647"));
        }
        let secret = ClientSecret::generate()?;
        let token = Self {
            id: TokenId::random().to_string(),
            account_id: request.account_id.clone(),
            name: checked_name(&request.name)?.to_owned(),
            client_id: ClientId::generate()?.to_string(),
            duration: duration.as_str().to_owned(),
            enabled: request.enabled.unwrap_or(true),
            created_at_ms: now.as_millis(),
            updated_at_ms: now.as_millis(),
            expires_at_ms: duration.expiry(now).as_millis(),
            secret_version: version,
            secret_digest: peppers.digest(&secret),
            pepper_id: peppers.current_id().to_owned(),
            previous_digest: None,
            previous_pepper_id: None,
            previous_version: None,
            previous_expires_at_ms: request.previous_client_secret_expires_at_ms,
            revoked_as_of: 0,
            changed_at_position: 0,
            restored_version: None,
            last_seen_at_ms: None,
        };
        Ok((token, secret))
    }

    pub fn expires_at(&self) -> Timestamp {
        Timestamp::from_millis(self.expires_at_ms)
    }

    /// One year from now.
    pub fn refresh(&mut self, now: Timestamp) {
        self.expires_at_ms = now.after(TokenDuration::YEAR).as_millis();
        self.updated_at_ms = now.as_millis();
    }

    /// A new duration, counted from now.
    pub fn extend(&mut self, duration: &TokenDuration, now: Timestamp) {
        duration.as_str().clone_into(&mut self.duration);
        self.expires_at_ms = duration.expiry(now).as_millis();
    }

    /// Off: both secrets stop and every session ends, `position` being the position of this change. On: they work again.
    pub fn set_enabled(&mut self, enabled: bool, position: i64) {
        if self.enabled && !enabled {
            self.revoked_as_of = position;
        }
        self.enabled = enabled;
    }

    /// The version after the current one.
    ///
    /// # Errors
    /// `NotReady` when there is none.
    pub fn next_version(&self) -> Result<i64, Error> {
        let next = self.secret_version.checked_add(1).filter(|next| *next <= LAST_VERSION);
        next.ok_or_else(|| {
            let message = "the secret has the last version that there is, 2147483647: create another token";
            Error::new(ErrorKind::NotReady, "TOKEN_VERSIONS_USED_UP", message)
        })
    }

    /// A new current secret. The one before works until `overlap_until`; the one before that stops now.
    pub fn rotate(
        &mut self,
        version: i64,
        overlap_until: Option<i64>,
        peppers: &Peppers,
        now: Timestamp,
    ) -> Result<ClientSecret, Error> {
        let secret = ClientSecret::generate()?;
        let digest = std::mem::replace(&mut self.secret_digest, peppers.digest(&secret));
        let pepper_id = std::mem::replace(&mut self.pepper_id, peppers.current_id().to_owned());
        let overlaps = overlap_until.is_some_and(|until| until > now.as_millis());
        self.previous_digest = overlaps.then_some(digest);
        self.previous_pepper_id = overlaps.then_some(pepper_id);
        self.previous_version = overlaps.then_some(self.secret_version);
        self.previous_expires_at_ms = overlap_until;
        self.restored_version = None;
        self.secret_version = version;
        self.updated_at_ms = now.as_millis();
        Ok(secret)
    }

    /// Whether it was neither used nor changed since a time.
    pub fn is_unused_since(&self, since: Timestamp) -> bool {
        self.touched_at_ms() < since.as_millis()
    }

    /// When it was last made, used or changed.
    pub fn touched_at_ms(&self) -> i64 {
        let changed = self.created_at_ms.max(self.updated_at_ms);
        self.last_seen_at_ms.map_or(changed, |seen| changed.max(seen))
    }

    /// Whether there is a previous secret that works.
    pub fn overlaps(&self, now: Timestamp) -> bool {
        let ends = self.previous_expires_at_ms.filter(|_| self.previous_digest.is_some());
        ends.is_some_and(|ends| now.as_millis() < ends)
    }

    /// The previous secret stops now.
    pub fn finish_rotation(&mut self, now: Timestamp) -> Result<(), Error> {
        if !self.overlaps(now) {
            return Err(Error::not_found("previous secret that works"));
        }
        self.set_overlap(now.as_millis(), now);
        self.updated_at_ms = now.as_millis();
        Ok(())
    }

    /// The previous secret is the current one again, and the current one stops now. No version comes twice: the secret
    /// goes on under the next one, and the sessions of its earlier version go on with it.
    pub fn undo_rotation(&mut self, now: Timestamp) -> Result<(), Error> {
        let (overlaps, version_after) = (self.overlaps(now), self.next_version()?);
        let previous =
            self.previous_digest.take().zip(self.previous_pepper_id.take()).zip(self.previous_version.take());
        let Some(((digest, pepper_id), version)) = previous.filter(|_| overlaps) else {
            let message =
                "no previous secret works: there is no rotation to take back; rotate for a new secret";
            return Err(Error::new(ErrorKind::NotReady, "TOKEN_NO_OVERLAP", message));
        };
        (self.secret_digest, self.pepper_id) = (digest, pepper_id);
        self.secret_version = version_after;
        self.restored_version = Some(version);
        self.previous_expires_at_ms = None;
        self.updated_at_ms = now.as_millis();
        Ok(())
    }

    /// Sets, extends, shortens or ends the overlap. One that has ended is over: the old secret never comes back.
    pub fn set_overlap(&mut self, until: i64, now: Timestamp) {
        let ends = self.previous_expires_at_ms.replace(until).unwrap_or(i64::MAX);
        if until.min(ends) <= now.as_millis() {
            self.previous_digest = None;
            self.previous_pepper_id = None;
            self.previous_version = None;
        }
    }

    /// Which of the secrets this is, if any that works now. Compares two, whatever the outcome and however many there are.
    pub fn presented(&self, secret: &ClientSecret, peppers: &Peppers, now: Timestamp) -> Option<Presented> {
        let is_current = peppers.matches(secret, &self.pepper_id, &self.secret_digest);
        let previous = self.previous_pepper_id.as_deref().zip(self.previous_digest.as_deref());
        let (pepper, digest) = previous.unwrap_or((&self.pepper_id, &[0; DIGEST]));
        let is_previous = peppers.matches(secret, pepper, digest) && previous.is_some();
        if is_current {
            return Some(Presented { version: self.secret_version, valid_until: self.expires_at() });
        }
        let ends = Timestamp::from_millis(self.previous_expires_at_ms?);
        let version = self.previous_version.filter(|_| is_previous && now < ends)?;
        Some(Presented { version, valid_until: ends.min(self.expires_at()) })
    }

    /// What enforcement points must know.
    pub fn state(&self) -> wire::TokenState {
        let status =
            if self.enabled { wire::token_state::Status::Live } else { wire::token_state::Status::Disabled };
        wire::TokenState { status: status.into(), ..self.state_when_deleted() }
    }

    pub fn state_when_deleted(&self) -> wire::TokenState {
        let overlap = self.previous_version.zip(self.previous_expires_at_ms);
        // What was restored is the current secret: its earlier version ends when the token does.
        let restored = self.restored_version.map(|version| (version, Timestamp::FAR_FUTURE.as_millis()));
        let (previous_version, previous_expires_at_ms) = overlap.or(restored).unwrap_or_default();
        wire::TokenState {
            token_id: self.id.clone(),
            status: wire::token_state::Status::Deleted.into(),
            expires_at_ms: self.expires_at_ms,
            client_secret_version: self.secret_version,
            previous_client_secret_expires_at_ms: previous_expires_at_ms,
            revoked_as_of: self.revoked_as_of.unsigned_abs(),
            previous_client_secret_version: previous_version,
        }
    }
}

impl From<Token> for wire::Token {
    fn from(token: Token) -> Self {
        let Token {
            id,
            account_id,
            name,
            client_id,
            duration,
            enabled,
            created_at_ms,
            updated_at_ms,
            expires_at_ms,
            secret_version,
            secret_digest: _,
            pepper_id: _,
            previous_digest: _,
            previous_pepper_id: _,
            previous_version,
            previous_expires_at_ms,
            revoked_as_of,
            changed_at_position: _,
            restored_version,
            last_seen_at_ms,
        } = token;
        Self {
            id,
            account_id,
            name,
            client_id,
            duration,
            enabled,
            created_at_ms,
            updated_at_ms,
            expires_at_ms,
            client_secret_version: secret_version,
            previous_client_secret_expires_at_ms: previous_expires_at_ms,
            last_seen_at_ms,
            revoked_as_of: revoked_as_of.unsigned_abs(),
            previous_client_secret_version: previous_version.unwrap_or_default(),
            restored_client_secret_version: restored_version.unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests;

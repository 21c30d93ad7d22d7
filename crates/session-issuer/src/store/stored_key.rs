//! A signing key as it is stored, and as the feed tells it.

use change_feed::Change;
use model::{AccountId, Error, Timestamp};
use prost::Message as _;
use proto::session_issuer as wire;
use proto::session_issuer::signing_key::Use;
use revocation::KeyUse;
use session_token::{Algorithm, KeyId};

/// A key that is to be stored.
pub struct NewKey {
    pub kid: KeyId,
    pub algorithm: Algorithm,
    pub jwk_json: String,
    /// Empty for ES256.
    pub certificate_pem: String,
    /// The private key, sealed.
    pub sealed: Vec<u8>,
}

database::row! {
    pub(super) struct KeyRow {
        kid: String,
        account_id: String,
        algorithm: String,
        jwk: String,
        certificate_pem: String,
        key_use: String,
        created_at_ms: i64,
        confirmed_at_ms: Option<i64>,
        revoked_at_ms: Option<i64>,
    }
}

/// A stored key, without its private part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    pub kid: KeyId,
    pub account: AccountId,
    pub algorithm: Algorithm,
    pub jwk_json: String,
    pub certificate_pem: String,
    pub usage: KeyUse,
    pub created_at: Timestamp,
    /// When every enforcement point knew it; it signs nothing before.
    pub confirmed_at: Option<Timestamp>,
    /// It is not in the key set any more, and its private part is gone.
    pub revoked_at: Option<Timestamp>,
}

impl StoredKey {
    pub const fn is_confirmed(&self) -> bool {
        self.confirmed_at.is_some()
    }
}

impl TryFrom<KeyRow> for StoredKey {
    type Error = Error;

    fn try_from(row: KeyRow) -> Result<Self, Error> {
        let KeyRow {
            kid,
            account_id,
            algorithm,
            jwk,
            certificate_pem,
            key_use,
            created_at_ms,
            confirmed_at_ms,
            revoked_at_ms,
        } = row;
        let usage = match key_use.as_str() {
            "current" => KeyUse::Current,
            "next" => KeyUse::Next,
            "previous" => KeyUse::Previous,
            other => return Err(Error::internal(format!("a key is \"{other}\""))),
        };
        let unknown = || Error::internal(format!("a key is for \"{algorithm}\""));
        Ok(Self {
            kid: kid.parse()?,
            account: account_id.parse()?,
            algorithm: Algorithm::parse(&algorithm).ok_or_else(unknown)?,
            jwk_json: jwk,
            certificate_pem,
            usage,
            created_at: Timestamp::from_millis(created_at_ms),
            confirmed_at: confirmed_at_ms.map(Timestamp::from_millis),
            revoked_at: revoked_at_ms.map(Timestamp::from_millis),
        })
    }
}

impl From<StoredKey> for wire::SigningKey {
    fn from(key: StoredKey) -> Self {
        let StoredKey {
            kid,
            account: _,
            // The JWK says it.
            algorithm: _,
            jwk_json,
            certificate_pem,
            usage,
            created_at,
            confirmed_at: _,
            revoked_at,
        } = key;
        if revoked_at.is_some() {
            return Self { kid: kid.to_string(), r#use: Use::Revoked.into(), ..Self::default() };
        }
        Self {
            kid: kid.to_string(),
            jwk_json,
            certificate_pem,
            r#use: Use::from(usage).into(),
            created_at_ms: created_at.as_millis(),
        }
    }
}

impl From<StoredKey> for Change {
    fn from(key: StoredKey) -> Self {
        let (object, account_id) = (object(key.kid), key.account.to_string());
        let state = wire::KeyState { account_id, key: Some(key.into()) };
        Self { object, state: Some(state.encode_to_vec()), keep_until: None }
    }
}

/// The feed's name of a key.
pub(super) fn object(kid: KeyId) -> String {
    format!("key/{kid}")
}

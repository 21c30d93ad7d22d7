//! What the tests share. Keys are generated once: it takes a tenth of a second.

use crate::{Algorithm, AsOf, Claims, Jwk, Rejection, SigningKey, VerificationKey, Verified, verify};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::{AccountId, SessionId, Timestamp, TokenId};
use serde_json::Value;
use std::sync::LazyLock;

pub const ISSUER: &str = "https://team.example";
pub const ACCOUNT: AccountId = AccountId::from_bytes([0xac; 16]);
pub const NOW_S: i64 = 1_800_000_000;
pub const NOW: Timestamp = Timestamp::from_millis(NOW_S * 1000);

pub fn key() -> &'static SigningKey {
    static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::Rs256).unwrap());
    &KEY
}

/// A key that nobody trusts.
pub fn other_key() -> &'static SigningKey {
    static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::Rs256).unwrap());
    &KEY
}

pub fn claims() -> Claims {
    Claims {
        audience: "ab".repeat(32).parse().unwrap(),
        expires_at_s: NOW_S + 3600,
        issuer: ISSUER.into(),
        common_name: format!("{}.access", "1f".repeat(16)),
        issued_at_s: NOW_S,
        session: SessionId::from_bytes([0x51; 16]),
        account: ACCOUNT,
        token: Some(TokenId::from_bytes([0x70; 16])),
        secret_version: 3,
        certificate: None,
        binding: None,
        as_of: AsOf { token_registry: 7, policy_evaluator: 0, session_issuer: u64::MAX },
    }
}

/// [`claims`] as JSON, for tests to alter.
pub fn payload() -> String {
    serde_json::to_string(&claims()).unwrap()
}

/// [`claims`], signed by [`key`].
pub fn token() -> &'static str {
    static TOKEN: LazyLock<String> = LazyLock::new(|| key().sign(&claims()).unwrap());
    &TOKEN
}

/// The contract's header with [`key`]'s name.
pub fn header() -> String {
    format!(r#"{{"alg":"RS256","kid":"{}","typ":"JWT"}}"#, key().kid())
}

/// Any header and payload, with a right signature of [`key`].
pub fn signed(header: &str, payload: &str) -> String {
    let message = unsigned(header, payload);
    let signature = key().sign_bytes(message.as_bytes()).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Any header and payload, encoded, with the dot between them.
pub fn unsigned(header: &str, payload: &str) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload))
}

pub fn jwk() -> &'static Jwk {
    key().jwk()
}

/// Judged with [`key`] alone, at [`NOW`].
pub fn judge(token: &str) -> Result<Verified, Rejection> {
    judge_at(token, NOW)
}

pub fn judge_at(token: &str, now: Timestamp) -> Result<Verified, Rejection> {
    let key = VerificationKey::new(jwk(), ACCOUNT);
    verify(token, |kid| (kid == key.kid()).then_some((&key, ISSUER)), now)
}

/// Any header over [`payload`], with a right signature of [`key`].
pub fn sealed(header: &str) -> String {
    signed(header, &payload())
}

/// The contract's header with one member set.
pub fn header_with(member: &str, value: Value) -> String {
    let mut header: Value = serde_json::from_str(&header()).unwrap();
    header[member] = value;
    header.to_string()
}

/// For exactly this reason.
pub fn refused(token: &str, rejection: Rejection) {
    assert_eq!(judge(token), Err(rejection), "{token:.300}");
}

/// A key for ES256.
pub fn ec_key() -> &'static SigningKey {
    static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::Es256).unwrap());
    &KEY
}

//! From text to a session, or to the reason why not.

use crate::algorithm::Algorithm;
use crate::claims::Claims;
use crate::key_id::KeyId;
use crate::key_set::VerificationKey;
use crate::object::{Text, object};
use crate::rejection::Rejection;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::Timestamp;
use serde::de::IgnoredAny;

/// A longer text is refused unread. A service session takes about 1,050 bytes.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// How far `iat` may lie ahead: the issuer's clock is not ours.
const MAX_CLOCK_DIFFERENCE_S: i64 = 60;

/// A session whose signature, issuer and time are right. The audience, and whether it was revoked, are still to
/// be judged: [`Claims::check_audience`], and [`Claims::as_of`] against the change feeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    pub claims: Claims,
    /// The key that signed it.
    pub kid: KeyId,
}

/// Judges a session JWT.
///
/// `find` gives the key of that name, if there is one, with the issuer (`iss`) of the key's account. It is
/// called at most once, and only with a well-formed name. Nothing of the payload is read before the signature
/// has proved right, and no key is taken from the token itself (`jku`, `x5u`, `jwk`, `x5c` mean nothing).
///
/// # Errors
/// The first rule broken, in the order: shape, algorithm, type, extensions, key, the key's algorithm, signature, claims, issuer, time.
pub fn verify<'k>(
    token: &str,
    find: impl FnOnce(KeyId) -> Option<(&'k VerificationKey, &'k str)>,
    now: Timestamp,
) -> Result<Verified, Rejection> {
    let mut issuer = "";
    let opened = open(token, |kid| {
        let (key, expected) = find(KeyId::parse(kid?)?)?;
        issuer = expected;
        Some(key)
    })?;
    let json = std::str::from_utf8(&opened.payload).map_err(|_| Rejection::Malformed)?;
    let claims = Claims::parse(json)?;
    if claims.issuer != issuer || claims.account != opened.key.account() {
        return Err(Rejection::IssuerWrong);
    }
    if claims.is_expired(now) {
        return Err(Rejection::Expired);
    }
    if claims.issued_at_s > now.as_seconds().saturating_add(MAX_CLOCK_DIFFERENCE_S) {
        return Err(Rejection::IssuedInFuture);
    }
    Ok(Verified { claims, kid: opened.key.kid() })
}

/// What a session says whose text was found right before: neither signature nor time is looked at.
pub fn read_again(token: &str) -> Option<Claims> {
    let payload = token.split('.').nth(1)?;
    let mut buffer = Vec::with_capacity(payload.len());
    decode(payload, &mut buffer).ok()?;
    Claims::parse(std::str::from_utf8(&buffer).ok()?).ok()
}

object! {
    /// `jku`, `x5u`, `jwk`, `x5c` and whatever else is not here means nothing.
    struct Header<'de> {
        alg: Text<'de> = "alg",
        typ: Text<'de> = "typ",
        kid: Text<'de> = "kid",
        crit: IgnoredAny = "crit",
        b64: IgnoredAny = "b64",
    }
}

impl Header<'_> {
    fn check(&self) -> Result<Algorithm, Rejection> {
        let alg = self.alg.as_ref().ok_or(Rejection::Malformed)?;
        let algorithm = Algorithm::parse(&alg.0).ok_or(Rejection::AlgorithmNotAllowed)?;
        if self.typ.as_ref().is_some_and(|typ| typ.0 != "JWT") {
            return Err(Rejection::TypeWrong);
        }
        // Even an extension that is switched off by its value: RFC 7515 has us understand it or refuse.
        if self.crit.is_some() || self.b64.is_some() {
            return Err(Rejection::ExtensionNotSupported);
        }
        Ok(algorithm)
    }
}

/// What a signature covers.
pub(crate) struct Opened<'k> {
    pub key: &'k VerificationKey,
    pub payload: Vec<u8>,
}

/// The signed payload of a compact JWS, whatever it holds. `find` gets the header's `kid`.
pub(crate) fn open<'k>(
    token: &str,
    find: impl FnOnce(Option<&str>) -> Option<&'k VerificationKey>,
) -> Result<Opened<'k>, Rejection> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(Rejection::Malformed);
    }
    // A fourth part makes it something else (JWE has five), and is left in the signature, where no dot may be.
    let (header, rest) = token.split_once('.').ok_or(Rejection::Malformed)?;
    let (payload, signature) = rest.split_once('.').ok_or(Rejection::Malformed)?;
    let message = token.get(..header.len() + 1 + payload.len()).ok_or(Rejection::Malformed)?;

    let mut buffer = Vec::with_capacity(token.len());
    decode(header, &mut buffer)?;
    let key = {
        let json = std::str::from_utf8(&buffer).map_err(|_| Rejection::Malformed)?;
        let header: Header = serde_json::from_str(json).map_err(|_| Rejection::Malformed)?;
        let algorithm = header.check()?;
        let key = find(header.kid.as_ref().map(|kid| kid.0.as_ref())).ok_or(Rejection::KeyUnknown)?;
        if key.algorithm() != algorithm {
            return Err(Rejection::AlgorithmNotAllowed);
        }
        key
    };
    decode(signature, &mut buffer)?;
    if !key.is_signature(message.as_bytes(), &buffer) {
        return Err(Rejection::SignatureInvalid);
    }
    decode(payload, &mut buffer)?;
    Ok(Opened { key, payload: buffer })
}

/// Base64url without padding, in the one canonical form: unused bits must be zero, or a session would have
/// several spellings.
fn decode(part: &str, into: &mut Vec<u8>) -> Result<(), Rejection> {
    into.clear();
    URL_SAFE_NO_PAD.decode_vec(part, into).map_err(|_| Rejection::Malformed)
}

#[cfg(test)]
mod es256;
#[cfg(test)]
mod shape;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod wycheproof;

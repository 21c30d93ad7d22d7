//! Public keys: as they are published, and as they verify.

use crate::key_id::KeyId;
use crate::object::{Parsed, Text, object};
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use jsonwebtoken::{Algorithm, DecodingKey};
use model::{AccountId, Error, ErrorKind, Result};
use serde::Serialize;
use serde::de::IgnoredAny;
use std::collections::HashMap;
use std::time::Duration;

/// How long enforcement points let validators keep the key set. Libraries may keep it for longer than they are told.
pub const MAX_AGE: Duration = Duration::from_mins(5);

/// 2048 to 8192 bits, the range in which the provider verifies.
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// 65537. A small exponent invites forgeries, and no key of ours has another.
const EXPONENT: &[u8] = &[1, 0, 1];

/// A public RSA key for RS256, as RFC 7517 writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jwk {
    kid: KeyId,
    /// Big-endian, without leading zeros.
    modulus: Vec<u8>,
}

object! {
    struct Members<'de> {
        kid: Parsed<KeyId> = "kid",
        kty: Text<'de> = "kty",
        alg: Text<'de> = "alg",
        usage: Text<'de> = "use",
        e: Text<'de> = "e",
        n: Text<'de> = "n",
        d: IgnoredAny = "d",
    }
}

impl Jwk {
    /// Strict: RSA, RS256, for signatures, exponent 65537, at least 2048 bits, and `kid` must be the key's
    /// own thumbprint, so that no key can take another's name. A private key is refused.
    pub fn parse(json: &str) -> Result<Self> {
        let Members { kid, kty, alg, usage, e, n, d } =
            serde_json::from_str(json).map_err(|_| Error::invalid("jwk", "must be a JSON Web Key"))?;
        let is = |text: Option<Text<'_>>, expected: &str| text.is_some_and(|text| text.0 == expected);
        if !is(kty, "RSA") || !is(alg, "RS256") || !is(usage, "sig") || d.is_some() {
            return Err(Error::invalid("jwk", "must be a public RSA key with alg RS256 and use sig"));
        }
        let decode = |text: Option<Text<'_>>| text.and_then(|t| URL_SAFE_NO_PAD.decode(t.0.as_bytes()).ok());
        let jwk = Self::from_components(&decode(n).unwrap_or_default(), &decode(e).unwrap_or_default())?;
        if kid.is_none_or(|Parsed(kid)| kid != jwk.kid) {
            return Err(Error::invalid("jwk/kid", "must be the key's SHA-256 thumbprint in hex"));
        }
        Ok(jwk)
    }

    /// Big-endian components.
    pub(crate) fn from_components(modulus: &[u8], exponent: &[u8]) -> Result<Self> {
        let is_odd = modulus.last().is_some_and(|byte| byte % 2 == 1);
        // The top bit: then the length in bytes is the length in bits.
        let is_full = modulus.first().is_some_and(|byte| *byte >= 0x80);
        if !MODULUS_BYTES.contains(&modulus.len()) || !is_odd || !is_full {
            return Err(Error::invalid("jwk/n", "must be an RSA modulus of 2048 to 8192 bits"));
        }
        if exponent != EXPONENT {
            return Err(Error::invalid("jwk/e", "must be AQAB"));
        }
        let encoded = URL_SAFE_NO_PAD.encode(modulus);
        let canonical = format!(r#"{{"e":"AQAB","kty":"RSA","n":"{encoded}"}}"#);
        let digest = digest::digest(&digest::SHA256, canonical.as_bytes());
        let thumbprint = digest.as_ref().try_into().map_err(Error::internal)?;
        Ok(Self { kid: KeyId::from_thumbprint(thumbprint), modulus: modulus.to_vec() })
    }

    pub const fn kid(&self) -> KeyId {
        self.kid
    }

    /// `{"kid","kty","alg","use","e","n"}`: what [`Jwk::parse`] reads.
    pub fn to_json(&self) -> String {
        let n = URL_SAFE_NO_PAD.encode(&self.modulus);
        format!(r#"{{"kid":"{}","kty":"RSA","alg":"RS256","use":"sig","e":"AQAB","n":"{n}"}}"#, self.kid)
    }
}

impl Serialize for Jwk {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Written {
            kid: KeyId,
            kty: &'static str,
            alg: &'static str,
            r#use: &'static str,
            e: &'static str,
            n: String,
        }
        let n = URL_SAFE_NO_PAD.encode(&self.modulus);
        Written { kid: self.kid, kty: "RSA", alg: "RS256", r#use: "sig", e: "AQAB", n }.serialize(serializer)
    }
}

/// A key as the key set shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedKey {
    pub jwk: Jwk,
    /// Self-signed X.509 certificate of the same key, PEM.
    pub certificate_pem: String,
}

/// The key set document, JSON: `keys`, `public_cert`, `public_certs`. The key that signs comes first; the order
/// is kept.
///
/// # Errors
/// Without a key there is no document: `KEY_SET_EMPTY`, to be retried once a key exists.
pub fn document(keys: &[PublishedKey]) -> Result<String> {
    #[derive(Serialize)]
    struct Certificate<'a> {
        kid: KeyId,
        cert: &'a str,
    }

    #[derive(Serialize)]
    struct Document<'a> {
        keys: Vec<&'a Jwk>,
        public_cert: Certificate<'a>,
        public_certs: Vec<Certificate<'a>>,
    }

    fn certificate(key: &PublishedKey) -> Certificate<'_> {
        Certificate { kid: key.jwk.kid, cert: &key.certificate_pem }
    }

    let Some(signing) = keys.first() else {
        return Err(Error::new(ErrorKind::NotReady, "KEY_SET_EMPTY", "there is no signing key yet"));
    };
    let document = Document {
        keys: keys.iter().map(|key| &key.jwk).collect(),
        public_cert: certificate(signing),
        public_certs: keys.iter().map(certificate).collect(),
    };
    serde_json::to_string(&document).map_err(Error::internal)
}

/// A public key that verifies one account's sessions.
#[derive(Debug, Clone)]
pub struct VerificationKey {
    kid: KeyId,
    account: AccountId,
    key: DecodingKey,
}

impl VerificationKey {
    /// The account is the one that the key signs for: a session of another is not accepted under it.
    pub fn new(jwk: &Jwk, account: AccountId) -> Self {
        let key = DecodingKey::from_rsa_raw_components(&jwk.modulus, EXPONENT);
        Self { kid: jwk.kid, account, key }
    }

    /// As [`VerificationKey::new`], from what [`Jwk::parse`] accepts.
    pub fn from_json(jwk: &str, account: AccountId) -> Result<Self> {
        Ok(Self::new(&Jwk::parse(jwk)?, account))
    }

    pub const fn kid(&self) -> KeyId {
        self.kid
    }

    pub const fn account(&self) -> AccountId {
        self.account
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256, whatever the token says.
    pub(crate) fn is_signature(&self, message: &[u8], signature: &Vec<u8>) -> bool {
        // The provider is named rather than looked up: the library's own look-up is a process global.
        (DEFAULT_PROVIDER.verifier_factory)(&Algorithm::RS256, &self.key)
            .is_ok_and(|verifier| verifier.verify(message, signature).is_ok())
    }
}

/// Verification keys by name.
#[derive(Debug, Clone, Default)]
pub struct KeySet(HashMap<KeyId, VerificationKey>);

impl KeySet {
    /// None if no key has this name.
    pub fn find(&self, kid: KeyId) -> Option<&VerificationKey> {
        self.0.get(&kid)
    }

    /// Names are thumbprints, so what it replaces is the same key (perhaps of another account).
    pub fn insert(&mut self, key: VerificationKey) {
        self.0.insert(key.kid, key);
    }

    pub fn remove(&mut self, kid: KeyId) {
        self.0.remove(&kid);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<VerificationKey> for KeySet {
    fn from_iter<I: IntoIterator<Item = VerificationKey>>(keys: I) -> Self {
        Self(keys.into_iter().map(|key| (key.kid, key)).collect())
    }
}

#[cfg(test)]
mod tests;

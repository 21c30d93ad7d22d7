//! Public keys: as they are published, and as they verify.

use crate::algorithm::Algorithm;
use crate::key_id::KeyId;
use crate::low_s;
use crate::object::{Parsed, Text, object};
use aws_lc_rs::digest;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use model::{AccountId, Error, ErrorKind, Result};
use serde::Serialize;
use serde::de::IgnoredAny;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// How long enforcement points let validators keep the key set. Libraries may keep it for longer than they are told.
pub const MAX_AGE: Duration = Duration::from_mins(5);

/// 2048 to 8192 bits, the range in which the provider verifies.
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// 65537. A small exponent invites forgeries, and no key of ours has another.
const EXPONENT: &[u8] = &[1, 0, 1];

/// A coordinate of P-256.
const COORDINATE_BYTES: usize = 32;

/// A public key for RS256 or ES256, as RFC 7517 writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jwk {
    kid: KeyId,
    public: Public,
}

/// A key has one algorithm, whatever a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Public {
    /// The modulus, big-endian, without leading zeros.
    Rsa(Vec<u8>),
    /// A point of P-256, uncompressed: 4, x, y.
    Ec(Vec<u8>),
}

object! {
    struct Members<'de> {
        kid: Parsed<KeyId> = "kid",
        kty: Text<'de> = "kty",
        alg: Text<'de> = "alg",
        usage: Text<'de> = "use",
        e: Text<'de> = "e",
        n: Text<'de> = "n",
        crv: Text<'de> = "crv",
        x: Text<'de> = "x",
        y: Text<'de> = "y",
        d: IgnoredAny = "d",
    }
}

impl Jwk {
    /// Strict: for signatures, `kty` and `alg` of one kind, and `kid` must be the key's own thumbprint, so that no key
    /// can take another's name. RSA: exponent 65537, at least 2048 bits. EC: a point of P-256. A private key is refused.
    pub fn parse(json: &str) -> Result<Self> {
        let Members { kid, kty, alg, usage, e, n, crv, x, y, d } =
            serde_json::from_str(json).map_err(|_| Error::invalid("jwk", "must be a JSON Web Key"))?;
        let is =
            |text: &Option<Text<'_>>, expected: &str| text.as_ref().is_some_and(|text| text.0 == expected);
        let algorithm = alg.as_ref().and_then(|alg| Algorithm::parse(&alg.0));
        let fits = match algorithm {
            Some(Algorithm::Rs256) => is(&kty, "RSA"),
            Some(Algorithm::Es256) => is(&kty, "EC") && is(&crv, "P-256"),
            None => false,
        };
        let Some(algorithm) = algorithm.filter(|_| fits && is(&usage, "sig") && d.is_none()) else {
            let rule = "must be a public RSA key with alg RS256, or one of P-256 with alg ES256, and use sig";
            return Err(Error::invalid("jwk", rule));
        };
        let decode = |text: Option<Text<'_>>| {
            text.and_then(|t| URL_SAFE_NO_PAD.decode(t.0.as_bytes()).ok()).unwrap_or_default()
        };
        let jwk = match algorithm {
            Algorithm::Rs256 => Self::from_components(&decode(n), &decode(e))?,
            Algorithm::Es256 => {
                let (x, y) = (decode(x), decode(y));
                if x.len() != COORDINATE_BYTES {
                    return Err(Error::invalid("jwk/x", "must have 32 bytes"));
                }
                Self::from_point(&[&[4], x.as_slice(), y.as_slice()].concat())?
            }
        };
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
        Ok(Self { kid: thumbprint(&canonical)?, public: Public::Rsa(modulus.to_vec()) })
    }

    /// An uncompressed point of P-256.
    pub(crate) fn from_point(point: &[u8]) -> Result<Self> {
        let is_uncompressed = point.first() == Some(&4) && point.len() == 1 + 2 * COORDINATE_BYTES;
        // Points elsewhere than on the curve are refused here.
        if !is_uncompressed || ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).is_err() {
            return Err(Error::invalid("jwk/x", "must be a point of P-256 with y"));
        }
        let (x, y) = coordinates(point);
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        Ok(Self { kid: thumbprint(&canonical)?, public: Public::Ec(point.to_vec()) })
    }

    /// The only one that the key is for.
    pub const fn algorithm(&self) -> Algorithm {
        match self.public {
            Public::Rsa(_) => Algorithm::Rs256,
            Public::Ec(_) => Algorithm::Es256,
        }
    }

    pub const fn kid(&self) -> KeyId {
        self.kid
    }

    /// `{"kid","kty","alg","use","e","n"}` or `{"kid","kty","alg","use","crv","x","y"}`: what [`Jwk::parse`] reads.
    pub fn to_json(&self) -> String {
        let kid = self.kid;
        match &self.public {
            Public::Rsa(modulus) => {
                let n = URL_SAFE_NO_PAD.encode(modulus);
                format!(r#"{{"kid":"{kid}","kty":"RSA","alg":"RS256","use":"sig","e":"AQAB","n":"{n}"}}"#)
            }
            Public::Ec(point) => {
                let (x, y) = coordinates(point);
                format!(
                    r#"{{"kid":"{kid}","kty":"EC","alg":"ES256","use":"sig","crv":"P-256","x":"{x}","y":"{y}"}}"#
                )
            }
        }
    }
}

fn thumbprint(canonical: &str) -> Result<KeyId> {
    let digest = digest::digest(&digest::SHA256, canonical.as_bytes());
    Ok(KeyId::from_thumbprint(digest.as_ref().try_into().map_err(Error::internal)?))
}

/// Of an uncompressed point, encoded.
fn coordinates(point: &[u8]) -> (String, String) {
    let encode =
        |range| URL_SAFE_NO_PAD.encode(point.get::<std::ops::Range<usize>>(range).unwrap_or_default());
    (encode(1..1 + COORDINATE_BYTES), encode(1 + COORDINATE_BYTES..1 + 2 * COORDINATE_BYTES))
}

impl Serialize for Jwk {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Rsa<'a> {
            kid: KeyId,
            kty: &'a str,
            alg: &'a str,
            r#use: &'a str,
            e: &'a str,
            n: String,
        }
        #[derive(Serialize)]
        struct Ec<'a> {
            kid: KeyId,
            kty: &'a str,
            alg: &'a str,
            r#use: &'a str,
            crv: &'a str,
            x: String,
            y: String,
        }
        let (kid, alg) = (self.kid, self.algorithm().name());
        match &self.public {
            Public::Rsa(modulus) => {
                let n = URL_SAFE_NO_PAD.encode(modulus);
                Rsa { kid, kty: "RSA", alg, r#use: "sig", e: "AQAB", n }.serialize(serializer)
            }
            Public::Ec(point) => {
                let (x, y) = coordinates(point);
                Ec { kid, kty: "EC", alg, r#use: "sig", crv: "P-256", x, y }.serialize(serializer)
            }
        }
    }
}

/// A key as the key set shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedKey {
    pub jwk: Jwk,
    /// Self-signed X.509 certificate of the same key, PEM. Empty for ES256: the contract's certificates are RS256's.
    pub certificate_pem: String,
}

/// The key set document, JSON: `keys`, `public_cert`, `public_certs`. The key that signs comes first; the order
/// is kept. Keys without a certificate are among the `keys` alone.
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

    let certified = || keys.iter().filter(|key| !key.certificate_pem.is_empty());
    let Some(signing) = certified().next() else {
        return Err(Error::new(ErrorKind::NotReady, "KEY_SET_EMPTY", "there is no signing key yet"));
    };
    let document = Document {
        keys: keys.iter().map(|key| &key.jwk).collect(),
        public_cert: certificate(signing),
        public_certs: certified().map(certificate).collect(),
    };
    serde_json::to_string(&document).map_err(Error::internal)
}

/// A public key that verifies one account's sessions.
#[derive(Debug, Clone)]
pub struct VerificationKey {
    kid: KeyId,
    account: AccountId,
    verifier: Verifier,
}

#[derive(Debug, Clone)]
enum Verifier {
    Rs256(DecodingKey),
    /// Parsed once. None is a point that is no key, which a [`Jwk`] never holds: it verifies nothing.
    Es256(Option<Arc<ParsedPublicKey>>),
}

impl VerificationKey {
    /// The account is the one that the key signs for: a session of another is not accepted under it.
    pub fn new(jwk: &Jwk, account: AccountId) -> Self {
        let verifier = match &jwk.public {
            Public::Rsa(modulus) => Verifier::Rs256(DecodingKey::from_rsa_raw_components(modulus, EXPONENT)),
            Public::Ec(point) => {
                Verifier::Es256(ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).ok().map(Arc::new))
            }
        };
        Self { kid: jwk.kid, account, verifier }
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

    /// The only one that the key verifies.
    pub const fn algorithm(&self) -> Algorithm {
        match self.verifier {
            Verifier::Rs256(_) => Algorithm::Rs256,
            Verifier::Es256(_) => Algorithm::Es256,
        }
    }

    /// By the key's own algorithm, whatever the token says. Of ECDSA's two signatures only the one with the lower s.
    pub(crate) fn is_signature(&self, message: &[u8], signature: &Vec<u8>) -> bool {
        match &self.verifier {
            // The provider is named rather than looked up: the library's own look-up is a process global.
            Verifier::Rs256(key) => (DEFAULT_PROVIDER.verifier_factory)(&jsonwebtoken::Algorithm::RS256, key)
                .is_ok_and(|verifier| verifier.verify(message, signature).is_ok()),
            Verifier::Es256(key) => {
                low_s::is_low(signature)
                    && key.as_ref().is_some_and(|key| key.verify_sig(message, signature).is_ok())
            }
        }
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

//! A signing key: generated, stored, published, used.

use crate::algorithm::Algorithm;
use crate::claims::Claims;
use crate::key_id::KeyId;
use crate::key_set::{Jwk, PublishedKey};
use crate::low_s;
use crate::verify::MAX_TOKEN_BYTES;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::{Error, Result, Timestamp};
use std::fmt;
use std::time::Duration;
use zeroize::Zeroizing;

/// A key that signs sessions: RSA-2048 for RS256, P-256 for ES256.
///
/// It stays parsed: parsing and checking an RSA key at every signature costs more than the signature itself
/// (660 µs against 250 µs).
pub struct SigningKey {
    pair: Pair,
    jwk: Jwk,
    /// The encoded header and its dot, the same for every session.
    prefix: String,
}

enum Pair {
    Rsa(KeyPair),
    Ec(EcdsaKeyPair),
}

impl SigningKey {
    /// A new key. One of RS256 takes a core for about a tenth of a second: not for an async worker thread.
    pub fn generate(algorithm: Algorithm) -> Result<Self> {
        Self::from_pair(match algorithm {
            Algorithm::Rs256 => Pair::Rsa(KeyPair::generate(KeySize::Rsa2048).map_err(Error::internal)?),
            Algorithm::Es256 => {
                Pair::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(Error::internal)?)
            }
        })
    }

    /// A stored key: an unencrypted PKCS#8 `PrivateKeyInfo`, DER, of this algorithm.
    pub fn from_pkcs8(algorithm: Algorithm, der: &[u8]) -> Result<Self> {
        Self::from_pair(match algorithm {
            Algorithm::Rs256 => Pair::Rsa(KeyPair::from_pkcs8(der).map_err(Error::internal)?),
            Algorithm::Es256 => Pair::Ec(
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map_err(Error::internal)?,
            ),
        })
    }

    fn from_pair(pair: Pair) -> Result<Self> {
        let jwk = match &pair {
            Pair::Rsa(pair) => {
                let public = pair.public_key();
                Jwk::from_components(
                    public.modulus().big_endian_without_leading_zero(),
                    public.exponent().big_endian_without_leading_zero(),
                )?
            }
            Pair::Ec(pair) => Jwk::from_point(pair.public_key().as_ref())?,
        };
        let header = format!(r#"{{"alg":"{}","kid":"{}","typ":"JWT"}}"#, jwk.algorithm(), jwk.kid());
        let prefix = format!("{}.", URL_SAFE_NO_PAD.encode(header));
        Ok(Self { pair, jwk, prefix })
    }

    /// The private key as PKCS#8 DER, for storage under encryption.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>> {
        match &self.pair {
            Pair::Rsa(pair) => {
                let der: Pkcs8V1Der<'_> = pair.as_der().map_err(Error::internal)?;
                Ok(Zeroizing::new(der.as_ref().to_vec()))
            }
            Pair::Ec(pair) => {
                Ok(Zeroizing::new(pair.to_pkcs8v1().map_err(Error::internal)?.as_ref().to_vec()))
            }
        }
    }

    pub const fn algorithm(&self) -> Algorithm {
        self.jwk.algorithm()
    }

    pub fn kid(&self) -> KeyId {
        self.jwk.kid()
    }

    /// The public key.
    pub fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    /// The public key, with a self-signed X.509 certificate for `public_certs` of the key set if it is of RS256.
    ///
    /// `name` becomes the certificate's common name: the team domain. Times are cut to whole seconds between
    /// 1970 and 9999. The same arguments give the same certificate.
    pub fn publish(&self, name: &str, not_before: Timestamp, not_after: Timestamp) -> Result<PublishedKey> {
        let Pair::Rsa(pair) = &self.pair else {
            return Ok(PublishedKey { jwk: self.jwk.clone(), certificate_pem: String::new() });
        };
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        params.not_before = epoch + since_epoch(not_before);
        params.not_after = epoch + since_epoch(not_after);
        let certificate = params.self_signed(&CertificateKey(pair)).map_err(Error::internal)?;
        Ok(PublishedKey { jwk: self.jwk.clone(), certificate_pem: certificate.pem() })
    }

    /// The session as a compact JWS.
    ///
    /// # Errors
    /// If the claims make a session longer than [`MAX_TOKEN_BYTES`], which nobody would accept.
    pub fn sign(&self, claims: &Claims) -> Result<String> {
        let payload = serde_json::to_vec(claims).map_err(Error::internal)?;
        self.sign_payload(&self.prefix, &payload)
    }

    /// `prefix`: the encoded header and its dot.
    pub(crate) fn sign_payload(&self, prefix: &str, payload: &[u8]) -> Result<String> {
        // Four characters for three bytes, the payload's and 256 of the signature, and a dot.
        let mut token = String::with_capacity(prefix.len() + payload.len() * 4 / 3 + 350);
        token.push_str(prefix);
        URL_SAFE_NO_PAD.encode_string(payload, &mut token);
        let signature = self.sign_bytes(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Error::invalid("common_name", "is too long for a session"));
        }
        Ok(token)
    }

    /// By the key's own algorithm, as RFC 7518 writes signatures.
    pub(crate) fn sign_bytes(&self, message: &[u8]) -> Result<Vec<u8>> {
        match &self.pair {
            Pair::Rsa(pair) => sign_rsa(pair, message),
            Pair::Ec(pair) => {
                let signed = pair.sign(&SystemRandom::new(), message).map_err(Error::internal)?;
                let mut signature = signed.as_ref().to_vec();
                low_s::lower(&mut signature);
                Ok(signature)
            }
        }
    }
}

/// RSASSA-PKCS1-v1_5 with SHA-256.
fn sign_rsa(pair: &KeyPair, message: &[u8]) -> Result<Vec<u8>> {
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).map_err(Error::internal)?;
    Ok(signature)
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid()).finish_non_exhaustive()
    }
}

fn since_epoch(time: Timestamp) -> Duration {
    let seconds = time.min(Timestamp::FAR_FUTURE).as_seconds();
    Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
}

/// Lets a certificate be signed without a second copy of the private key.
struct CertificateKey<'a>(&'a KeyPair);

impl rcgen::PublicKeyData for CertificateKey<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_RSA_SHA256
    }
}

impl rcgen::SigningKey for CertificateKey<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        sign_rsa(self.0, message).map_err(|_| rcgen::Error::RemoteKeyError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    use x509_parser::prelude::{FromDer, X509Certificate};

    #[test]
    fn a_stored_key_is_the_same_key() {
        let key = fixture::key();
        let again = SigningKey::from_pkcs8(Algorithm::Rs256, &key.to_pkcs8().unwrap()).unwrap();
        assert_eq!(again.kid(), key.kid());
        assert_eq!(again.sign(&fixture::claims()).unwrap(), key.sign(&fixture::claims()).unwrap());
        assert!(SigningKey::from_pkcs8(Algorithm::Rs256, b"").is_err());
        assert!(SigningKey::from_pkcs8(Algorithm::Rs256, &key.to_pkcs8().unwrap()[..900]).is_err());
    }

    #[test]
    fn two_keys_have_two_names() {
        assert_ne!(fixture::key().kid(), fixture::other_key().kid());
    }

    #[test]
    fn debug_shows_the_name_alone() {
        let key = fixture::key();
        assert_eq!(format!("{key:?}"), format!("SigningKey {{ kid: {}, .. }}", key.kid()));
    }

    #[test]
    fn the_header_is_the_contracts() {
        let token = fixture::token();
        let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
        let expected = format!(r#"{{"alg":"RS256","kid":"{}","typ":"JWT"}}"#, fixture::key().kid());
        assert_eq!(String::from_utf8(header).unwrap(), expected);
    }

    #[test]
    fn claims_that_nobody_would_accept_are_not_signed() {
        let claims = Claims { common_name: "x".repeat(8 * 1024), ..fixture::claims() };
        assert_eq!(fixture::key().sign(&claims).unwrap_err().reason(), "INVALID_FIELD");
    }

    #[test]
    fn the_certificate_holds_the_key_and_is_signed_by_it() {
        let key = fixture::key();
        let from = Timestamp::parse_rfc3339("2026-01-02T03:04:05.678Z").unwrap();
        let until = from.after(Duration::from_hours(50 * 24));
        let published = key.publish("team.example", from, until).unwrap();
        assert_eq!(published, key.publish("team.example", from, until).unwrap());

        let (_, pem) = x509_parser::pem::parse_x509_pem(published.certificate_pem.as_bytes()).unwrap();
        let (rest, certificate) = X509Certificate::from_der(&pem.contents).unwrap();
        assert!(rest.is_empty());
        assert_eq!(certificate.subject().to_string(), "CN=team.example");
        assert_eq!(certificate.issuer(), certificate.subject());
        assert_eq!(certificate.validity().not_before.timestamp(), from.as_seconds());
        assert_eq!(certificate.validity().not_after.timestamp(), until.as_seconds());
        let public = certificate.public_key().subject_public_key.data.as_ref();
        let Pair::Rsa(pair) = &key.pair else { panic!("not RSA") };
        assert_eq!(public, pair.public_key().as_ref());
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public)
            .verify(certificate.tbs_certificate.as_ref(), &certificate.signature_value.data)
            .unwrap();
        assert!(key.publish("x", Timestamp::from_millis(i64::MIN), Timestamp::from_millis(i64::MAX)).is_ok());
    }
}

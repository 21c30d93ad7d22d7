//! The gateway's own certificates.

use super::names::Names;
use super::{digest, provider, read};
use crate::config;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// A certificate that names at least one host, and its key.
pub struct Pair {
    pub key: CertifiedKey,
    pub names: Names,
    /// Seconds since 1970.
    pub not_after: i64,
    /// Of both files.
    pub digest: [u8; 32],
}

impl Pair {
    /// What the files hold now; the reason, with the file's name, if that cannot be used. None: it is this already.
    pub fn read(place: &config::Certificate, known: Option<&[u8; 32]>) -> Result<Option<Self>, String> {
        let config::Certificate { certificate, key: key_file } = place;
        let (chain, secret) = (read(certificate)?, read(key_file)?);
        let digest = digest([&**chain, &**secret]);
        if known == Some(&digest) {
            return Ok(None);
        }
        let in_chain = |reason: String| format!("{}: {reason}", certificate.display());
        let in_key = |reason: String| format!("{}: {reason}", key_file.display());
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&chain)
            .collect::<Result<_, _>>()
            .map_err(|error| in_chain(format!("not PEM: {error}")))?;
        let first = chain.first().ok_or_else(|| in_chain("holds no certificate".to_owned()))?;
        let (_, first) = X509Certificate::from_der(first)
            .map_err(|error| in_chain(format!("the first certificate is unreadable: {error}")))?;
        let (names, not_after) = (Names::of(&first), first.validity().not_after.timestamp());
        if names.is_empty() {
            return Err(in_chain("the first certificate names no host (subjectAltName)".to_owned()));
        }
        // Why it is unreadable is not said: it might be said with a part of it.
        let secret = PrivateKeyDer::from_pem_slice(&secret)
            .map_err(|_| in_key("holds no unencrypted private key in PEM".to_owned()))?;
        let key = CertifiedKey::from_der(chain, secret, &provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                in_key(format!("is not the key of {}", certificate.display()))
            }
            error => in_key(format!("cannot be used: {error}")),
        })?;
        Ok(Some(Self { key, names, not_after, digest }))
    }
}

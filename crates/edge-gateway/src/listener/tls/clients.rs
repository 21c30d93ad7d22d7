//! Client certificates: who vouches for them, and what is known of one that was presented.

use super::{digest, provider, read};
use crate::config;
use model::Timestamp;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use x509_parser::prelude::{CertificateRevocationList, FromDer as _, X509Certificate};

/// The authorities, and what they have revoked.
pub struct Authorities {
    pub verifier: Arc<dyn ClientCertVerifier>,
    /// Of all files.
    pub digest: [u8; 32],
    /// Seconds since 1970 from when on none of the authorities is valid.
    ends_at: i64,
    /// From when on something else may be true though no file has changed: one of several authorities ends, or a list is
    /// out of date.
    pub next_at: i64,
}

impl Authorities {
    /// What the files hold now. None: it is this already.
    pub fn read(place: &config::Clients, known: Option<&Self>, now_s: i64) -> Result<Option<Self>, String> {
        let of_file = |reason: String| format!("{}: {reason}", place.authorities.display());
        let bundle = read(&place.authorities)?;
        let lists = place.revocation_lists.iter().map(|list| read(list));
        let lists = lists.collect::<Result<Vec<_>, _>>()?;
        let digest = digest(std::iter::once(&bundle).chain(&lists).map(|file| file.as_slice()));
        if known.is_some_and(|known| known.digest == digest && now_s < known.next_at) {
            return Ok(None);
        }
        let (mut roots, mut ends_at, mut next_at) = (RootCertStore::empty(), i64::MIN, i64::MAX);
        for certificate in CertificateDer::pem_slice_iter(&bundle) {
            let certificate = certificate.map_err(|error| of_file(format!("not PEM: {error}")))?;
            let (_, authority) = X509Certificate::from_der(&certificate)
                .map_err(|error| of_file(format!("a certificate is unreadable: {error}")))?;
            if !authority.is_ca() {
                return Err(of_file(format!(
                    "\"{}\" is not an authority's certificate",
                    authority.subject()
                )));
            }
            let end = authority.validity().not_after.timestamp();
            if end <= now_s {
                tracing::warn!(authority = %authority.subject(), "an authority for client certificates has expired");
                continue;
            }
            (ends_at, next_at) = (ends_at.max(end), next_at.min(end));
            roots.add(certificate.clone()).map_err(|error| of_file(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(of_file("holds no certificate of an authority that is valid".to_owned()));
        }
        let mut revoked = Vec::new();
        for (file, bytes) in place.revocation_lists.iter().zip(&lists) {
            let (mut found, end) =
                revocation_lists(bytes).map_err(|why| format!("{}: {why}", file.display()))?;
            revoked.append(&mut found);
            next_at = end.filter(|end| *end > now_s).map_or(next_at, |end| next_at.min(end));
        }
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
            .with_crls(revoked)
            .enforce_revocation_expiration();
        let builder = match place.mode {
            config::Mode::Optional => builder.allow_unauthenticated(),
            config::Mode::Required => builder,
        };
        let verifier = builder.build().map_err(|error| of_file(error.to_string()))?;
        Ok(Some(Self { verifier, digest, ends_at, next_at }))
    }

    /// Names what was read and what of it counted then, for whoever was verified by it: the same files say less once a list
    /// or an authority in them is out of date.
    fn generation(&self) -> u64 {
        let read = self.digest.first_chunk().map_or(0, |first| u64::from_le_bytes(*first));
        read ^ self.next_at.cast_unsigned()
    }
}

/// The lists in one file, and when the first of them is out of date.
fn revocation_lists(
    bytes: &[u8],
) -> Result<(Vec<CertificateRevocationListDer<'static>>, Option<i64>), String> {
    let lists: Vec<_> = if bytes.starts_with(b"-----") {
        CertificateRevocationListDer::pem_slice_iter(bytes)
            .collect::<Result<_, _>>()
            .map_err(|error| format!("not PEM: {error}"))?
    } else {
        vec![CertificateRevocationListDer::from(bytes.to_vec())]
    };
    if lists.is_empty() {
        return Err("holds no revocation list".to_owned());
    }
    let mut ends = Vec::new();
    for list in &lists {
        let (_, read) = CertificateRevocationList::from_der(list)
            .map_err(|error| format!("a revocation list is unreadable: {error}"))?;
        ends.extend(read.next_update().map(|end| end.timestamp()));
    }
    Ok((lists, ends.into_iter().min()))
}

/// Who has authorities, which change.
pub trait Vouching: Send + Sync {
    /// None: there are none any longer.
    fn authorities(&self) -> Option<Arc<Authorities>>;
}

/// A client's certificate that was verified when the connection began, or when another proxy first passed it on.
pub struct ClientCertificate {
    /// The subject's common name; empty if it has none, or not exactly one.
    pub common_name: Box<str>,
    /// SHA-256 of the certificate.
    pub fingerprint: [u8; 32],
    standing: Option<Standing>,
}

/// How it is verified again.
struct Standing {
    /// The client's own first.
    chain: Vec<CertificateDer<'static>>,
    not_after: i64,
    by: Arc<dyn Vouching>,
    /// The generation of authorities that it is good under.
    good_under: AtomicU64,
}

impl ClientCertificate {
    /// A certificate that somebody else has verified, and goes on verifying.
    pub fn vouched_for(common_name: &str, fingerprint: [u8; 32]) -> Self {
        Self { common_name: common_name.into(), fingerprint, standing: None }
    }

    /// `chain`: as it was verified `by` them, who are `vouching`'s of this moment.
    pub(super) fn presented(
        chain: &[CertificateDer<'_>],
        vouching: Arc<dyn Vouching>,
        by: &Authorities,
    ) -> Option<Arc<Self>> {
        let own = chain.first()?;
        let (_, read) = X509Certificate::from_der(own).ok()?;
        let standing = Standing {
            chain: chain.iter().map(|certificate| certificate.clone().into_owned()).collect(),
            not_after: read.validity().not_after.timestamp(),
            by: vouching,
            good_under: AtomicU64::new(by.generation()),
        };
        Some(Arc::new(Self {
            common_name: common_name(&read).unwrap_or_default().into(),
            fingerprint: fingerprint(own),
            standing: Some(standing),
        }))
    }

    /// Whether it is neither expired nor revoked, and its authority still counts.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.standing.as_ref().is_none_or(|standing| standing.is_good(now.as_seconds()))
    }
}

impl Standing {
    fn is_good(&self, now_s: i64) -> bool {
        let Some(authorities) = self.by.authorities() else { return false };
        // A certificate is good until the second that it names, that one included.
        if now_s > self.not_after || now_s >= authorities.ends_at {
            return false;
        }
        let generation = authorities.generation();
        if self.good_under.load(Ordering::Relaxed) == generation && now_s < authorities.next_at {
            return true;
        }
        let Some((own, between)) = self.chain.split_first() else { return false };
        let now = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now_s).unwrap_or_default()));
        let is_good = authorities.verifier.verify_client_cert(own, between, now).is_ok();
        if is_good {
            self.good_under.store(generation, Ordering::Relaxed);
        }
        is_good
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate").field("common_name", &self.common_name).finish_non_exhaustive()
    }
}

fn fingerprint(certificate: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate);
    <[u8; 32]>::try_from(digest.as_ref()).unwrap_or_default()
}

/// Exactly one, of a type that is text, without anything that a reader could cut it at.
fn common_name(certificate: &X509Certificate<'_>) -> Option<String> {
    let mut names = certificate.subject().iter_common_name();
    let name = names.next()?.as_str().ok()?;
    let is_plain = names.next().is_none() && !name.is_empty() && !name.chars().any(char::is_control);
    is_plain.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Clients, Mode};
    use parking_lot::Mutex;
    use rcgen::{
        BasicConstraints, CertificateParams, CertificateRevocationListParams, ExtendedKeyUsagePurpose, IsCa,
        Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, SerialNumber, date_time_ymd,
    };

    struct Files(Mutex<Arc<Authorities>>);

    impl Vouching for Files {
        fn authorities(&self) -> Option<Arc<Authorities>> {
            Some(self.0.lock().clone())
        }
    }

    #[test]
    fn d4_a_certificate_is_not_good_again_when_a_list_out_of_date_is_read_again() {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let pem = authority.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(authority, key);
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2019, 1, 1),
            next_update: date_time_ymd(2030, 1, 1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&issuer).unwrap().pem().unwrap();
        let mut client = CertificateParams::default();
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let client = client.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let place = Clients {
            authorities: file("clients.pem", &pem),
            mode: Mode::Optional,
            revocation_lists: vec![file("clients.crl", &list)],
        };
        let end_s = date_time_ymd(2030, 1, 1).unix_timestamp();
        let good = Authorities::read(&place, None, end_s - 10).unwrap().unwrap();
        let files = Arc::new(Files(Mutex::new(Arc::new(good))));
        let by = files.authorities().unwrap();
        let presented = ClientCertificate::presented(&[client.der().clone()], files.clone(), &by).unwrap();
        let at = |seconds| Timestamp::from_millis(seconds * 1_000);
        assert!(presented.is_good(at(end_s - 1)));
        assert!(!presented.is_good(at(end_s + 1)));
        let later = Authorities::read(&place, Some(&by), end_s + 2).unwrap().unwrap();
        *files.0.lock() = Arc::new(later);
        assert!(!presented.is_good(at(end_s + 3)));
    }
}

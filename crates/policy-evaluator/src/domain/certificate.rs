//! Authorities of client certificates, and the host names they are for.

use super::Broken;
use aws_lc_rs::digest::{SHA256, digest};
use model::{Error, Timestamp};
use policy::DomainPattern;
use x509_parser::certificate::X509Certificate;
use x509_parser::pem::Pem;

/// Largest bundle, in bytes.
const MAX_BUNDLE: usize = 64 * 1024;
/// Most certificates of one bundle.
const MAX_CERTIFICATES: usize = 20;
/// Most host names of one certificate.
const MAX_HOSTNAMES: usize = 100;
const FIELD: &str = "certificate";

/// What a bundle says of itself.
#[derive(Debug, PartialEq, Eq)]
pub struct CheckedBundle {
    /// SHA-256 of the first certificate: upper-case hex, a colon between bytes.
    pub fingerprint: String,
    /// When the first of them ends.
    pub expires: Timestamp,
}

/// One or more PEM blocks, each the certificate of an authority that has not ended, and nothing else: a private key
/// is never kept.
pub fn check_bundle(pem: &str, now: Timestamp) -> Result<CheckedBundle, Error> {
    let invalid = |rule: &str| Error::invalid(FIELD, rule);
    if pem.len() > MAX_BUNDLE {
        return Err(invalid("must have at most 65536 bytes"));
    }
    let mut checked: Option<CheckedBundle> = None;
    for (index, block) in Pem::iter_from_buffer(pem.as_bytes()).enumerate() {
        if index >= MAX_CERTIFICATES {
            return Err(invalid("must have at most 20 certificates"));
        }
        let block = block.map_err(|_| invalid("is not well-formed PEM"))?;
        if block.label != "CERTIFICATE" {
            return Err(invalid("must have certificates only: send no private key"));
        }
        let certificate =
            block.parse_x509().map_err(|_| invalid("has a block that is no X.509 certificate"))?;
        let expires = check_authority(&certificate, now)?;
        checked = Some(match checked {
            None => CheckedBundle { fingerprint: fingerprint(&block.contents), expires },
            Some(first) => CheckedBundle { expires: first.expires.min(expires), ..first },
        });
    }
    checked.ok_or_else(|| invalid("must be a PEM bundle of certificates"))
}

/// When it ends.
fn check_authority(certificate: &X509Certificate<'_>, now: Timestamp) -> Result<Timestamp, Error> {
    let may_sign =
        certificate.key_usage().is_ok_and(|usage| usage.is_none_or(|usage| usage.value.key_cert_sign()));
    if !certificate.is_ca() || !may_sign {
        let rule = "has a certificate that is no authority's: basicConstraints must say CA:TRUE, and keyUsage, if there \
                    is one, keyCertSign";
        return Err(Error::invalid(FIELD, rule));
    }
    let expires = Timestamp::from_millis(certificate.validity().not_after.timestamp().saturating_mul(1000));
    if expires <= now {
        return Err(Error::invalid(FIELD, format!("has a certificate that ended at {expires}")));
    }
    Ok(expires)
}

fn fingerprint(der: &[u8]) -> String {
    let digest = digest(&SHA256, der);
    digest.as_ref().iter().map(|byte| hex::encode_upper([*byte])).collect::<Vec<_>>().join(":")
}

pub fn check_hostname(name: &str, field: &str) -> Result<(), Error> {
    if name.contains(['*', '/']) || DomainPattern::parse(name).is_err() {
        return Err(Error::invalid(field, "must be a host name"));
    }
    Ok(())
}

pub fn check_hostnames(names: &[String]) -> Result<(), Error> {
    const FIELD: &str = "associated_hostnames";
    if names.len() > MAX_HOSTNAMES {
        return Err(Error::invalid(FIELD, format!("must not have more than {MAX_HOSTNAMES} entries")));
    }
    let mut broken = Broken::default();
    for (index, name) in names.iter().enumerate() {
        broken.check(check_hostname(name, &format!("{FIELD}/{index}")));
    }
    broken.refuse()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, KeyUsagePurpose};

    fn certificate(is_ca: IsCa, usages: Vec<KeyUsagePurpose>) -> (String, String) {
        let mut params = CertificateParams::new(vec!["ca.example.com".to_owned()]).unwrap();
        (params.is_ca, params.key_usages) = (is_ca, usages);
        let key = KeyPair::generate().unwrap();
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    fn authority() -> (String, String) {
        certificate(IsCa::Ca(BasicConstraints::Unconstrained), vec![KeyUsagePurpose::KeyCertSign])
    }

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    #[test]
    fn a_bundle_of_authorities_is_taken() {
        let (first, second) = (authority().0, authority().0);
        let one = check_bundle(&first, NOW).unwrap();
        assert_eq!(one.fingerprint.len(), 32 * 3 - 1);
        assert!(one.expires > NOW);
        assert_eq!(check_bundle(&format!("{first}{second}"), NOW).unwrap().fingerprint, one.fingerprint);
    }

    #[test]
    fn anything_else_is_refused_with_the_rule() {
        let (good, key) = authority();
        let leaf = certificate(IsCa::ExplicitNoCa, Vec::new()).0;
        let no_signer =
            certificate(IsCa::Ca(BasicConstraints::Unconstrained), vec![KeyUsagePurpose::CrlSign]).0;
        for (pem, part) in [
            (String::new(), "must be a PEM bundle"),
            ("hello".to_owned(), "must be a PEM bundle"),
            (format!("{good}{key}"), "no private key"),
            (leaf.clone(), "CA:TRUE"),
            (format!("{good}{leaf}"), "CA:TRUE"),
            (no_signer, "keyCertSign"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned(), "X.509"),
            ("x".repeat(MAX_BUNDLE + 1), "65536"),
        ] {
            let error = check_bundle(&pem, NOW).unwrap_err();
            assert_eq!(error.violations()[0].field, "certificate");
            assert!(error.message().contains(part), "{part}: {}", error.message());
        }
        let ended = check_bundle(&good, Timestamp::FAR_FUTURE).unwrap_err();
        assert!(ended.message().contains("ended"), "{}", ended.message());
    }

    #[test]
    fn a_host_name_is_no_pattern() {
        let names = ["a.example.com", "*.example.com", "a.example.com/x", "", "a b"];
        let error = check_hostnames(&names.map(str::to_owned)).unwrap_err();
        let fields: Vec<_> = error.violations().iter().map(|it| it.field.as_str()).collect();
        assert_eq!(fields, [1, 2, 3, 4].map(|index| format!("associated_hostnames/{index}")));
    }
}

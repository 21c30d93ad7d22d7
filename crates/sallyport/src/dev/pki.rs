//! Certificates for mutual TLS between the processes of a development installation: one authority, and one
//! certificate a caller that names it.

use crate::dev::state::{State, write_private};
use anyhow::{Context as _, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use std::path::{Path, PathBuf};

/// Files of one certificate.
pub struct Files {
    pub authority: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Makes what is missing in `<data>/pki`; keeps what is there.
pub fn prepare(state: &State, names: &[&str]) -> Result<PathBuf> {
    let folder = state.folder("pki")?;
    let (certificate, key) = (folder.join("authority.pem"), folder.join("authority.key"));
    let parameters = authority();
    if !certificate.exists() {
        let pair = KeyPair::generate()?;
        write_private(&key, pair.serialize_pem().as_bytes())?;
        write_private(&certificate, parameters.self_signed(&pair)?.pem().as_bytes())?;
    }
    let pair = KeyPair::from_pem(&std::fs::read_to_string(&key)?).context("pki/authority.key")?;
    let authority = Issuer::new(parameters, pair);
    for name in names {
        let files = files(&folder, name);
        if files.certificate.exists() && files.key.exists() {
            continue;
        }
        let pair = KeyPair::generate()?;
        let mut parameters = named(name);
        parameters.subject_alt_names = vec![
            SanType::DnsName((*name).try_into()?),
            SanType::URI(format!("spiffe://sallyport/service/{name}").as_str().try_into()?),
        ];
        parameters.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        write_private(&files.key, pair.serialize_pem().as_bytes())?;
        write_private(&files.certificate, parameters.signed_by(&pair, &authority)?.pem().as_bytes())?;
    }
    Ok(folder)
}

pub fn files(folder: &Path, name: &str) -> Files {
    Files {
        authority: folder.join("authority.pem"),
        certificate: folder.join(format!("{name}.pem")),
        key: folder.join(format!("{name}.key")),
    }
}

fn authority() -> CertificateParams {
    let mut parameters = named("Sallyport development authority");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters
}

fn named(name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters
}

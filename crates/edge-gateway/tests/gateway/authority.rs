//! Certificates, and clients that know whom to believe.

use edge_gateway::config::{Certificate, Clients, Mode, Tls};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Issues certificates, and takes them back.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub pem: String,
    serials: AtomicU64,
}

/// A certificate and its key, PEM.
pub struct Leaf {
    pub certificate: String,
    pub key: String,
    serial: u64,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        Self::with(name, |_| {})
    }

    pub fn with(name: &str, edit: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        edit(&mut parameters);
        let key = KeyPair::generate().unwrap();
        let pem = parameters.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(parameters, key), pem, serials: AtomicU64::new(1) }
    }

    fn issue(&self, mut parameters: CertificateParams) -> Leaf {
        let serial = self.serials.fetch_add(1, Ordering::Relaxed);
        parameters.serial_number = Some(SerialNumber::from(serial));
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap().pem();
        Leaf { certificate, key: key.serialize_pem(), serial }
    }

    pub fn server(&self, names: &[&str]) -> Leaf {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        self.issue(CertificateParams::new(names).unwrap())
    }

    pub fn client(&self, common_name: &str) -> Leaf {
        self.client_with(common_name, |_| {})
    }

    pub fn client_with(&self, common_name: &str, edit: impl FnOnce(&mut CertificateParams)) -> Leaf {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, common_name);
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        edit(&mut parameters);
        self.issue(parameters)
    }

    /// A list of everything that is taken back, PEM.
    pub fn revoke(&self, leaves: &[&Leaf]) -> String {
        let revoked = leaves.iter().map(|leaf| RevokedCertParams {
            serial_number: SerialNumber::from(leaf.serial),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        self.list(revoked.collect(), 4000)
    }

    /// A list that was to be replaced at the beginning of that year.
    pub fn list(&self, revoked_certs: Vec<RevokedCertParams>, next: i32) -> String {
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2019, 1, 1),
            next_update: date_time_ymd(next, 1, 1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).unwrap().pem().unwrap()
    }

    /// A client that believes this authority.
    pub fn believer(&self, identity: Option<&Leaf>, protocols: &[&str]) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match identity {
            Some(leaf) => builder.with_client_auth_cert(leaf.chain(), leaf.secret()).unwrap(),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        config.enable_early_data = true;
        TlsConnector::from(Arc::new(config))
    }
}

impl Leaf {
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_slice_iter(self.certificate.as_bytes()).map(Result::unwrap).collect()
    }

    pub fn secret(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap()
    }
}

/// Files that the gateway reads.
pub struct Files(TempDir);

impl Default for Files {
    fn default() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
}

impl Files {
    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    /// Replaces a file at once, as certificate managers do.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let (file, next) = (self.0.path().join(name), self.0.path().join(format!("{name}.next")));
        std::fs::write(&next, text).unwrap();
        std::fs::rename(next, &file).unwrap();
        file
    }

    pub fn pair(&self, name: &str, leaf: &Leaf) -> Certificate {
        Certificate {
            certificate: self.write(&format!("{name}.pem"), &leaf.certificate),
            key: self.write(&format!("{name}.key"), &leaf.key),
        }
    }

    pub fn clients(&self, authority: &Authority, mode: Mode) -> Clients {
        let authorities = self.write("clients.pem", &authority.pem);
        Clients { authorities, mode, revocation_lists: Vec::new() }
    }
}

pub fn tls(certificates: Vec<Certificate>, client: Option<Clients>) -> Tls {
    Tls { certificates, client }
}

pub async fn connect(
    connector: &TlsConnector,
    address: SocketAddr,
    name: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    connector.connect(ServerName::try_from(name.to_owned()).unwrap(), stream).await
}

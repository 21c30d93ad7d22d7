//! TLS: which certificate is presented to whom, which client certificates are believed, and how files that change are
//! taken over.
//!
//! | module | holds |
//! |---|---|
//! | `names` | [`names::Names`]: whom a certificate names |
//! | `certificates` | the gateway's own |
//! | `clients` | [`ClientCertificate`], and who vouches for it |
//! | `renewal` | files that change |
//! | `passed` | [`Passed`]: certificates that other proxies have seen |

mod certificates;
mod clients;
mod names;
mod passed;
mod renewal;

pub use clients::ClientCertificate;
pub use passed::Passed;

use crate::config;
use crate::refusal::Refusal;
use arc_swap::ArcSwap;
use certificates::Pair;
use clients::{Authorities, Vouching};
use http::StatusCode;
use model::{Error, Timestamp};
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, NoServerSessionStorage};
use rustls::sign::SingleCertAndKey;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

pub const HTTP_2: &[u8] = b"h2";
pub const HTTP_1: &[u8] = b"http/1.1";
/// Longest file that is read: lists of what is revoked grow.
const LONGEST: u64 = 16 * 1024 * 1024;

/// What the listener presents and believes.
pub struct Tls {
    places: config::Tls,
    current: ArcSwap<Current>,
}

struct Current {
    sites: Vec<Arc<Site>>,
    authorities: Option<Arc<Authorities>>,
}

/// One of the gateway's certificates, and what it is presented with. Each keeps its own sessions for resumption.
pub struct Site {
    pair: Arc<Pair>,
    authorities: Option<Arc<Authorities>>,
    pub config: Arc<ServerConfig>,
}

impl Tls {
    /// # Errors
    /// `Invalid`, with the file and the reason, if anything cannot be used.
    pub fn open(places: &config::Tls, now: Timestamp) -> Result<Arc<Self>, Error> {
        let invalid = |reason: String| Error::invalid("edge_gateway.tls", reason);
        let authorities = places.client.as_ref().map(|place| {
            let read = Authorities::read(place, None, now.as_seconds())?;
            read.ok_or_else(|| "no authorities".to_owned())
        });
        let authorities = authorities.transpose().map_err(invalid)?.map(Arc::new);
        let mut sites = Vec::new();
        for place in &places.certificates {
            let pair = Pair::read(place, None).map_err(invalid)?;
            if pair.as_ref().is_some_and(|pair| pair.not_after < now.as_seconds()) {
                tracing::warn!(certificate = %place.certificate.display(), "a certificate has expired");
            }
            let site = pair.map(|pair| Site::new(Arc::new(pair), authorities.clone()));
            sites.extend(site.transpose().map_err(invalid)?);
        }
        if sites.is_empty() {
            return Err(invalid("there is no certificate".to_owned()));
        }
        let tls =
            Self { places: places.clone(), current: ArcSwap::from_pointee(Current { sites, authorities }) };
        tls.measure();
        Ok(Arc::new(tls))
    }

    /// The certificate for whom this client asks: one that names it in full, or by wildcard, with a key that the client
    /// understands; else the first.
    pub fn site(&self, hello: &ClientHello<'_>) -> Option<Arc<Site>> {
        let current = self.current.load();
        let asked = hello.server_name().map(canonical);
        let fits = current.sites.iter().filter_map(|site| {
            let fit = site.pair.names.fit(asked.as_deref()?)?;
            let is_understood = site.pair.key.key.choose_scheme(hello.signature_schemes()).is_some();
            Some(((is_understood, fit), site))
        });
        // Of equals the first.
        let best = fits.rev().max_by_key(|(rank, _)| *rank).map(|(_, site)| site);
        best.or_else(|| current.sites.first()).cloned()
    }

    /// What the client has presented, verified by TLS.
    pub fn presented(
        self: &Arc<Self>,
        site: &Site,
        chain: &[CertificateDer<'_>],
    ) -> Option<Arc<ClientCertificate>> {
        ClientCertificate::presented(chain, self.clone(), site.authorities.as_ref()?)
    }
}

impl Vouching for Tls {
    fn authorities(&self) -> Option<Arc<Authorities>> {
        self.current.load().authorities.clone()
    }
}

impl Site {
    fn new(pair: Arc<Pair>, authorities: Option<Arc<Authorities>>) -> Result<Arc<Self>, String> {
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let builder = match &authorities {
            Some(authorities) => builder.with_client_cert_verifier(authorities.verifier.clone()),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(pair.key.clone())));
        config.alpn_protocols = vec![HTTP_2.to_vec(), HTTP_1.to_vec()];
        // Data in the first flight can be sent again by anybody.
        config.max_early_data_size = 0;
        if authorities.is_some() {
            // Who resumes is not verified again, and may have been revoked since.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(Arc::new(Self { pair, authorities, config: Arc::new(config) }))
    }

    /// Whether a request for `host` belongs on a connection on which this certificate was presented to a client that had
    /// asked for `server_name`. `host`: canonical.
    ///
    /// A client may use one connection for every host that its certificate names (RFC 9113 section 9.1.1). Where clients
    /// are asked for certificates, only for the one that it asked for: what it presented, it presented to that one.
    pub fn check(&self, server_name: Option<&str>, host: &str) -> Result<(), Refusal> {
        let is_asked_for = server_name.is_none_or(|name| canonical(name) == host);
        let is_misled = self.authorities.is_some() && !is_asked_for;
        if !is_misled && self.pair.names.fit(host).is_some() {
            return Ok(());
        }
        let message = "this connection was not opened for the request's host; open another";
        Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, "HOST_MISDIRECTED", message))
    }
}

fn canonical(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// SHA-256 of parts, each after its length.
fn digest<'b>(parts: impl IntoIterator<Item = &'b [u8]>) -> [u8; 32] {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    <[u8; 32]>::try_from(context.finish().as_ref()).unwrap_or_default()
}

/// A file, whole; the reason, with its name, if it cannot be had.
fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read = std::fs::File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes));
    match read {
        Ok(read) if read as u64 > LONGEST => Err(format!("{}: is longer than 16 MiB", path.display())),
        Ok(_) => Ok(bytes),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

//! `[edge_gateway.tls]`: how clients reach the gateway by https.

use serde::Deserialize;
use std::path::PathBuf;

/// `[edge_gateway.tls]`. All files are looked at every two seconds: what has changed counts for connections that begin
/// afterwards. What cannot be used is not taken, and what there was stays.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The first that names the host that the client asks for is presented; the very first, if none does.
    pub certificates: Vec<Certificate>,
    /// `[edge_gateway.tls.client]`: clients are asked for a certificate.
    #[serde(default)]
    pub client: Option<Clients>,
}

/// A certificate and its key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// PEM: the gateway's own certificate first, then those between it and its authority.
    pub certificate: PathBuf,
    /// PEM: PKCS #8, PKCS #1 or SEC 1.
    pub key: PathBuf,
}

/// `[edge_gateway.tls.client]`: which client certificates are believed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clients {
    /// PEM: the authorities that issue them.
    pub authorities: PathBuf,
    #[serde(default)]
    pub mode: Mode,
    /// PEM or DER. Once there is one, every certificate of a chain but the authority's must be covered by a list that is
    /// not out of date: unknown is refused.
    #[serde(default)]
    pub revocation_lists: Vec<PathBuf>,
}

/// What becomes of a client without a certificate. One with a certificate that is not good is refused in either mode.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It may present another credential.
    #[default]
    Optional,
    /// There is no connection.
    Required,
}

impl Tls {
    pub(super) fn problems(&self) -> Vec<String> {
        if self.certificates.is_empty() {
            return vec!["edge_gateway.tls.certificates: must name at least one".to_owned()];
        }
        Vec::new()
    }
}

//! `[edge_gateway.passed_certificates]`: client certificates that other proxies pass on.

use ipnet::IpNet;
use serde::Deserialize;
use std::path::PathBuf;

/// The only name of the header.
const HEADER: &str = "X-Client-Cert";

/// `[edge_gateway.passed_certificates]`. Without it no other proxy's word about a certificate is heard. The files are looked
/// at every two seconds, as those of `tls`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PassedCertificates {
    /// PEM: the authorities that issue them. Every certificate is verified here, whatever the proxy has verified.
    pub authorities: PathBuf,
    /// As [`Clients::revocation_lists`](super::Clients::revocation_lists).
    #[serde(default)]
    pub revocation_lists: Vec<PathBuf>,
    /// In which the proxies of `forward_auth.trusted_proxies` pass it on: `X-Client-Cert`, the one name that every recipe
    /// takes from clients. They must set it on every question, empty where the client has presented none: what a client
    /// sends counts otherwise.
    #[serde(default)]
    pub header: Option<String>,
    /// Envoys that ask `ext_authz` and whose `source.certificate` counts. Nobody's by default.
    #[serde(default)]
    pub envoys: Vec<IpNet>,
}

impl PassedCertificates {
    pub(super) fn problems(&self) -> Vec<String> {
        let header = self.header.as_deref().filter(|name| !name.eq_ignore_ascii_case(HEADER));
        let is_another = |name| {
            format!(
                "edge_gateway.passed_certificates.header: \"{name}\" is not {HEADER}, which is what proxies take from their clients and applications are not sent"
            )
        };
        header.map(is_another).into_iter().collect()
    }
}

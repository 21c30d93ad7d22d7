//! Client certificates that other proxies have seen and pass on. A proxy's word is that its client holds the key; whether
//! the certificate is good is verified here, when it first comes and again whenever that may have changed.

use super::ClientCertificate;
use super::clients::{Authorities, Vouching};
use super::renewal::{Complaints, PERIOD};
use crate::config::{Clients, Mode, PassedCertificates};
use crate::decide::certificate_not_good;
use crate::refusal::Refusal;
use crate::session::{Key, Remembered, remember};
use arc_swap::ArcSwap;
use http::{HeaderMap, HeaderName};
use ipnet::IpNet;
use metrics::counter;
use model::{Clock, Error, Timestamp};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, UnixTime};
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Longest text of a certificate and what comes with it.
const LONGEST: usize = 32 * 1024;
/// Most certificates of one chain.
const MOST: usize = 8;
/// So many are remembered with what was found of them.
const KNOWN: usize = 4096;

/// What other proxies may say, and who vouches for it.
pub struct Passed {
    trust: Arc<Trust>,
    header: Option<HeaderName>,
    envoys: Vec<IpNet>,
    /// By digest of the text.
    known: Remembered<ClientCertificate>,
}

struct Trust {
    place: Clients,
    current: ArcSwap<Authorities>,
}

impl Vouching for Trust {
    fn authorities(&self) -> Option<Arc<Authorities>> {
        Some(self.current.load_full())
    }
}

impl Passed {
    /// # Errors
    /// `Invalid`, with the file and the reason, if anything cannot be used.
    pub fn open(config: &PassedCertificates, now: Timestamp) -> Result<Arc<Self>, Error> {
        let invalid = |reason: String| Error::invalid("edge_gateway.passed_certificates", reason);
        let PassedCertificates { authorities, revocation_lists, header, envoys } = config;
        let place = Clients {
            authorities: authorities.clone(),
            mode: Mode::Optional,
            revocation_lists: revocation_lists.clone(),
        };
        let read = Authorities::read(&place, None, now.as_seconds()).map_err(invalid)?;
        let current = ArcSwap::from_pointee(read.ok_or_else(|| invalid("no authorities".to_owned()))?);
        let header = header.as_deref().map(HeaderName::try_from).transpose();
        let header = header.map_err(|_| invalid("header is no header's name".to_owned()))?;
        let trust = Arc::new(Trust { place, current });
        Ok(Arc::new(Self { trust, header, envoys: envoys.clone(), known: remember(KNOWN) }))
    }

    /// Whether the certificate counts that an Envoy at this address names.
    pub fn trusts(&self, envoy: IpAddr) -> bool {
        self.envoys.iter().any(|network| network.contains(&envoy))
    }

    /// What a proxy says in its header; none if that is empty or not there, or no header was agreed on.
    pub fn find(
        &self,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Option<Arc<ClientCertificate>>, Refusal> {
        let Some(name) = &self.header else { return Ok(None) };
        let mut values = headers.get_all(name).iter();
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            let message = "the proxy asks wrongly: there are several client certificates";
            return Err(Refusal::bad_request("PROXY_HEADER_AMBIGUOUS", message));
        }
        let text = value.to_str().map_err(|_| malformed())?.trim();
        if text.is_empty() { Ok(None) } else { self.read(text, now).map(Some) }
    }

    /// The certificate that this text is: PEM, with `%` for what a header cannot hold, or DER in base64; the client's own
    /// first, others after it.
    pub fn read(&self, text: &str, now: Timestamp) -> Result<Arc<ClientCertificate>, Refusal> {
        let key = Key::of_token(text);
        if let Some(known) = self.known.get(&key) {
            // It is judged again for every request.
            return Ok(known);
        }
        let chain = chain(text).ok_or_else(malformed)?;
        let (own, between) = chain.split_first().ok_or_else(malformed)?;
        let by = self.trust.current.load_full();
        let seconds = u64::try_from(now.as_seconds()).unwrap_or_default();
        let at = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        by.verifier.verify_client_cert(own, between, at).map_err(|_| certificate_not_good())?;
        let certificate = ClientCertificate::presented(&chain, self.trust.clone(), &by);
        let certificate = certificate.ok_or_else(malformed)?;
        self.known.insert(key, certificate.clone());
        Ok(certificate)
    }

    /// Looks at the files until `stop`.
    pub async fn keep_current(self: Arc<Self>, clock: Arc<dyn Clock>, stop: CancellationToken) {
        let mut complaints = Complaints::default();
        while stop.run_until_cancelled(tokio::time::sleep(PERIOD)).await.is_some() {
            let (trust, now_s) = (self.trust.clone(), clock.now().as_seconds());
            let read = tokio::task::spawn_blocking(move || {
                Authorities::read(&trust.place, Some(&trust.current.load()), now_s)
            });
            let Ok(read) = read.await else { continue };
            if let Some(authorities) = complaints.hear(0, read) {
                self.trust.current.store(Arc::new(authorities));
                counter!("sallyport_tls_reloads_total", "outcome" => "loaded").increment(1);
                tracing::info!("the authorities of passed certificates have changed and count from now on");
            }
        }
    }
}

fn malformed() -> Refusal {
    let message = "the proxy asks wrongly: the client certificate is neither PEM nor DER in base64";
    Refusal::bad_request("PROXY_CERTIFICATE_MALFORMED", message)
}

fn chain(text: &str) -> Option<Vec<CertificateDer<'static>>> {
    if text.len() > LONGEST {
        return None;
    }
    let text = decoded(text)?;
    let pem = if text.starts_with("-----") {
        text
    } else {
        // RFC 9440 puts colons around it; several are separated by commas.
        let blocks = text.split(',').map(|part| {
            let part = part.trim().trim_matches(':');
            format!("-----BEGIN CERTIFICATE-----\n{part}\n-----END CERTIFICATE-----\n")
        });
        Cow::Owned(blocks.collect())
    };
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(pem.as_bytes()).take(MOST + 1).collect::<Result<_, _>>().ok()?;
    (1..=MOST).contains(&chain.len()).then_some(chain)
}

/// `%2B` is `+`, and `+` is `+`.
fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(text.into());
    }
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) =
            part.split_at_checked(2).filter(|(it, _)| it.bytes().all(|b| b.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One that nobody has signed is read as well as any other.
    const TEXT: &str = "MIIBAA+/AA==";

    #[test]
    fn a_certificate_is_read_in_every_form_that_proxies_write() {
        let der = [0x30, 0x82, 0x01, 0x00, 0x0f, 0xbf, 0x00];
        let pem = format!("-----BEGIN CERTIFICATE-----\n{TEXT}\n-----END CERTIFICATE-----\n");
        let escaped = pem.replace('\n', "%0A").replace(' ', "%20").replace('+', "%2B").replace('/', "%2f");
        let whole = [TEXT.to_owned(), format!(":{TEXT}:"), pem, escaped, TEXT.replace('+', "%2b")];
        for text in whole {
            let chain = chain(&text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(chain.iter().map(|it| it.as_ref().to_vec()).collect::<Vec<_>>(), [der], "{text}");
        }
        assert_eq!(chain(&format!("{TEXT},{TEXT}")).unwrap().len(), 2);
    }

    #[test]
    fn what_is_no_certificate_is_none() {
        let many = [TEXT; MOST + 1].join(",");
        for text in
            ["%", "%4", "%zz", "%+1x", "-----BEGIN X-----", "!", "\u{fc}%20", &many, &"A".repeat(LONGEST + 1)]
        {
            assert!(chain(text).is_none(), "{text}");
        }
    }
}

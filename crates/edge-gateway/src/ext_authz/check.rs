//! What Envoy asks. A field of which there is one, and that comes twice, is malformed: two readers could take different
//! ones.

use crate::ext_authz::wire::{Fields, Malformed};
use std::net::IpAddr;

/// Which application the route belongs to, as its context extension says.
const APPLICATION: &str = "app_aud";

/// A request that a client has sent to Envoy.
pub struct Check<'a> {
    pub method: &'a str,
    /// Path and query.
    pub target: &'a str,
    pub host: &'a str,
    /// Empty: Envoy does not say.
    pub scheme: &'a str,
    /// Whose connection Envoy has accepted; none if it has no IP address.
    pub peer: Option<IpAddr>,
    /// Of that connection's client, PEM with `%` for what is none of URLs; empty where there is none.
    pub certificate: &'a str,
    /// `aud` of the only application that may let it through.
    pub application: Option<&'a str>,
    /// Several lines of one name are one, joined by commas.
    pub is_joined: bool,
    /// Every header, pseudo-headers too, as far as they are read.
    pub headers: Vec<Line<'a>>,
    /// There are more of them than are read.
    pub has_more: bool,
}

/// So many headers are read.
const HEADERS: usize = 1_000;
/// There is room for the usual number from the beginning.
const USUAL: usize = 32;

/// A name and a value.
pub type Line<'a> = (&'a str, &'a [u8]);

impl<'a> Check<'a> {
    pub fn read(message: &'a [u8]) -> Result<Self, Malformed> {
        let attributes = only(message, 1)?.ok_or(Malformed)?;
        let (mut source, mut request, mut application) = (None, None, None);
        for field in Fields(attributes) {
            match field? {
                (1, value) => once(&mut source, value.bytes()?)?,
                (4, value) => once(&mut request, value.bytes()?)?,
                (10, value) => {
                    let (name, aud) = line(value.bytes()?, false)?;
                    if name == APPLICATION {
                        once(&mut application, std::str::from_utf8(aud).map_err(|_| Malformed)?)?;
                    }
                }
                _ => {}
            }
        }
        let http = only(request.ok_or(Malformed)?, 2)?.ok_or(Malformed)?;
        let (mut method, mut target, mut host, mut scheme) = (None, None, None, None);
        let (mut joined, mut raw) = (Headers::default(), None);
        for field in Fields(http) {
            match field? {
                (2, value) => once(&mut method, value.text()?)?,
                (3, value) => joined.add(line(value.bytes()?, false)?),
                (4, value) => once(&mut target, value.text()?)?,
                (5, value) => once(&mut host, value.text()?)?,
                (6, value) => once(&mut scheme, value.text()?)?,
                (13, value) => once(&mut raw, value.bytes()?)?,
                _ => {}
            }
        }
        let is_joined = raw.is_none();
        let Headers { lines, has_more } = raw.map_or(Ok(joined), Headers::read)?;
        Ok(Self {
            method: method.unwrap_or_default(),
            target: target.unwrap_or_default(),
            host: host.unwrap_or_default(),
            scheme: scheme.unwrap_or_default(),
            peer: source.map(peer).transpose()?.flatten(),
            certificate: source.map(certificate).transpose()?.unwrap_or_default(),
            application,
            is_joined,
            headers: lines,
            has_more,
        })
    }
}

#[derive(Default)]
struct Headers<'a> {
    lines: Vec<Line<'a>>,
    has_more: bool,
}

impl<'a> Headers<'a> {
    /// A `HeaderMap`.
    fn read(map: &'a [u8]) -> Result<Self, Malformed> {
        let mut headers = Self::default();
        for field in Fields(map) {
            if let (1, value) = field? {
                headers.add(line(value.bytes()?, true)?);
            }
        }
        Ok(headers)
    }

    fn add(&mut self, line: Line<'a>) {
        if self.lines.is_empty() {
            self.lines.reserve(USUAL);
        }
        if self.lines.len() < HEADERS {
            self.lines.push(line);
        } else {
            self.has_more = true;
        }
    }
}

/// The field of which a message has at most one.
fn only(message: &[u8], number: u32) -> Result<Option<&[u8]>, Malformed> {
    let mut found = None;
    for field in Fields(message) {
        match field? {
            (it, value) if it == number => once(&mut found, value.bytes()?)?,
            _ => {}
        }
    }
    Ok(found)
}

fn once<T>(place: &mut Option<T>, value: T) -> Result<(), Malformed> {
    if place.replace(value).is_none() { Ok(()) } else { Err(Malformed) }
}

/// An entry of a map of texts, or a `HeaderValue`, whose bytes count before its text.
fn line(entry: &[u8], is_header: bool) -> Result<Line<'_>, Malformed> {
    let (mut name, mut text, mut raw) = (None, None, None);
    for field in Fields(entry) {
        match field? {
            (1, value) => once(&mut name, value.text()?)?,
            (2, value) => once(&mut text, value.bytes()?)?,
            (3, value) if is_header => once(&mut raw, value.bytes()?)?,
            _ => {}
        }
    }
    let raw = raw.filter(|raw| !raw.is_empty());
    Ok((name.unwrap_or_default(), raw.or(text).unwrap_or_default()))
}

/// `Peer`: what Envoy is told to say by `include_peer_certificate`.
fn certificate(peer: &[u8]) -> Result<&str, Malformed> {
    let text = only(peer, 5)?.unwrap_or_default();
    std::str::from_utf8(text).map_err(|_| Malformed)
}

/// `Peer`: `Address`: `SocketAddress`: its address, which may be none of IP.
fn peer(peer: &[u8]) -> Result<Option<IpAddr>, Malformed> {
    let Some(address) = only(peer, 1)? else { return Ok(None) };
    let Some(socket) = only(address, 1)? else { return Ok(None) };
    let text = only(socket, 2)?.and_then(|text| std::str::from_utf8(text).ok());
    Ok(text.and_then(|text| text.parse().ok()))
}

//! The way in for the fuzz targets of what is private here: how a connection's bytes fall into requests, and what Envoy
//! asks. Nothing else uses it, and nothing is promised about it.

use crate::ext_authz::asked::Asked;
use crate::ext_authz::check::Check;
use crate::listener::framing::{Broken, Framing};
use crate::refusal::Refusal;
use crate::request::client::Origin;
use bytes::Bytes;
use http::HeaderMap;
use std::net::IpAddr;

/// As by default.
const LONGEST_LINE: usize = 64 * 1024;

/// How the guard reads a connection.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Framed {
    /// Where each whole request ends, as offsets into what was given.
    pub ends: Vec<usize>,
    /// Refused in the line that ends here.
    pub broken: Option<usize>,
    /// Another protocol was asked for by the head that ends here; nothing after it was read.
    pub asked: Option<usize>,
    /// HTTP/2, which frames itself.
    pub is_http2: bool,
}

/// Reads byte by byte.
pub fn frame(bytes: &[u8]) -> Framed {
    let (mut framing, mut framed, mut is_open) = (Framing::new(LONGEST_LINE), Framed::default(), false);
    for (at, byte) in bytes.iter().enumerate() {
        match framing.read(std::slice::from_ref(byte)) {
            Err(Broken { .. }) => {
                framed.broken = Some(at);
                break;
            }
            Ok(_) if framing.asked().is_some() => {
                framed.asked = Some(at + 1);
                break;
            }
            Ok(_) => {}
        }
        if is_open && framing.is_between() {
            framed.ends.push(at + 1);
        }
        is_open = framing.is_within();
    }
    framed.is_http2 = framing.is_http2();
    framed
}

/// Whether all of it is taken in one piece, of which so much is HTTP.
pub fn frame_at_once(bytes: &[u8]) -> Option<usize> {
    Framing::new(LONGEST_LINE).read(bytes).ok()
}

/// What Envoy asks, as it is read.
#[derive(Debug)]
pub struct Said {
    pub method: String,
    pub target: String,
    pub host: String,
    pub scheme: String,
    pub peer: Option<IpAddr>,
    pub application: Option<String>,
    /// Several lines of one name are one.
    pub is_joined: bool,
    pub headers: Vec<(String, Vec<u8>)>,
    /// Of the headers, what is looked at; or why the request is refused before it is judged.
    pub judged: Result<HeaderMap, Refusal>,
}

/// Where no proxy is trusted. None: malformed.
pub fn check_request(message: &Bytes) -> Option<Said> {
    let check = Check::read(message).ok()?;
    let origin = Origin { trusted_proxies: Vec::new(), country_header: None, countries: None };
    Some(Said {
        method: check.method.to_owned(),
        target: check.target.to_owned(),
        host: check.host.to_owned(),
        scheme: check.scheme.to_owned(),
        peer: check.peer,
        application: check.application.map(str::to_owned),
        is_joined: check.is_joined,
        headers: check.headers.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect(),
        judged: Asked::read(&check, message, &origin).map(|asked| asked.headers),
    })
}

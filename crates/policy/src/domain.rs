//! Which application a host and path belong to: patterns, their order, and the index over them.
//!
//! | pattern | covers | does not cover |
//! |---|---|---|
//! | `example.com`, `example.com/`, `example.com/*` | the whole host | `a.example.com` |
//! | `*.example.com` | `a.example.com` | `example.com`, `a.b.example.com` |
//! | `*test.example.com` | `test.example.com`, `alphatest.example.com` | `a.test.example.com` |
//! | `example.com/alpha`, `example.com/alpha/` | `/alpha` and everything below it | `/alphabet` |
//! | `example.com/alpha/*` | everything below `/alpha/` | `/alpha` |
//! | `example.com/foo*/bar` | `/foo/bar`, `/food/stuff/bar`, and below them | `/food` |
//!
//! In a host, `*` stands for any part of one label, and a label is never empty. In a path, it stands for anything,
//! slashes included; case counts. The last label of a host holds no `*`.
//!
//! # The order
//!
//! The most specific pattern that covers a request wins, and nothing is inherited from the others, whoever owns
//! them. Hosts count first, paths second.
//!
//! - Hosts are compared label by label from the right: a label without `*` is more specific than one with; of two
//!   with, the one with more characters, then the one with more of them before the `*`. More labels win at last.
//! - Paths are compared by their length up to the first `*`, then by their length without any `*`, then by having
//!   fewer `*`.
//! - What is left (two patterns that no request can tell apart by rank, as `/a*/b*/c` and `/a*/b/*c`) is ordered by
//!   text, so that the order is total.

mod index;
mod wildcard;

pub use index::DomainIndex;

use model::Error;
use std::cmp::{Ordering, Reverse};
use std::fmt;
use std::str::FromStr;
use wildcard::{covers_host, covers_path};

/// Longest host, and longest label within it (RFC 1035 section 2.3.4).
const MAX_HOST: usize = 253;
const MAX_LABEL: usize = 63;
/// Longest path of a pattern.
const MAX_PATH: usize = 512;

/// A host and optional path with `*`. Equal patterns cover the same requests: the text is canonical.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DomainPattern {
    /// Lower case, without a trailing dot.
    host: Box<str>,
    /// Empty, or a slash and more, without a trailing slash; what a path may hold plainly is not percent-encoded.
    path: Box<str>,
}

impl DomainPattern {
    /// Without scheme, user, port, query or fragment; an international host in punycode.
    /// Errors name the field `domain`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        refuse_url_parts(text)?;
        let (host, path) = text.split_at_checked(text.find('/').unwrap_or(text.len())).unwrap_or((text, ""));
        Ok(Self { host: parse_host(host)?, path: parse_path(path)? })
    }

    /// Lower case.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Empty for a whole host; else it starts with a slash and ends with none.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether it covers the request. `host` in any case, with or without a trailing dot, without port.
    /// `path` as it is forwarded: starting with a slash, normalised, every character spelled as in a pattern, without
    /// query or fragment (a path with either is never covered); empty means `/`.
    pub fn matches(&self, host: &str, path: &str) -> bool {
        let mut buffer = [0; MAX_HOST];
        let Some(host) = canonical_host(host, &mut buffer) else { return false };
        canonical_path(path)
            .is_some_and(|path| covers_host(&self.host, host) && covers_path(&self.path, path))
    }

    /// Whether it covers some path of this host, written as for [`Self::matches`].
    pub fn covers_host(&self, host: &str) -> bool {
        let mut buffer = [0; MAX_HOST];
        canonical_host(host, &mut buffer).is_some_and(|host| covers_host(&self.host, host))
    }

    /// `Greater` is more specific. Total: `Equal` only for equal patterns. See the module's documentation.
    pub fn specificity_cmp(&self, other: &Self) -> Ordering {
        let labels = |pattern: &Self, other: &Self| {
            pattern.host.rsplit('.').map(rank_label).cmp(other.host.rsplit('.').map(rank_label))
        };
        labels(self, other)
            .then_with(|| rank_path(&self.path).cmp(&rank_path(&other.path)))
            .then_with(|| (&self.host, &self.path).cmp(&(&other.host, &other.path)))
    }
}

impl FromStr for DomainPattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl fmt::Display for DomainPattern {
    /// Canonical: equal exactly for equal patterns.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.host, self.path)
    }
}

fn invalid(rule: impl Into<String>) -> Error {
    Error::invalid("domain", rule)
}

fn refuse_url_parts(text: &str) -> Result<(), Error> {
    let host = text.split('/').next().unwrap_or_default();
    let broken = if text.is_empty() {
        "must not be empty"
    } else if text.contains("://") {
        "must be given without a scheme"
    } else if text.contains('?') {
        "must not have a query"
    } else if text.contains('#') {
        "must not have a fragment"
    } else if host.contains('@') {
        "must not have a user"
    } else if host.contains(':') {
        "must be a host name without a port"
    } else if !host.is_ascii() {
        "must be ASCII: write an international host in punycode"
    } else {
        return Ok(());
    };
    Err(invalid(broken))
}

fn parse_host(text: &str) -> Result<Box<str>, Error> {
    let host = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    if host.is_empty() {
        return Err(invalid("must start with a host"));
    }
    if host.len() > MAX_HOST {
        return Err(invalid(format!("its host must have at most {MAX_HOST} characters")));
    }
    for label in host.split('.') {
        if !(1..=MAX_LABEL).contains(&label.len()) {
            return Err(invalid(format!("each label of its host must have 1-{MAX_LABEL} characters")));
        }
        if label.matches('*').count() > 1 {
            return Err(invalid("at most one * between dots"));
        }
        if !label.bytes().all(|b| is_host_byte(b) || b == b'*')
            || label.starts_with('-')
            || label.ends_with('-')
        {
            return Err(invalid("its host may hold letters, digits, _ and * , and hyphens within labels"));
        }
    }
    if host.rsplit('.').next().is_some_and(|label| label.contains('*')) {
        return Err(invalid("the last label of its host must not have a *"));
    }
    Ok(host.into())
}

fn parse_path(text: &str) -> Result<Box<str>, Error> {
    if text.len() > MAX_PATH {
        return Err(invalid(format!("its path must have at most {MAX_PATH} characters")));
    }
    let path = normalise_escapes(text)?;
    let path = path.strip_suffix('/').unwrap_or(&path);
    for segment in path.split('/').skip(1) {
        if matches!(segment, "" | "." | "..") {
            return Err(invalid("its path must not have empty or dot segments"));
        }
        if segment.matches('*').count() > 1 {
            return Err(invalid("at most one * between slashes"));
        }
    }
    // The star alone stands for every path of the host, as no path at all does.
    Ok(if path == "/*" { "".into() } else { path.into() })
}

/// The one spelling that requests have too: what a path may hold is written plainly, and everything else escaped in upper
/// case; so is a `*` that is meant itself.
fn normalise_escapes(path: &str) -> Result<String, Error> {
    let mut text = String::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            if !is_path_byte(byte) {
                return Err(invalid(
                    "its path may hold only the characters of a URL path, others percent-encoded",
                ));
            }
            text.push(byte.into());
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(bytes.next()), digit(bytes.next())) else {
            return Err(invalid("its path has a % without two hex digits"));
        };
        let decoded = u8::try_from(high * 16 + low).unwrap_or_default();
        match decoded {
            b'/' | b'\\' | b'%' | 0..=0x1f | 0x7f => {
                return Err(invalid(
                    "its path must not hold an encoded slash, backslash, percent or control character",
                ));
            }
            _ if decoded != b'*' && is_path_byte(decoded) => text.push(decoded.into()),
            _ => {
                text.push('%');
                text.extend(
                    [high, low]
                        .into_iter()
                        .filter_map(|it| char::from_digit(it, 16))
                        .map(|it| it.to_ascii_uppercase()),
                );
            }
        }
    }
    Ok(text)
}

fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// `pchar` of RFC 3986 and the slash; `*` is one of them.
fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&byte)
}

/// Lower case without the trailing dot; none if no pattern could ever cover it (an IPv6 literal, a port left on).
fn canonical_host<'b>(host: &str, buffer: &'b mut [u8; MAX_HOST]) -> Option<&'b str> {
    let host = host.strip_suffix('.').unwrap_or(host).as_bytes();
    let buffer = buffer.get_mut(..host.len())?;
    for (place, byte) in buffer.iter_mut().zip(host) {
        if !is_host_byte(*byte) && *byte != b'.' {
            return None;
        }
        *place = byte.to_ascii_lowercase();
    }
    std::str::from_utf8(buffer).ok().filter(|host| !host.is_empty())
}

fn canonical_path(path: &str) -> Option<&str> {
    match path {
        "" => Some("/"),
        path => (path.starts_with('/') && !path.contains(['?', '#'])).then_some(path),
    }
}

/// Without a `*` at all; characters; characters before the `*`.
fn rank_label(label: &str) -> (bool, usize, usize) {
    match label.split_once('*') {
        None => (true, 0, 0),
        Some((before, after)) => (false, before.len() + after.len(), before.len()),
    }
}

/// Characters before the first `*`; characters; fewer `*`.
fn rank_path(path: &str) -> (usize, usize, Reverse<usize>) {
    let stars = path.matches('*').count();
    (path.find('*').unwrap_or(path.len()), path.len() - stars, Reverse(stars))
}

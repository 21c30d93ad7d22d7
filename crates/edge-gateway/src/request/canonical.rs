//! One canonical form of host and path, for matching *and* forwarding. What has two readings is refused.

use crate::refusal::Refusal;
use http::header::HOST;
use http::uri::{Authority, Scheme};
use http::{HeaderMap, Uri};
use std::borrow::Cow;

/// The canonical target of a request.
#[derive(Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// Lower case, without port and trailing dot.
    pub host: Cow<'a, str>,
    /// As the client gave it; the upstream gets it in `Host`.
    pub port: Option<u16>,
    /// Begins with `/`; no empty, `.` or `..` segments. One spelling: what a path may hold plainly (RFC 3986 section 3.3)
    /// is never percent-encoded, and everything else is, and `*`, which means something else in a pattern.
    pub path: Cow<'a, str>,
    /// The path as those read it who drop dots and spaces at the end of a segment, if that is another.
    pub loose_path: Option<String>,
    /// Untouched, without the `?`.
    pub query: Option<&'a str>,
}

/// Longest path and query together.
const LONGEST: usize = 16 * 1024;

pub fn target<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Result<Target<'a>, Refusal> {
    if uri.scheme().is_some_and(|scheme| *scheme != Scheme::HTTP && *scheme != Scheme::HTTPS) {
        return Err(Refusal::bad_request("TARGET_MALFORMED", "the target is no http or https URL"));
    }
    read(authority(uri, headers)?, uri.path(), uri.query())
}

/// The target of a request that somebody else sends on as it was given, and not as it is read here: only a target that is
/// canonical already has one reading. Letters in another case, where RFC 3986 section 6.2.2.1 takes them for the same (host,
/// digits of percent-encodings), are no other reading; nor is a reserved character that is encoded, or one that is not.
///
/// `target` is what stands in the request line: path and query.
pub fn target_as_given<'a>(authority: &'a str, target: &'a str) -> Result<Target<'a>, Refusal> {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    if query.is_some_and(|query| query.contains('#')) {
        return Err(Refusal::bad_request("QUERY_MALFORMED", "the query has a fragment"));
    }
    let read = read(authority, path, query)?;
    if !is_same(path, &read.path) {
        let message = "the path has empty or dot segments, or encodes what need not be encoded, and is forwarded as it is";
        return Err(Refusal::bad_request("PATH_NOT_CANONICAL", message));
    }
    let name = authority.split(':').next().unwrap_or_default();
    if name.ends_with('.') {
        return Err(Refusal::bad_request("HOST_NOT_CANONICAL", "the host ends with a dot"));
    }
    Ok(read)
}

fn read<'a>(authority: &'a str, raw_path: &'a str, query: Option<&'a str>) -> Result<Target<'a>, Refusal> {
    let (host, port) = host(authority)?;
    if raw_path.len() + query.map_or(0, str::len) > LONGEST {
        return Err(Refusal::bad_request("TARGET_TOO_LONG", "path and query are longer than 16 KiB"));
    }
    if query.is_some_and(|query| !query.bytes().all(is_printable)) {
        return Err(Refusal::bad_request("QUERY_MALFORMED", "the query has control or non-ASCII characters"));
    }
    let path = path(raw_path)?;
    let loose_path = matches!(path, Cow::Owned(_)).then(|| loosely(&path)).flatten();
    Ok(Target { host, port, path, loose_path, query })
}

/// Character by character, plain or encoded, whatever the case of digits. What is always written plainly, such as a letter or
/// a dot, must be; what is left to the writer (RFC 3986 section 2.2) may be either, and is decoded by whoever reads it.
fn is_same(given: &str, canonical: &str) -> bool {
    let mut canonical = characters(canonical);
    let mut is_same = |(byte, is_encoded): (u8, bool)| {
        let is_unreserved = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        canonical.next().is_some_and(|(other, _)| other == byte) && !(is_encoded && is_unreserved)
    };
    characters(given).all(&mut is_same) && canonical.next().is_none()
}

/// Each character of a path whose percent-encodings are whole, and whether it is encoded.
fn characters(path: &str) -> impl Iterator<Item = (u8, bool)> {
    let mut bytes = path.bytes();
    std::iter::from_fn(move || {
        let byte = bytes.next()?;
        if byte != b'%' {
            return Some((byte, false));
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        u8::try_from(digit()? * 16 + digit()?).ok().map(|byte| (byte, true))
    })
}

impl Target<'_> {
    /// What the upstream gets as `Host`: what was judged.
    pub fn authority(&self) -> String {
        self.port.map_or_else(|| self.host.to_string(), |port| format!("{}:{port}", self.host))
    }
}

/// The one authority: of the target in absolute form or HTTP/2, and of exactly one `Host` that agrees with it.
pub fn authority<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Result<&'a str, Refusal> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next().map(|value| value.to_str()).transpose();
    let host = host.map_err(|_| Refusal::bad_request("HOST_MALFORMED", "the Host header is not a host"))?;
    if hosts.next().is_some() {
        return Err(Refusal::bad_request("HOST_AMBIGUOUS", "there is more than one Host header"));
    }
    match (uri.authority().map(Authority::as_str), host) {
        (Some(authority), Some(host)) if !authority.eq_ignore_ascii_case(host) => {
            Err(Refusal::bad_request("HOST_AMBIGUOUS", "the target's authority and the Host header differ"))
        }
        (Some(authority), _) => Ok(authority),
        (None, Some(host)) => Ok(host),
        (None, None) => Err(Refusal::bad_request("HOST_MISSING", "the Host header is missing")),
    }
}

fn host(authority: &str) -> Result<(Cow<'_, str>, Option<u16>), Refusal> {
    let malformed =
        || Refusal::bad_request("HOST_MALFORMED", "the Host header is not a host with an optional port");
    let (host, port) = match authority.strip_prefix('[') {
        Some(literal) => {
            let (literal, rest) = literal.split_once(']').ok_or_else(malformed)?;
            literal.parse::<std::net::Ipv6Addr>().map_err(|_| malformed())?;
            (
                authority.get(..literal.len() + 2).ok_or_else(malformed)?,
                rest.strip_prefix(':').or((rest.is_empty()).then_some("")),
            )
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, Some("")),
        },
    };
    let port = match port.ok_or_else(malformed)? {
        "" => None,
        port => Some(
            port.parse().ok().filter(|_| port.bytes().all(|b| b.is_ascii_digit())).ok_or_else(malformed)?,
        ),
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    let is_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    let is_host =
        !host.is_empty() && host.len() <= 253 && (host.starts_with('[') || host.bytes().all(is_name));
    if !is_host || host.split('.').any(str::is_empty) {
        return Err(malformed());
    }
    let is_lower = !host.bytes().any(|b| b.is_ascii_uppercase());
    Ok((if is_lower { host.into() } else { host.to_ascii_lowercase().into() }, port))
}

fn path(raw: &str) -> Result<Cow<'_, str>, Refusal> {
    if !raw.starts_with('/') {
        return Err(Refusal::bad_request("PATH_MALFORMED", "the path does not begin with /"));
    }
    if is_canonical(raw) {
        return Ok(Cow::Borrowed(raw));
    }
    let mut segments: Vec<String> = Vec::new();
    let mut is_directory = false;
    for raw_segment in raw.split('/').skip(1) {
        let segment = segment(raw_segment)?;
        is_directory = matches!(segment.as_str(), "" | "." | "..");
        match segment.as_str() {
            "" | "." => {}
            ".." => {
                segments.pop().ok_or_else(|| ambiguous("a path that leaves its root"))?;
            }
            _ => segments.push(segment),
        }
    }
    let mut path = String::with_capacity(raw.len());
    for segment in &segments {
        path.push('/');
        path.push_str(segment);
    }
    if is_directory || path.is_empty() {
        path.push('/');
    }
    Ok(Cow::Owned(path))
}

/// Nothing that could be read in two ways: the usual path, recognised in one pass.
fn is_canonical(path: &str) -> bool {
    let mut previous = 0;
    for byte in path.bytes() {
        let starts_badly = previous == b'/' && matches!(byte, b'/' | b'.');
        let ends_badly = previous == b'.' && byte == b'/';
        if starts_badly || ends_badly || !(is_plain(byte) || byte == b'/') {
            return false;
        }
        previous = byte;
    }
    previous != b'.'
}

/// The canonical path without dots and spaces at the end of segments, as file systems of Windows read it.
fn loosely(path: &str) -> Option<String> {
    let strip = |mut segment: &'_ str| {
        while let Some(shorter) = segment.strip_suffix('.').or_else(|| segment.strip_suffix("%20")) {
            segment = shorter;
        }
        segment.len()
    };
    if path.split('/').all(|segment| strip(segment) == segment.len()) {
        return None;
    }
    let mut loose = String::with_capacity(path.len());
    let mut is_directory = false;
    for segment in path.split('/').skip(1).map(|segment| segment.get(..strip(segment)).unwrap_or(segment)) {
        is_directory = segment.is_empty();
        if !is_directory {
            loose.push('/');
            loose.push_str(segment);
        }
    }
    if is_directory {
        loose.push('/');
    }
    Some(loose)
}

/// One segment, every character spelled in the one way.
fn segment(raw: &str) -> Result<String, Refusal> {
    let mut decoded = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            if !is_printable(byte) || matches!(byte, b'\\' | b'#' | b'?' | b';') {
                return Err(ambiguous("a backslash, semicolon, fragment, control or non-ASCII character"));
            }
            decoded.push(byte);
            continue;
        }
        let digits = [bytes.next(), bytes.next()].map(|digit| digit.and_then(|d| char::from(d).to_digit(16)));
        let [Some(high), Some(low)] = digits else { return Err(ambiguous("a broken percent-encoding")) };
        let value = u8::try_from(high * 16 + low).unwrap_or_default();
        if value < 0x20 || value == 0x7f || matches!(value, b'/' | b'\\' | b';') {
            return Err(ambiguous("an encoded slash, backslash, semicolon or control character"));
        }
        decoded.push(value);
    }
    std::str::from_utf8(&decoded).map_err(|_| ambiguous("an encoding that is not UTF-8"))?;
    let mut canonical = String::with_capacity(raw.len());
    for byte in decoded {
        if is_plain(byte) {
            canonical.push(char::from(byte));
        } else {
            let digits = [byte >> 4, byte & 15].map(|digit| char::from_digit(u32::from(digit), 16));
            canonical.push('%');
            canonical.extend(digits.iter().flatten().map(char::to_ascii_uppercase));
        }
    }
    Ok(canonical)
}

/// Spelled plainly: `pchar` of RFC 3986 section 3.3, but `;`, which is refused, and `*`.
const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'+'
                | b','
                | b'='
                | b':'
                | b'@'
        )
}

const fn is_printable(byte: u8) -> bool {
    byte > 0x20 && byte < 0x7f
}

fn ambiguous(what: &str) -> Refusal {
    Refusal::bad_request(
        "PATH_AMBIGUOUS",
        format!("the path has {what}, which applications read in different ways"),
    )
}

/// See [`Target::loose_path`].
pub fn ambiguous_end() -> Refusal {
    ambiguous("a dot or space at the end of a segment")
}

#[cfg(test)]
mod tests;

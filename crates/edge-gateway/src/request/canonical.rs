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
    /// Begins with `/`; no empty, `.` or `..` segments; unreserved characters never percent-encoded.
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
    let (host, port) = host(authority(uri, headers)?)?;
    let query = uri.query();
    if uri.path().len() + query.map_or(0, str::len) > LONGEST {
        return Err(Refusal::bad_request("TARGET_TOO_LONG", "path and query are longer than 16 KiB"));
    }
    if query.is_some_and(|query| !query.bytes().all(is_printable)) {
        return Err(Refusal::bad_request("QUERY_MALFORMED", "the query has control or non-ASCII characters"));
    }
    let path = path(uri.path())?;
    let loose_path = matches!(path, Cow::Owned(_)).then(|| loosely(&path)).flatten();
    Ok(Target { host, port, path, loose_path, query })
}

impl Target<'_> {
    /// What the upstream gets as `Host`: what was judged.
    pub fn authority(&self) -> String {
        self.port.map_or_else(|| self.host.to_string(), |port| format!("{}:{port}", self.host))
    }
}

/// The one authority: of the target in absolute form or HTTP/2, and of exactly one `Host` that agrees with it.
fn authority<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Result<&'a str, Refusal> {
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
        if starts_badly
            || ends_badly
            || !is_printable(byte)
            || matches!(byte, b'%' | b'\\' | b'#' | b'?' | b';')
        {
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
    let segments = path.split('/').skip(1).map(|segment| segment.get(..strip(segment)).unwrap_or(segment));
    let kept: Vec<&str> = segments.filter(|segment| !segment.is_empty()).collect();
    Some(format!("/{}", kept.join("/")))
}

/// One segment with unreserved characters decoded and everything else encoded in one way.
fn segment(raw: &str) -> Result<String, Refusal> {
    let mut decoded = Vec::with_capacity(raw.len());
    let mut canonical = String::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            if !is_printable(byte) || matches!(byte, b'\\' | b'#' | b'?' | b';') {
                return Err(ambiguous("a backslash, semicolon, fragment, control or non-ASCII character"));
            }
            decoded.push(byte);
            canonical.push(char::from(byte));
            continue;
        }
        let digits = [bytes.next(), bytes.next()].map(|digit| digit.and_then(|d| char::from(d).to_digit(16)));
        let [Some(high), Some(low)] = digits else { return Err(ambiguous("a broken percent-encoding")) };
        let value = u8::try_from(high * 16 + low).unwrap_or_default();
        if value < 0x20 || value == 0x7f || matches!(value, b'/' | b'\\' | b';') {
            return Err(ambiguous("an encoded slash, backslash, semicolon or control character"));
        }
        decoded.push(value);
        if value.is_ascii_alphanumeric() || matches!(value, b'-' | b'.' | b'_' | b'~') {
            canonical.push(char::from(value));
        } else {
            canonical.push('%');
            canonical.extend(
                [value >> 4, value & 15]
                    .iter()
                    .filter_map(|d| char::from_digit(u32::from(*d), 16))
                    .map(|c| c.to_ascii_uppercase()),
            );
        }
    }
    std::str::from_utf8(&decoded).map_err(|_| ambiguous("an encoding that is not UTF-8"))?;
    Ok(canonical)
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn canonical(raw: &str) -> Option<String> {
        path(raw).ok().map(Cow::into_owned)
    }

    #[test]
    fn one_path_has_one_form() {
        for (raw, expected) in [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("//admin", "/admin"),
            ("/a//b", "/a/b"),
            ("/pub/../admin", "/admin"),
            ("/./a/.", "/a/"),
            ("/a/%2e%2E/b", "/b"),
            ("/%7Euser", "/~user"),
            ("/a%20b", "/a%20b"),
            ("/caf%c3%a9", "/caf%C3%A9"),
            ("/%252e%252e/x", "/%252e%252e/x"),
            ("/.well-known/x", "/.well-known/x"),
            ("/a/..", "/"),
        ] {
            assert_eq!(canonical(raw).as_deref(), Some(expected), "{raw}");
        }
    }

    #[test]
    fn two_readings_are_refused() {
        for raw in [
            "",
            "*",
            "admin",
            "/%2f",
            "/a%2Fb",
            "/%5c",
            "/a\\b",
            "/%00",
            "/%0a",
            "/a%",
            "/a%2",
            "/%zz",
            "/..",
            "/a/../..",
            "/pub/..;/admin",
            "/.;x/a",
            "/admin;x=/pub",
            "/a%3bb",
            "/%c0%af",
            "/%ff",
            "/a#b",
            "/a b",
            "/é",
        ] {
            assert_eq!(canonical(raw), None, "{raw}");
        }
    }

    #[test]
    fn a_path_that_others_read_loosely_says_so() {
        for (raw, loose) in [
            ("/admin", None),
            ("/a.b/c", None),
            ("/admin.", Some("/admin")),
            ("/admin./x", Some("/admin/x")),
            ("/admin%20", Some("/admin")),
            ("/admin%20./x", Some("/admin/x")),
            ("/a/.../b", Some("/a/b")),
        ] {
            let path = path(raw).unwrap();
            assert_eq!(loosely(&path).as_deref(), loose, "{raw}");
            assert!(loose.is_none() || matches!(path, Cow::Owned(_)), "{raw} passes for canonical");
        }
    }

    #[test]
    fn one_host_has_one_form() {
        for (authority, expected) in [
            ("APP.Test:8080", "app.test:8080"),
            ("app.test.", "app.test"),
            ("app.test.:", "app.test"),
            ("app.test:080", "app.test:80"),
            ("[::1]:80", "[::1]:80"),
            ("127.0.0.1:1", "127.0.0.1:1"),
        ] {
            let mut headers = HeaderMap::new();
            headers.append(HOST, authority.parse().unwrap());
            assert_eq!(target(&Uri::from_static("/"), &headers).unwrap().authority(), expected);
        }
        for authority in [
            "", ":80", "a@b", "a b", "a..b", ".a", "a:b", "a:99999", "a:+1", "[::1", "[x]", "a,b", "a/b",
            "ä.de",
        ] {
            assert!(host(authority).is_err(), "{authority}");
        }
    }

    #[test]
    fn two_hosts_are_refused() {
        let uri: Uri = "/".parse().unwrap();
        let mut headers = HeaderMap::new();
        assert!(target(&uri, &headers).is_err());
        headers.append(HOST, "a.test".parse().unwrap());
        assert!(target(&uri, &headers).is_ok());
        assert!(target(&"http://b.test/".parse().unwrap(), &headers).is_err());
        assert!(target(&"http://a.test/".parse().unwrap(), &headers).is_ok());
        assert!(target(&"ftp://a.test/".parse().unwrap(), &headers).is_err());
        headers.append(HOST, "a.test".parse().unwrap());
        assert!(target(&uri, &headers).is_err());
    }

    proptest! {
        #[test]
        fn the_canonical_form_is_its_own(raw in "/[a-zA-Z0-9%./;\\\\~ -]{0,40}") {
            if let Some(once) = canonical(&raw) {
                prop_assert_eq!(canonical(&once), Some(once.clone()));
                prop_assert!(!once.contains("//") && !once.split('/').any(|s| s == ".." || s == "."));
            }
        }

        #[test]
        fn no_text_panics(raw in ".*") {
            let _ = (path(&raw), host(&raw));
        }
    }
}

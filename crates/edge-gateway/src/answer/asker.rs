//! Who is answered, as far as our own answer depends on it.

use crate::request::credential::{CLIENT_ID, CLIENT_SECRET, SESSION};
use http::header::{ACCEPT, HeaderName, ORIGIN};
use http::{HeaderMap, Method};

const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");

/// Headers that are looked at, in lower case: for fronts that copy no others.
pub const LOOKED_AT: [&str; 9] = [
    "accept",
    "access-control-request-headers",
    "access-control-request-method",
    "cf-access-client-id",
    "cf-access-client-secret",
    "cf-access-token",
    "origin",
    "sec-fetch-mode",
    "x-requested-with",
];

/// A client whose request goes no further.
#[derive(Clone, Copy)]
pub struct Asker<'a> {
    pub method: &'a Method,
    pub headers: &'a HeaderMap,
    /// Whatever stands between could pass on that it is sent somewhere else.
    pub may_be_sent_on: bool,
}

impl<'a> Asker<'a> {
    pub const fn new(method: &'a Method, headers: &'a HeaderMap) -> Self {
        Self { method, headers, may_be_sent_on: true }
    }

    /// Whose page asks. Of two, neither is believed.
    pub fn origin(self) -> Option<&'a str> {
        let mut lines = self.headers.get_all(ORIGIN).iter();
        let origin = lines.next()?.to_str().ok()?;
        lines.next().is_none().then_some(origin)
    }

    /// Somebody opens a page. A machine, and a page's own script, take an answer as it is.
    pub fn opens_a_page(self) -> bool {
        let lists_pages = |line: &http::HeaderValue| {
            line.as_bytes().split(|b| matches!(*b, b',' | b';')).any(|it| it.trim_ascii() == b"text/html")
        };
        let is_machine = [CLIENT_ID, CLIENT_SECRET, SESSION, REQUESTED_WITH]
            .iter()
            .any(|name| self.headers.contains_key(name));
        matches!(*self.method, Method::GET | Method::HEAD)
            && !is_machine
            && self.headers.get(FETCH_MODE).is_none_or(|mode| mode == "navigate")
            && self.headers.get_all(ACCEPT).iter().any(lists_pages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn only_a_browser_that_opens_a_page_does() {
        for (method, lines, expected) in [
            ("GET", &[("accept", "text/html,application/xhtml+xml;q=0.9")][..], true),
            ("HEAD", &[("accept", "text/html"), ("sec-fetch-mode", "navigate")], true),
            ("POST", &[("accept", "text/html")], false),
            ("GET", &[("accept", "*/*")], false),
            ("GET", &[], false),
            ("GET", &[("accept", "text/html"), ("sec-fetch-mode", "cors")], false),
            ("GET", &[("accept", "text/html"), ("x-requested-with", "XMLHttpRequest")], false),
            ("GET", &[("accept", "text/html"), ("cf-access-client-id", "x")], false),
            ("GET", &[("accept", "text/html"), ("cf-access-token", "x")], false),
        ] {
            let headers: HeaderMap = lines
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
                .collect();
            let method = method.parse().unwrap();
            assert_eq!(Asker::new(&method, &headers).opens_a_page(), expected, "{method} {lines:?}");
        }
    }

    #[test]
    fn what_is_looked_at_is_named() {
        assert!(LOOKED_AT.is_sorted());
        for name in [ACCEPT, ORIGIN, FETCH_MODE, REQUESTED_WITH, CLIENT_ID, CLIENT_SECRET, SESSION] {
            assert!(LOOKED_AT.binary_search(&name.as_str()).is_ok(), "{name}");
        }
    }
}

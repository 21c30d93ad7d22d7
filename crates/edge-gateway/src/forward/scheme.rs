//! How an application's URL is read.

use http::Uri;
use http::uri::Authority;

/// How an application is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scheme {
    pub is_http2: bool,
    pub is_tls: bool,
}

impl Scheme {
    /// `http://host:port`, `https://…`, `h2c://…` or `h2://…`; with the scheme's usual port if there is none.
    pub fn parse(url: &str) -> Option<(Self, Authority)> {
        let uri: Uri = url.parse().ok()?;
        let is_plain = matches!(uri.path(), "" | "/") && uri.query().is_none();
        let authority = uri.authority().filter(|_| is_plain)?.clone();
        let (is_http2, is_tls) = match uri.scheme_str()? {
            "http" => (false, false),
            "https" => (false, true),
            "h2c" => (true, false),
            "h2" => (true, true),
            _ => return None,
        };
        (!authority.as_str().contains('@')).then_some((Self { is_http2, is_tls }, authority))
    }

    /// `host:port`.
    pub fn address(text: &str) -> Option<Authority> {
        let authority: Authority = text.parse().ok()?;
        (authority.port_u16().is_some() && !text.contains('@')).then_some(authority)
    }

    pub const fn port(self) -> u16 {
        if self.is_tls { 443 } else { 80 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_scheme_and_an_address() {
        for (url, expected) in [
            ("http://a:1", Some((false, false))),
            ("https://a", Some((false, true))),
            ("h2c://a:1/", Some((true, false))),
            ("h2://[::1]:1", Some((true, true))),
            ("ftp://a:1", None),
            ("http://a:1/path", None),
            ("http://a:1?query", None),
            ("http://user@a:1", None),
            ("a:1", None),
        ] {
            let read = Scheme::parse(url).map(|(scheme, _)| (scheme.is_http2, scheme.is_tls));
            assert_eq!(read, expected, "{url}");
        }
        assert!(Scheme::address("a:1").is_some() && Scheme::address("[::1]:1").is_some());
        assert!(Scheme::address("a").is_none() && Scheme::address("u@a:1").is_none());
    }
}

//! What an application is told: what the client said, without what only we may say, and what we say.

use super::tunnel::Change;
use super::{ASSERTION, FALLBACK, Onward, Upstreams, trailers};
use crate::decisions::CF_RAY;
use crate::request::{cookie, headers, upgrade};
use http::Extensions;
use http::Version;
use http::header::{CONNECTION, HOST, HeaderName, HeaderValue, TE, TRAILER, TRANSFER_ENCODING};
use http::request::Parts;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

impl Upstreams {
    /// Ours are added last: nothing that a client names can take them out.
    pub(super) fn rewrite(
        &self,
        parts: &mut Parts,
        onward: Onward<'_>,
        assertion: Option<HeaderValue>,
        change: Option<&Change>,
    ) {
        let Onward { upstream, uri, host, address, country, fallback, ray, .. } = onward;
        let headers = &mut parts.headers;
        let is_chunked = headers.contains_key(TRANSFER_ENCODING);
        let takes_trailers = trailers::are_taken(headers);
        let announced = trailers::announced(headers, |headers| {
            headers::strip_hop_by_hop(headers);
            headers::strip_ours(headers);
            cookie::strip(headers);
        });
        headers::strip_hop_by_hop(headers);
        headers::strip_ours(headers);
        cookie::strip(headers);
        headers.insert(FORWARDED_HOST, host.clone());
        headers.insert(FORWARDED_PROTO, self.protocol.clone());
        if upstream.is_http2() {
            // The target says it.
            headers.remove(HOST);
            if takes_trailers {
                headers.insert(TE, HeaderValue::from_static("trailers"));
            }
        } else {
            headers.insert(HOST, host);
            if let Some(names) = announced {
                headers.insert(TRAILER, names);
            }
            if takes_trailers && change.is_none() {
                headers.insert(CONNECTION, HeaderValue::from_static("TE"));
                headers.insert(TE, HeaderValue::from_static("trailers"));
            }
            if is_chunked {
                // Otherwise the body of a GET would be left out.
                headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
            }
        }
        if let Some(Change { protocol, .. }) = change {
            upgrade::put(headers, protocol.clone());
        }
        if let Some(address) = address.and_then(|address| HeaderValue::try_from(address.to_string()).ok()) {
            headers.insert(FORWARDED_FOR, address);
        }
        if let Some(ray) = ray {
            headers.insert(CF_RAY, ray.header());
        }
        if let Some((name, country)) = country {
            headers.insert(name, country);
        }
        if let Some(assertion) = assertion {
            headers.insert(ASSERTION, assertion);
        }
        if let Some(fallback) = fallback {
            headers.insert(FALLBACK, HeaderValue::from_static(fallback.as_str()));
        }
        parts.version = if upstream.is_http2() { Version::HTTP_2 } else { Version::HTTP_11 };
        parts.uri = uri;
        parts.extensions = Extensions::new();
    }
}

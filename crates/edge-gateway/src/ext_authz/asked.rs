//! A request as the decision sees it: of its headers only what is looked at, and none of it copied.

use crate::ext_authz::check::Check;
use crate::refusal::Refusal;
use crate::request::canonical::{self, Target};
use crate::request::client::{FORWARDED_FOR, Origin};
use crate::request::credential::{CLIENT_ID, CLIENT_SECRET, SESSION};
use crate::request::{cookie, method};
use bytes::Bytes;
use http::header::{COOKIE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use policy::CountryCode;
use std::net::IpAddr;

/// More lines than this of what is looked at are refused.
const LINES: usize = 100;

pub struct Asked<'a> {
    pub target: Target<'a>,
    pub method: Method,
    pub headers: HeaderMap,
    pub address: Option<IpAddr>,
    pub country: Option<CountryCode>,
}

impl<'a> Asked<'a> {
    /// `message`: of which `check` is a view.
    pub fn read(check: &Check<'a>, message: &Bytes, origin: &Origin) -> Result<Self, Refusal> {
        let malformed = |_| Refusal::bad_request("METHOD_MALFORMED", "the method is no token");
        let method = Method::from_bytes(check.method.as_bytes()).map_err(malformed)?;
        method::check(&method)?;
        if check.host.is_empty() {
            return Err(Refusal::bad_request("HOST_MISSING", "the request has no host"));
        }
        if check.has_more {
            return Err(too_many());
        }
        let target = canonical::target_as_given(check.host, check.target)?;
        let headers = Headers { message, origin, is_joined: check.is_joined, all: method == Method::OPTIONS };
        let headers = headers.read(check)?;
        let (address, country) = match check.peer {
            Some(peer) => {
                let address = origin.address(peer, &headers);
                (address, origin.country(peer, address, &headers)?)
            }
            None => (None, None),
        };
        Ok(Self { target, method, headers, address, country })
    }
}

/// What headers are looked at, and how they are read.
struct Headers<'m> {
    message: &'m Bytes,
    origin: &'m Origin,
    is_joined: bool,
    /// A preflight request is known by what it has and has not.
    all: bool,
}

impl Headers<'_> {
    fn read(&self, check: &Check<'_>) -> Result<HeaderMap, Refusal> {
        let mut headers = HeaderMap::new();
        for &(name, value) in &check.headers {
            match name {
                "cf-access-client-id" => self.add_each(&mut headers, &CLIENT_ID, value)?,
                "cf-access-client-secret" => self.add_each(&mut headers, &CLIENT_SECRET, value)?,
                "cf-access-token" => self.add_each(&mut headers, &SESSION, value)?,
                "cookie" if self.is_joined && value.contains(&b',') => {
                    // A comma may stand in another's cookie, or between two lines: ours is looked for behind both.
                    for ours in cookie::ours_in_joined(value) {
                        self.add(&mut headers, &COOKIE, ours)?;
                    }
                }
                "cookie" => self.add(&mut headers, &COOKIE, value)?,
                "x-forwarded-for" if !self.origin.trusted_proxies.is_empty() => {
                    self.add(&mut headers, &HeaderName::from_static(FORWARDED_FOR), value)?;
                }
                ":authority" | "host" if !value.eq_ignore_ascii_case(check.host.as_bytes()) => {
                    let message = "there is more than one host";
                    return Err(Refusal::bad_request("HOST_AMBIGUOUS", message));
                }
                name if name.starts_with(':') => {}
                name if self.origin.country_header.as_ref().is_some_and(|country| country == name) => {
                    self.add_each(&mut headers, &named(name)?, value)?;
                }
                // It may be the one header that an application takes both credentials from.
                name if self.all || value.trim_ascii_start().starts_with(b"{") => {
                    self.add(&mut headers, &named(name)?, value)?;
                }
                name if name.bytes().any(|byte| byte.is_ascii_uppercase()) => return Err(malformed()),
                _ => {}
            }
        }
        Ok(headers)
    }

    /// What may be there once: what comma-joined lines say is said several times.
    fn add_each(&self, headers: &mut HeaderMap, name: &HeaderName, value: &[u8]) -> Result<(), Refusal> {
        if !self.is_joined {
            return self.add(headers, name, value);
        }
        value.split(|byte| *byte == b',').try_for_each(|value| self.add(headers, name, value.trim_ascii()))
    }

    fn add(&self, headers: &mut HeaderMap, name: &HeaderName, value: &[u8]) -> Result<(), Refusal> {
        if headers.len() >= LINES {
            return Err(too_many());
        }
        let value = HeaderValue::from_maybe_shared(self.message.slice_ref(value)).map_err(|_| malformed())?;
        headers.try_append(name.clone(), value).map(drop).map_err(|_| malformed())
    }
}

fn named(name: &str) -> Result<HeaderName, Refusal> {
    HeaderName::from_lowercase(name.as_bytes()).map_err(|_| malformed())
}

fn too_many() -> Refusal {
    let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    Refusal::new(status, "HEADERS_TOO_MANY", "there are too many headers")
}

fn malformed() -> Refusal {
    Refusal::bad_request("HEADER_MALFORMED", "a header's name or value is none of HTTP")
}

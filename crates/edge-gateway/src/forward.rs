//! The way to the application and back. What was judged is what is sent.

mod upload;

use crate::answer::{Body, refusal};
use crate::config::{Limits, Proxy};
use crate::decide::Admission;
use crate::refusal::Refusal;
use crate::request::canonical::Target;
use crate::request::{cookie, credential, headers};
use http::header::{HOST, HeaderName, HeaderValue, SET_COOKIE, TRANSFER_ENCODING};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Extensions, HeaderMap, Request, Response, StatusCode, Uri, Version};
use http_body_util::Either;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;
use upload::{Failure, Upload};

const ASSERTION: HeaderName = HeaderName::from_static("cf-access-jwt-assertion");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The address in `http://host:port`.
pub fn base(url: &str) -> Option<Authority> {
    let uri: Uri = url.parse().ok()?;
    let is_plain =
        uri.scheme() == Some(&Scheme::HTTP) && matches!(uri.path(), "" | "/") && uri.query().is_none();
    uri.authority().filter(|_| is_plain).cloned()
}

/// Where requests go.
pub struct Upstreams {
    client: Client<HttpConnector, Upload>,
    by_host: HashMap<String, Authority>,
    default: Option<Authority>,
    protocol: HeaderValue,
    /// For an application that has the whole request and does not answer.
    patience: Duration,
    /// For a client that does not go on with its body.
    client_patience: Duration,
}

/// Where one request goes, and what its application is told.
pub struct Onward {
    uri: Uri,
    host: HeaderValue,
    address: Option<IpAddr>,
    /// The country header of a listed proxy, said again.
    country: Option<(HeaderName, HeaderValue)>,
}

impl Upstreams {
    pub fn new(proxy: &Proxy, limits: &Limits) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(Duration::from_secs(5)));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .build(connector);
        let place = |upstream: &crate::config::Upstream| {
            Some((upstream.host.to_ascii_lowercase(), base(&upstream.url)?))
        };
        Self {
            client,
            by_host: proxy.upstreams.iter().filter_map(place).collect(),
            default: proxy.upstream.as_deref().and_then(base),
            protocol: HeaderValue::from_static(if proxy.is_https { "https" } else { "http" }),
            patience: limits.upstream_timeout(),
            client_patience: limits.client_timeout(),
        }
    }

    /// Where a request goes; a refusal if nobody is there.
    pub fn onward(
        &self,
        target: &Target<'_>,
        given: &Uri,
        address: Option<IpAddr>,
        country: Option<(HeaderName, HeaderValue)>,
    ) -> Result<Onward, Refusal> {
        let unknown = || bad_gateway("UPSTREAM_UNKNOWN", "no upstream is configured for this host");
        let upstream = self.by_host.get(&*target.host).or(self.default.as_ref()).ok_or_else(unknown)?;
        let uri = uri(upstream, target, given).ok_or_else(unknown)?;
        let host = HeaderValue::try_from(target.authority()).map_err(|_| unknown())?;
        Ok(Onward { uri, host, address, country })
    }

    /// Sends an admitted request on.
    pub async fn forward(
        &self,
        mut parts: Parts,
        body: Incoming,
        onward: Onward,
        admission: Admission,
    ) -> Response<Body> {
        let Admission { assertion, cookie, credential_header } = admission;
        if let Some(name) = credential_header {
            credential::strip_single(&mut parts.headers, &name);
        }
        let is_personal = assertion.is_some();
        let is_chunked = parts.headers.contains_key(TRANSFER_ENCODING);
        parts.uri = onward.uri.clone();
        parts.version = Version::HTTP_11;
        parts.extensions = Extensions::new();
        self.rewrite(&mut parts.headers, onward, assertion);
        if is_chunked {
            // Otherwise the body of a GET would be left out.
            parts.headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        let body = Upload::new(body, self.client_patience);
        match self.answered(Request::from_parts(parts, body)).await {
            Ok(mut response) => {
                // The application's protocol is no business of the client's.
                *response.version_mut() = Version::HTTP_11;
                headers::strip_answer(response.headers_mut());
                if is_personal {
                    headers::keep_private(response.headers_mut());
                }
                if let Some(cookie) = cookie {
                    response.headers_mut().append(SET_COOKIE, cookie);
                }
                response.map(Either::Left)
            }
            Err(because) => refusal(&because, None),
        }
    }

    /// The application's answer. The wait for it begins anew whenever the client sends more of its body.
    async fn answered(&self, request: Request<Upload>) -> Result<Response<Incoming>, Refusal> {
        let progress = request.body().progress();
        let uri = request.uri().clone();
        let frames = || progress.as_ref().map_or(0, |progress| progress.frames());
        let mut answer = self.client.request(request);
        let outcome = loop {
            let before = frames();
            match tokio::time::timeout(self.patience, &mut answer).await {
                Ok(outcome) => break outcome,
                Err(_) if frames() != before => {}
                Err(_) => {
                    tracing::warn!(upstream = ?uri.authority(), "the application took too long");
                    return Err(Refusal {
                        status: StatusCode::GATEWAY_TIMEOUT,
                        reason: "UPSTREAM_TIMEOUT".into(),
                        message: "the application took too long to answer".into(),
                    });
                }
            }
        };
        match (outcome, progress.as_ref().and_then(|progress| progress.failure())) {
            // Nobody asked for another protocol.
            (Ok(response), _) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
                Err(bad_gateway("UPSTREAM_UNREADABLE", "the application changed the protocol unasked"))
            }
            (Ok(response), _) => Ok(response),
            (Err(_), Some(Failure::Broken)) => {
                Err(Refusal::bad_request("BODY_MALFORMED", "the body is malformed or ended early"))
            }
            (Err(_), Some(Failure::Silent)) => Err(Refusal {
                status: StatusCode::REQUEST_TIMEOUT,
                reason: "BODY_TIMEOUT".into(),
                message: "the body did not go on".into(),
            }),
            (Err(error), None) => {
                let error = cause(&error);
                tracing::warn!(upstream = ?uri.authority(), error, "the application did not answer");
                Err(bad_gateway("UPSTREAM_UNREACHABLE", "the application did not answer"))
            }
        }
    }

    /// Ours are added last: nothing that a client names can take them out.
    fn rewrite(&self, headers: &mut HeaderMap, onward: Onward, assertion: Option<HeaderValue>) {
        let Onward { uri: _, host, address, country } = onward;
        headers::strip_hop_by_hop(headers);
        headers::strip_ours(headers);
        cookie::strip(headers);
        headers.insert(HOST, host.clone());
        headers.insert(FORWARDED_HOST, host);
        headers.insert(FORWARDED_PROTO, self.protocol.clone());
        if let Some(address) = address.and_then(|address| HeaderValue::try_from(address.to_string()).ok()) {
            headers.insert(FORWARDED_FOR, address);
        }
        if let Some((name, country)) = country {
            headers.insert(name, country);
        }
        if let Some(assertion) = assertion {
            headers.insert(ASSERTION, assertion);
        }
    }
}

/// `given`: what the client sent, taken over as it is where it was canonical already.
fn uri(upstream: &Authority, target: &Target<'_>, given: &Uri) -> Option<Uri> {
    let path: PathAndQuery = match (&target.path, target.query) {
        (Cow::Borrowed(_), _) => given.path_and_query()?.clone(),
        (Cow::Owned(path), Some(query)) => format!("{path}?{query}").parse().ok()?,
        (Cow::Owned(path), None) => path.parse().ok()?,
    };
    Uri::builder().scheme(Scheme::HTTP).authority(upstream.clone()).path_and_query(path).build().ok()
}

fn bad_gateway(reason: &'static str, message: &'static str) -> Refusal {
    Refusal { status: StatusCode::BAD_GATEWAY, reason: reason.into(), message: message.into() }
}

fn cause(error: &hyper_util::client::legacy::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

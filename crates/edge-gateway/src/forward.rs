//! The way to the application and back. What was judged is what is sent.

use crate::answer::{Body, refusal};
use crate::decide::Admission;
use crate::refusal::Refusal;
use crate::request::canonical::Target;
use crate::request::{cookie, credential, headers};
use http::header::{HOST, HeaderName, HeaderValue, SET_COOKIE};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, StatusCode, Uri, Version};
use http_body_util::Either;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

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
    client: Client<HttpConnector, Incoming>,
    by_host: HashMap<String, Authority>,
    default: Option<Authority>,
    protocol: HeaderValue,
}

impl Upstreams {
    pub fn new(proxy: &crate::config::Proxy) -> Self {
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
        }
    }

    /// Sends an admitted request on.
    pub async fn forward(
        &self,
        mut request: Request<Incoming>,
        target: &Target<'_>,
        address: Option<IpAddr>,
        admission: Admission,
    ) -> Response<Body> {
        let Some(upstream) = self.by_host.get(&*target.host).or(self.default.as_ref()) else {
            return unreachable("UPSTREAM_UNKNOWN", "no upstream is configured for this host");
        };
        let Some(uri) = uri(upstream, target) else {
            return unreachable("UPSTREAM_UNKNOWN", "the upstream's address cannot be used");
        };
        let Admission { assertion, cookie, credential_header } = admission;
        if let Some(name) = credential_header {
            credential::strip_single(request.headers_mut(), &name);
        }
        *request.uri_mut() = uri;
        *request.version_mut() = Version::HTTP_11;
        self.rewrite(request.headers_mut(), target, address, assertion);
        match self.client.request(request).await {
            Ok(mut response) => {
                headers::strip_hop_by_hop(response.headers_mut());
                if let Some(cookie) = cookie {
                    response.headers_mut().append(SET_COOKIE, cookie);
                }
                response.map(Either::Left)
            }
            Err(error) => {
                tracing::warn!(%upstream, error = %cause(&error), "the application did not answer");
                unreachable("UPSTREAM_UNREACHABLE", "the application did not answer")
            }
        }
    }

    /// Ours are added last: nothing that a client names can take them out.
    fn rewrite(
        &self,
        headers: &mut http::HeaderMap,
        target: &Target<'_>,
        address: Option<IpAddr>,
        assertion: Option<HeaderValue>,
    ) {
        headers::strip_hop_by_hop(headers);
        headers::strip_ours(headers);
        cookie::strip(headers);
        if let Ok(host) = HeaderValue::from_str(target.authority) {
            headers.insert(HOST, host.clone());
            headers.insert(FORWARDED_HOST, host);
        }
        headers.insert(FORWARDED_PROTO, self.protocol.clone());
        if let Some(address) = address.and_then(|address| HeaderValue::try_from(address.to_string()).ok()) {
            headers.insert(FORWARDED_FOR, address);
        }
        if let Some(assertion) = assertion {
            headers.insert(ASSERTION, assertion);
        }
    }
}

fn uri(upstream: &Authority, target: &Target<'_>) -> Option<Uri> {
    let path: PathAndQuery = match target.query {
        Some(query) => format!("{}?{query}", target.path).parse().ok()?,
        None => target.path.parse().ok()?,
    };
    Uri::builder().scheme(Scheme::HTTP).authority(upstream.clone()).path_and_query(path).build().ok()
}

fn unreachable(reason: &'static str, message: &'static str) -> Response<Body> {
    refusal(
        &Refusal { status: StatusCode::BAD_GATEWAY, reason: reason.into(), message: message.into() },
        None,
    )
}

fn cause(error: &hyper_util::client::legacy::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

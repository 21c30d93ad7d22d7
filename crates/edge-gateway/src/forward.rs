//! The way to the application and back. What was judged is what is sent.

mod download;
mod place;
mod reach;
mod rewrite;
mod scheme;
mod trailers;
mod tunnel;
mod upload;
mod upstream;

use crate::answer::{Body, refusal};
use crate::config::{self, Limits, Proxy};
use crate::decide::{Admission, Fallback};
use crate::decisions::Ray;
use crate::refusal::Refusal;
use crate::request::canonical::Target;
use crate::request::method::method_name;
use crate::request::{credential, headers, upgrade};
use crate::rides::{Ride, Ticket};
use futures::future::join_all;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, SET_COOKIE, TRAILER};
use http::request::Parts;
use http::{HeaderMap, Request, Response, StatusCode, Uri, Version};
use http_body::Body as _;
use http_body_util::Either;
use hyper::body::Incoming;
use model::Error;
use reach::Busy;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;
use telemetry::trace::{Kind, Span};
use tunnel::Change;
use upload::{Failure, Patience, Upload};
use upstream::Upstream;

pub use download::Download;
pub use scheme::Scheme;
pub use tunnel::Tunnel;

pub const ASSERTION: HeaderName = HeaderName::from_static("cf-access-jwt-assertion");
pub const FALLBACK: HeaderName = HeaderName::from_static("sallyport-fallback");

/// Where requests go.
pub struct Upstreams {
    by_host: HashMap<String, Upstream>,
    default: Option<Upstream>,
    protocol: HeaderValue,
    /// For an application that has the whole request and does not answer.
    patience: Duration,
    /// For a client that does not go on with its body.
    client_patience: Patience,
}

/// Where one request goes, and what its application is told.
pub struct Onward<'u> {
    upstream: &'u Upstream,
    uri: Uri,
    host: HeaderValue,
    address: Option<IpAddr>,
    /// The country header of a listed proxy, said again.
    country: Option<(HeaderName, HeaderValue)>,
    /// Why it was let through without live leases.
    fallback: Option<Fallback>,
    /// The request's name, which the application is told.
    pub ray: Option<Ray>,
    /// With which it may ride; none where nothing is judged.
    pub ticket: Option<Ticket>,
    /// It may change the protocol.
    pub may_upgrade: bool,
}

/// An answer for the client, and the tunnel that follows it.
type Answered = (Response<Body>, Option<Tunnel>);

impl Upstreams {
    /// # Errors
    /// `Invalid`, with the reason, if an application's address or authorities cannot be used.
    pub fn open(proxy: &Proxy, limits: &Limits) -> Result<Self, Error> {
        let open = |upstream: &config::Upstream| {
            let invalid =
                |reason| Error::invalid("edge_gateway.upstreams", format!("{}: {reason}", upstream.url));
            Upstream::new(upstream, limits).map_err(invalid)
        };
        let whole =
            proxy.upstream.iter().map(|url| config::Upstream { url: url.clone(), ..Default::default() });
        let (mut by_host, mut default) = (HashMap::new(), None);
        for upstream in whole.chain(proxy.upstreams.iter().cloned()) {
            match &*upstream.host {
                "" | "*" => default = Some(open(&upstream)?),
                host => drop(by_host.insert(host.to_ascii_lowercase(), open(&upstream)?)),
            }
        }
        let client_patience =
            Patience { before_the_answer: limits.client_timeout(), after_it: limits.stream_timeout() };
        Ok(Self {
            by_host,
            default,
            protocol: HeaderValue::from_static(if proxy.is_https() { "https" } else { "http" }),
            patience: limits.upstream_timeout(),
            client_patience,
        })
    }

    /// Asks applications whether they are well, for ever.
    pub async fn keep_asking(&self) {
        join_all(self.by_host.values().chain(&self.default).map(Upstream::keep_asking)).await;
        std::future::pending::<()>().await;
    }

    /// Where a request goes; a refusal if nobody is there.
    pub fn onward(
        &self,
        target: &Target<'_>,
        given: &Uri,
        address: Option<IpAddr>,
        country: Option<(HeaderName, HeaderValue)>,
    ) -> Result<Onward<'_>, Refusal> {
        let unknown = || bad_gateway("UPSTREAM_UNKNOWN", "no upstream is configured for this host");
        let upstream = self.by_host.get(&*target.host).or(self.default.as_ref()).ok_or_else(unknown)?;
        let authority = target.authority();
        let uri = upstream.uri(target, &authority, given).ok_or_else(unknown)?;
        let host = HeaderValue::try_from(authority).map_err(|_| unknown())?;
        Ok(Onward {
            upstream,
            uri,
            host,
            address,
            country,
            fallback: None,
            ray: None,
            ticket: None,
            may_upgrade: false,
        })
    }

    /// Sends an admitted request on.
    pub async fn forward(
        &self,
        mut parts: Parts,
        body: Incoming,
        mut onward: Onward<'_>,
        admission: Admission,
    ) -> Answered {
        let Admission { assertion, cookie, binding, credential_header, fallback, .. } = admission;
        onward.fallback = fallback;
        if let Some(name) = credential_header {
            credential::strip_single(&mut parts.headers, &name);
        }
        let mut ticket = onward.ticket.take();
        let upload_ride = if body.is_end_stream() { None } else { ticket.take().map(Ticket::board) };
        let takes_line = parts.version != Version::HTTP_2;
        let upstream = onward.upstream;
        // Only what the listener has seen to be asked for, and only of an application that could do it.
        let may_change = onward.may_upgrade && !upstream.is_http2();
        let change = if may_change { Change::asked(&mut parts) } else { None };
        // What was not judged may be for anybody.
        let is_personal = assertion.is_some() || fallback.is_some();
        let takes_trailers = takes_line && trailers::are_taken(&parts.headers);
        let body = Upload::new(body, self.client_patience_for(&parts.headers, upstream), upload_ride.clone());
        self.rewrite(&mut parts, onward, assertion, change.as_ref());
        let call = Span::child(Kind::Client, || method_name(&parts.method).to_owned());
        call.carrier().put(&mut parts.headers);
        call.set("http.request.method", || method_name(&parts.method));
        call.set("server.address", || upstream.address().map(ToString::to_string).unwrap_or_default());
        let answered = self.answered(upstream, Request::from_parts(parts, body), upload_ride.as_ref()).await;
        let mut response = match answered {
            Ok(response) => response,
            Err(because) => {
                call.fail(&because.reason);
                return (refusal(&because, None, None), None);
            }
        };
        call.set("http.response.status_code", || i64::from(response.status().as_u16()));
        drop(call);
        let changes = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        let is_open = changes || !response.body().is_end_stream();
        let ride = upload_ride.or_else(|| ticket.filter(|_| is_open).map(Ticket::board));
        if let Some(because) = ride.as_ref().and_then(|ride| ride.refusal()) {
            return (refusal(because, None, None), None);
        }
        if let Some(ride) = ride.as_ref().filter(|_| takes_line) {
            ride.take_line();
        }
        let tunnel = match (changes, change.and_then(|change| change.agreed(&mut response))) {
            (true, None) => {
                let message = "the application changed the protocol unasked";
                return (refusal(&bad_gateway("UPSTREAM_UNREADABLE", message), None, None), None);
            }
            (_, agreed) => agreed,
        };
        // The application's protocol is no business of the client's.
        *response.version_mut() = Version::HTTP_11;
        let announced =
            takes_trailers.then(|| trailers::announced(response.headers(), headers::strip_answer)).flatten();
        headers::strip_answer(response.headers_mut());
        if let Some(names) = announced {
            response.headers_mut().insert(TRAILER, names);
        }
        if is_personal {
            headers::keep_private(response.headers_mut());
        }
        for cookie in cookie.into_iter().chain(binding.map(|binding| *binding)) {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        let Some((protocol, client, application)) = tunnel else {
            return (response.map(|body| Either::Left(Download::new(body, ride))), None);
        };
        upgrade::put(response.headers_mut(), protocol);
        let response = response.map(|body| Either::Left(Download::new(body, None)));
        (response, Some(Tunnel { client, application, ride }))
    }

    /// A gRPC call is a stream from its first byte on: either side may be silent for long.
    fn client_patience_for(&self, headers: &HeaderMap, upstream: &Upstream) -> Patience {
        let Patience { after_it, .. } = self.client_patience;
        if is_call(headers, upstream) {
            Patience { before_the_answer: after_it, after_it }
        } else {
            self.client_patience
        }
    }

    /// The application's answer. The wait for it begins anew whenever the client sends more of its body.
    async fn answered(
        &self,
        upstream: &Upstream,
        request: Request<Upload>,
        ride: Option<&Ride>,
    ) -> Result<Response<Incoming>, Refusal> {
        let progress = request.body().progress();
        let frames = || progress.as_ref().map_or(0, |progress| progress.frames());
        let patience =
            if is_call(request.headers(), upstream) { self.client_patience.after_it } else { self.patience };
        let answer = upstream.send(request);
        tokio::pin!(answer);
        let outcome = loop {
            let before = frames();
            let waited = tokio::time::timeout(patience, &mut answer);
            let waited = match ride {
                Some(ride) => tokio::select! {
                    because = ride.ended() => return Err(because.clone()),
                    waited = waited => waited,
                },
                None => waited.await,
            };
            match waited {
                Ok(outcome) => break outcome,
                Err(_) if frames() != before => {}
                Err(_) => {
                    tracing::warn!(
                        upstream = upstream.address().map(tracing::field::display),
                        "the application took too long"
                    );
                    return Err(Refusal::new(
                        StatusCode::GATEWAY_TIMEOUT,
                        "UPSTREAM_TIMEOUT",
                        "the application took too long to answer",
                    ));
                }
            }
        };
        if let (Ok(_), Some(progress)) = (&outcome, &progress) {
            progress.answered();
        }
        match (outcome, progress.as_ref().and_then(|progress| progress.failure())) {
            (Ok(response), _) => Ok(response),
            (Err(_), Some(Failure::Broken)) => {
                Err(Refusal::bad_request("BODY_MALFORMED", "the body is malformed or ended early"))
            }
            (Err(_), Some(Failure::Silent)) => {
                Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "BODY_TIMEOUT", "the body did not go on"))
            }
            (Err(_), Some(Failure::Ended)) => Err(Refusal::unavailable("the request was ended; retry")),
            (Err(error), None) if is_busy(&*error) => {
                tracing::warn!(upstream = upstream.address().map(tracing::field::display), "{Busy}");
                let message = "the application has as many requests as it may have; retry";
                Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "UPSTREAM_BUSY", message))
            }
            (Err(error), None) => {
                let error = error.source().map_or_else(|| error.to_string(), ToString::to_string);
                tracing::warn!(
                    upstream = upstream.address().map(tracing::field::display),
                    error,
                    "the application did not answer"
                );
                Err(bad_gateway("UPSTREAM_UNREACHABLE", "the application did not answer"))
            }
        }
    }
}

fn is_call(headers: &HeaderMap, upstream: &Upstream) -> bool {
    let is_grpc = |value: &HeaderValue| value.as_bytes().starts_with(b"application/grpc");
    upstream.is_http2() && headers.get(CONTENT_TYPE).is_some_and(is_grpc)
}

fn is_busy(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(<dyn std::error::Error>::is::<Busy>)
}

fn bad_gateway(reason: &'static str, message: &'static str) -> Refusal {
    Refusal::new(StatusCode::BAD_GATEWAY, reason, message)
}

//! Who calls, and which callers may call what.
//!
//! In one process the composition root names the caller of each channel. Over the network the name comes from the
//! client certificate: its URI subject alternative name `spiffe://sallyport/service/<name>`.

use crate::status::to_status;
use futures::future::Either;
use model::{Error, ErrorKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll};
use tonic::body::Body;
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};
use tower_layer::Layer;
use tower_service::Service;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

const IDENTITY_PREFIX: &str = "spiffe://sallyport/service/";

/// An authenticated caller's name, for example `session-issuer`. An extension of every request that was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller(pub Arc<str>);

/// Caller name to what it may call: `/<package.Service>/<Method>`, `/<package.Service>/*`, or `*`.
///
/// Health and reflection are open to every authenticated caller.
#[derive(Debug, Clone, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct Callers(BTreeMap<String, Vec<String>>);

impl Callers {
    pub fn new<const N: usize>(rules: [(&str, &[&str]); N]) -> Self {
        let rule = |(caller, methods): (&str, &[&str])| {
            (caller.to_owned(), methods.iter().map(|method| (*method).to_owned()).collect())
        };
        Self(rules.into_iter().map(rule).collect())
    }

    /// The rules of each caller.
    pub fn of(rules: impl IntoIterator<Item = (&'static str, Vec<String>)>) -> Self {
        Self(rules.into_iter().map(|(caller, methods)| (caller.to_owned(), methods)).collect())
    }

    /// The same, and one more caller.
    #[must_use]
    pub fn and(mut self, caller: &str, methods: &[&str]) -> Self {
        self.0.insert(caller.to_owned(), methods.iter().map(|method| (*method).to_owned()).collect());
        self
    }

    fn may_call(&self, caller: &str, path: &str) -> bool {
        let Some(rules) = self.0.get(caller) else { return false };
        let is_open = path.starts_with("/grpc.health.v1.") || path.starts_with("/grpc.reflection.");
        let covers = |rule: &String| match rule.strip_suffix('*') {
            Some(prefix) => path.starts_with(prefix),
            None => path == rule,
        };
        is_open || rules.iter().any(covers)
    }

    /// Names the rules that can never match.
    pub fn problems(&self) -> Vec<String> {
        let is_wrong =
            |rule: &&String| *rule != "*" && !(rule.starts_with('/') && rule.matches('/').count() == 2);
        let rules = self
            .0
            .iter()
            .flat_map(|(caller, rules)| rules.iter().filter(is_wrong).map(move |rule| (caller, rule)));
        rules
            .map(|(caller, rule)| format!("callers.{caller}: \"{rule}\" is not /package.Service/Method"))
            .collect()
    }
}

/// Lets in only callers that are named and allowed.
#[derive(Clone)]
pub struct AuthorizeLayer(pub Arc<Callers>);

impl<S> Layer<S> for AuthorizeLayer {
    type Service = Authorize<S>;

    fn layer(&self, inner: S) -> Authorize<S> {
        Authorize { inner, callers: self.0.clone() }
    }
}

#[derive(Clone)]
pub struct Authorize<S> {
    inner: S,
    callers: Arc<Callers>,
}

impl<S, B> Service<http::Request<B>> for Authorize<S>
where
    S: Service<http::Request<B>, Response = http::Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<S::Future, std::future::Ready<Result<S::Response, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<B>) -> Self::Future {
        let path = request.uri().path();
        let refusal = match caller_of(request.extensions()) {
            None => Some(unauthenticated()),
            Some(caller) if !self.callers.may_call(&caller.0, path) => Some(not_allowed(&caller, path)),
            Some(caller) => {
                request.extensions_mut().insert(caller);
                None
            }
        };
        match refusal {
            None => Either::Left(self.inner.call(request)),
            Some(error) => Either::Right(std::future::ready(Ok(to_status(error).into_http()))),
        }
    }
}

fn caller_of(extensions: &http::Extensions) -> Option<Caller> {
    if let Some(caller) = extensions.get::<Caller>() {
        return Some(caller.clone());
    }
    let certificates = extensions.get::<TlsConnectInfo<TcpConnectInfo>>()?.peer_certs()?;
    identity(certificates.first()?)
}

/// The service named by a certificate that TLS has already verified.
fn identity(certificate: &[u8]) -> Option<Caller> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let names = certificate.subject_alternative_name().ok()??;
    let mut services = names.value.general_names.iter().filter_map(|name| match name {
        GeneralName::URI(uri) => uri.strip_prefix(IDENTITY_PREFIX),
        _ => None,
    });
    let service = services.next()?;
    // Two identities in one certificate are none.
    services.next().is_none().then(|| Caller(service.into()))
}

fn unauthenticated() -> Error {
    let message = "callers authenticate with a client certificate that names a Sallyport service";
    Error::new(ErrorKind::Unauthenticated, "CALLER_UNKNOWN", message)
}

fn not_allowed(caller: &Caller, path: &str) -> Error {
    let message = format!("{} may not call {path}: the server's `callers` list does not name it", caller.0);
    Error::new(ErrorKind::Denied, "CALLER_NOT_ALLOWED", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_methods_are_open() {
        let callers = Callers::new([("edge", &["/a.B/Read", "/a.C/*"]), ("root", &["*"])]);
        for (caller, path, may) in [
            ("edge", "/a.B/Read", true),
            ("edge", "/a.B/ReadAll", false),
            ("edge", "/a.C/Anything", true),
            ("edge", "/grpc.health.v1.Health/Check", true),
            ("stranger", "/grpc.health.v1.Health/Check", false),
            ("stranger", "/a.B/Read", false),
            ("root", "/x.Y/Z", true),
        ] {
            assert_eq!(callers.may_call(caller, path), may, "{caller} {path}");
        }
        assert_eq!(Callers::new([("edge", &["a.B/Read"])]).problems().len(), 1);
    }

    #[test]
    fn a_certificate_names_its_service() {
        let named = |uris: &[&str]| {
            let mut parameters = rcgen::CertificateParams::default();
            let uri = |uri: &&str| rcgen::SanType::URI((*uri).try_into().unwrap());
            parameters.subject_alt_names = uris.iter().map(uri).collect();
            let key = rcgen::KeyPair::generate().unwrap();
            identity(parameters.self_signed(&key).unwrap().der())
        };
        assert_eq!(named(&["spiffe://sallyport/service/notifier"]), Some(Caller("notifier".into())));
        assert_eq!(named(&["spiffe://other/service/notifier"]), None);
        assert_eq!(named(&["spiffe://sallyport/service/a", "spiffe://sallyport/service/b"]), None);
        assert_eq!(named(&[]), None);
    }
}

//! What a decision is made of, and what becomes of it.

use super::{Basis, Fallback};
use crate::listener::ClientCertificate;
use crate::refusal::Refusal;
use crate::request::canonical::Target;
use directory::Application;
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use model::PolicyId;
use policy::CountryCode;
use std::net::IpAddr;
use std::sync::Arc;

/// What is seen of a request.
pub struct Seen<'a> {
    pub target: &'a Target<'a>,
    pub method: &'a Method,
    pub headers: &'a HeaderMap,
    pub address: Option<IpAddr>,
    pub country: Option<CountryCode>,
    /// The client's, verified.
    pub certificate: Option<&'a Arc<ClientCertificate>>,
    /// Others may read along: a credential is refused.
    pub is_in_clear: bool,
}

/// Let through.
pub struct Admission {
    pub basis: Basis,
    /// The session JWT, as the application gets it.
    pub assertion: Option<HeaderValue>,
    /// `Set-Cookie` for the client.
    pub cookie: Option<HeaderValue>,
    /// The same for what that session is bound to, where its application asks for it: neither is worth anything alone.
    pub binding: Option<Box<HeaderValue>>,
    /// It would be let through where sessions are bound, too: what its session is bound to was shown, or is given now.
    pub is_bound: bool,
    /// The application's header for both credentials: it does not reach the application.
    pub credential_header: Option<HeaderName>,
    /// Without live leases, as the application's failure mode says.
    pub fallback: Option<Fallback>,
    /// Where.
    pub application: Option<Arc<Application>>,
    /// The policy that decided, where one is known here.
    pub policy: Option<PolicyId>,
}

/// Not let through, and at which application.
pub struct Refused {
    pub refusal: Refusal,
    pub application: Option<Arc<Application>>,
}

/// Let through without a name.
pub const ANONYMOUS: Admission = Admission {
    basis: Basis::Open,
    assertion: None,
    cookie: None,
    binding: None,
    is_bound: false,
    credential_header: None,
    fallback: None,
    application: None,
    policy: None,
};
/// Let through because nobody could judge.
pub(super) const UNJUDGED: Admission =
    Admission { basis: Basis::Unjudged, fallback: Some(Fallback::Open), ..ANONYMOUS };

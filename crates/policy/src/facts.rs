//! What is known of one request.

use crate::value::{CountryCode, domain_of};
use model::TokenId;
use std::net::IpAddr;

/// What is known of one request. Built per request; borrows, and allocates nothing.
///
/// Only verified things belong here: a token that was authenticated, a certificate whose chain was checked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    address: Option<IpAddr>,
    country: Option<CountryCode>,
    service_token: Option<TokenId>,
    certificate: Option<Certificate<'a>>,
    identity: Option<Identity<'a>>,
}

/// A client certificate that was verified.
#[derive(Debug, Clone, Copy)]
pub struct Certificate<'a> {
    /// The subject's common name; empty if it has none.
    pub common_name: &'a str,
}

/// A person who has logged in.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    email: &'a str,
    domain: Option<&'a str>,
    login_method: &'a str,
}

impl<'a> Identity<'a> {
    /// `login_method` is the identity provider's id.
    pub fn new(email: &'a str, login_method: &'a str) -> Self {
        Self { email, domain: domain_of(email), login_method }
    }

    pub fn email(&self) -> &'a str {
        self.email
    }

    pub fn login_method(&self) -> &'a str {
        self.login_method
    }

    pub(crate) fn email_domain(&self) -> Option<&'a str> {
        self.domain
    }
}

impl<'a> Facts<'a> {
    /// Nothing is known yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The client's address. Unknown leaves `ip` rules in doubt.
    #[must_use]
    pub fn with_address(mut self, address: impl Into<Option<IpAddr>>) -> Self {
        self.address = address.into().map(|address| address.to_canonical());
        self
    }

    /// The country of the address. None is an ordinary fact (private networks have none): no `geo` rule holds.
    #[must_use]
    pub fn with_country(mut self, country: impl Into<Option<CountryCode>>) -> Self {
        self.country = country.into();
        self
    }

    /// The service token that was authenticated, or that the session was obtained with.
    #[must_use]
    pub fn with_service_token(mut self, token: impl Into<Option<TokenId>>) -> Self {
        self.service_token = token.into();
        self
    }

    #[must_use]
    pub fn with_certificate(mut self, certificate: impl Into<Option<Certificate<'a>>>) -> Self {
        self.certificate = certificate.into();
        self
    }

    #[must_use]
    pub fn with_identity(mut self, identity: impl Into<Option<Identity<'a>>>) -> Self {
        self.identity = identity.into();
        self
    }

    /// Canonical: an IPv4-mapped IPv6 address is the IPv4 address.
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }

    pub fn country(&self) -> Option<CountryCode> {
        self.country
    }

    pub fn service_token(&self) -> Option<TokenId> {
        self.service_token
    }

    pub fn certificate(&self) -> Option<&Certificate<'a>> {
        self.certificate.as_ref()
    }

    pub fn identity(&self) -> Option<&Identity<'a>> {
        self.identity.as_ref()
    }
}

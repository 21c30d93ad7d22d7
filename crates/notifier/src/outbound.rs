//! HTTP to webhooks.
//!
//! A destination is somebody else's word. So: no redirects, no proxy from the environment, certificates verified, ten
//! seconds in all, the answer's body never read, and no way to a private address: names are resolved once, by us, in
//! the connection itself, so what was judged is what is connected to.

mod address;

use crate::webhook::Kind;
use model::Error;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Client, ClientBuilder, Url, redirect};
use serde_json::Value;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

const TIME_OUT: Duration = Duration::from_secs(10);

/// Where a message goes. No `Debug`: it holds the secret, and the URL may be one.
pub struct Destination<'a> {
    pub url: &'a Url,
    pub kind: Kind,
    pub secret: Option<&'a str>,
}

/// Why a message did not arrive. Safe to show and to keep: nothing of what the destination said but its status.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    /// It leads to an address that is not public.
    Private,
    /// 410: the destination wants no more.
    Gone,
    Status(u16),
    TimeOut,
    /// With the transport's own words, for the log.
    Unreachable(String),
    /// It cannot be sent as it is.
    Unsendable(&'static str),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Private => f.write_str("the destination leads to an address that is not public"),
            Self::Gone => f.write_str("the destination answered 410: it is gone"),
            Self::Status(status @ 300..400) => {
                write!(f, "the destination answered {status}; redirects are not followed")
            }
            Self::Status(status) => write!(f, "the destination answered {status}"),
            Self::TimeOut => f.write_str("the destination did not answer within 10 seconds"),
            Self::Unreachable(_) => f.write_str("the destination could not be reached"),
            Self::Unsendable(why) => f.write_str(why),
        }
    }
}

/// Sends messages to webhooks.
pub struct Outbound {
    client: Client,
    allow_private: bool,
}

impl Outbound {
    pub fn new(allow_private: bool) -> Result<Self, Error> {
        Self::with_time_out(allow_private, TIME_OUT)
    }

    fn with_time_out(allow_private: bool, time_out: Duration) -> Result<Self, Error> {
        let builder = || builder(allow_private).timeout(time_out);
        let client = builder().build().or_else(|cause| {
            // A machine without root certificates still reaches http destinations; no https one will be trusted.
            tracing::warn!(%cause, "no root certificates: https webhooks will fail");
            builder().tls_certs_only([]).build()
        });
        Ok(Self { client: client.map_err(Error::internal)?, allow_private })
    }

    /// Whether a URL names a refused address without any resolving.
    pub fn names_private_address(&self, url: &Url) -> bool {
        // Decimal, octal and hexadecimal forms became dotted ones when the URL was parsed.
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        !self.allow_private && host.parse::<IpAddr>().is_ok_and(|address| !address::is_public(address))
    }

    pub async fn post(&self, destination: &Destination<'_>, body: &Value) -> Result<(), Failure> {
        if self.names_private_address(destination.url) {
            return Err(Failure::Private);
        }
        let mut request = self.client.post(destination.url.clone()).json(body);
        if let Some(secret) = destination.secret {
            let (name, value) = authentication(destination.kind, secret)?;
            request = request.header(name, value);
        }
        let status = request.send().await.map_err(failure)?.status();
        match status.as_u16() {
            200..300 => Ok(()),
            410 => Err(Failure::Gone),
            status => Err(Failure::Status(status)),
        }
    }
}

fn builder(allow_private: bool) -> ClientBuilder {
    Client::builder()
        .user_agent("Sallyport-Notifier")
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .pool_max_idle_per_host(0)
        .dns_resolver(Resolver { allow_private })
}

/// The header that carries the secret.
fn authentication(kind: Kind, secret: &str) -> Result<(HeaderName, HeaderValue), Failure> {
    let (name, value) = match kind {
        Kind::Datadog => ("dd-api-key", secret.to_owned()),
        Kind::Opsgenie => ("authorization", format!("GenieKey {secret}")),
        Kind::Splunk => ("authorization", format!("Splunk {secret}")),
        Kind::Generic | Kind::Slack | Kind::GoogleChat | Kind::Discord | Kind::Feishu => {
            ("cf-webhook-auth", secret.to_owned())
        }
    };
    let mut value =
        HeaderValue::from_str(&value).map_err(|_| Failure::Unsendable("the secret fits no header"))?;
    value.set_sensitive(true);
    Ok((HeaderName::from_static(name), value))
}

fn failure(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        if error.is::<PrivateAddress>() {
            return Failure::Private;
        }
        words = format!("{words}: {error}");
        cause = error.source();
    }
    if error.is_timeout() { Failure::TimeOut } else { Failure::Unreachable(words) }
}

#[derive(Debug)]
struct PrivateAddress;

impl fmt::Display for PrivateAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("resolves to an address that is not public")
    }
}

impl std::error::Error for PrivateAddress {}

struct Resolver {
    allow_private: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?.collect::<Vec<SocketAddr>>();
            // One private address among public ones is how rebinding looks: none of them is used.
            if !allow_private && found.iter().any(|found| !address::is_public(found.ip())) {
                return Err(PrivateAddress.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests;

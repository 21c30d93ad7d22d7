use super::message::message;
use super::{Mail, Mailer};
use async_trait::async_trait;
use lettre::message::Mailbox;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::{PoolConfig, SMTP_PORT, SUBMISSION_PORT, SUBMISSIONS_PORT};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use model::Error;
use reqwest::Url;
use std::path::Path;
use std::time::Duration;

/// To be connected to.
const TIME_OUT: Duration = Duration::from_secs(10);
/// For one mail in all: the library would wait for ever for an answer.
const LONGEST: Duration = Duration::from_secs(45);

pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    pub(super) longest: Duration,
}

impl Smtp {
    pub fn new(url: &Url, from: Mailbox, authority: Option<&Path>) -> Result<Self, Error> {
        let unusable = |error: lettre::transport::smtp::Error| {
            Error::invalid("mailer", "is not a usable address of a mail server").with_cause(error.to_string())
        };
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let mut tls = TlsParameters::builder(host.clone());
        for certificate in authorities(authority)? {
            tls = tls.add_root_certificate(certificate);
        }
        let tls = tls.build().map_err(unusable)?;
        let (tls, port) = match url.scheme() {
            "smtps" => (Tls::Wrapper(tls), SUBMISSIONS_PORT),
            "smtp+starttls" => (Tls::Required(tls), SUBMISSION_PORT),
            _ => (Tls::Opportunistic(tls), SMTP_PORT),
        };
        // The library reads user, password and EHLO name; the scheme's meaning is ours.
        let readable = format!("smtp{}", url.as_str().trim_start_matches(url.scheme()));
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(&readable)
            .map_err(unusable)?
            .port(url.port().unwrap_or(port))
            .tls(tls)
            .timeout(Some(TIME_OUT))
            .pool_config(PoolConfig::new().max_size(2).idle_timeout(Duration::from_secs(30)))
            .build();
        Ok(Self { transport, from, longest: LONGEST })
    }
}

fn authorities(file: Option<&Path>) -> Result<Vec<Certificate>, Error> {
    let Some(file) = file else { return Ok(Vec::new()) };
    let unusable = |cause: String| Error::invalid("mailer_authority", format!("{}: {cause}", file.display()));
    let pem = std::fs::read(file).map_err(|error| unusable(error.to_string()))?;
    Certificate::from_pem(&pem).map(|one| vec![one]).map_err(|error| unusable(error.to_string()))
}

#[async_trait]
impl Mailer for Smtp {
    async fn send(&self, mail: &Mail) -> Result<(), Error> {
        let message = message(&self.from, mail)?;
        match tokio::time::timeout(self.longest, self.transport.send(message)).await {
            Ok(Ok(_accepted)) => Ok(()),
            Ok(Err(error)) => Err(Error::unavailable("the mail server", with_causes(&error))),
            Err(_) => Err(Error::unavailable("the mail server", "no answer in time")),
        }
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}

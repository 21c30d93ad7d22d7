//! Between processes.

use crate::{BACKLOG, Bus, Message, Source, Subscription, check_group, check_message, check_subject, trace};
use async_nats::connection::State;
use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event, HeaderMap, PublishErrorKind, ServerAddr};
use async_trait::async_trait;
use bytes::Bytes;
use model::{Error, ErrorKind};
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use telemetry::trace::Carrier;

const PARENT: &str = "traceparent";
const STATE: &str = "tracestate";

/// The bus is a hint, and nobody waits for one for long.
const HASTE: Limits =
    Limits { dial: Duration::from_secs(2), call: Duration::from_millis(200), settle: Duration::from_secs(1) };
/// A server that died without a word is noticed after the third.
const PING_INTERVAL: Duration = Duration::from_secs(5);
/// Oldest server.
const OLDEST: (i64, i64, i64) = (2, 10, 0);

/// NATS without streams: at most once, to whoever listens now.
pub struct Nats {
    client: Client,
    limits: Limits,
    /// Whether a server's version has been looked at: it may have been away at the start.
    is_checked: AtomicBool,
}

/// Longest waits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// For the first connection.
    pub dial: Duration,
    /// For the client to take a message or a subscription.
    pub call: Duration,
    /// For the server to know of a subscription.
    pub settle: Duration,
}

impl Nats {
    /// See [`crate::connect`].
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Self::connect_within(HASTE, url).await
    }

    pub(crate) async fn connect_within(limits: Limits, url: &str) -> Result<Self, Error> {
        let addresses = Addresses::parse(url)?;
        let options = || addresses.options().connection_timeout(limits.dial);
        let first = options().connect(addresses.servers.as_slice());
        let outcome = tokio::time::timeout(limits.dial, first).await;
        let client = match outcome {
            Ok(Ok(client)) => client,
            Ok(Err(error)) if error.kind() == ConnectErrorKind::AuthorizationViolation => {
                let refusal = "NATS refuses the credentials of the bus's URL";
                return Err(Error::new(ErrorKind::NotReady, "BUS_REFUSED", refusal));
            }
            away => {
                let cause =
                    away.err().map_or_else(|| "connection failed".to_owned(), |error| error.to_string());
                tracing::warn!(cause, "NATS is away: the bus is off until it is there");
                let options = options().retry_on_initial_connect();
                let client = options.connect(addresses.servers.as_slice()).await;
                client.map_err(|error| Error::unavailable("NATS", error))?
            }
        };
        let nats = Self { client, limits, is_checked: AtomicBool::new(false) };
        nats.check_version()?;
        Ok(nats)
    }

    fn check_version(&self) -> Result<(), Error> {
        // There is none before the first connection.
        if self.is_checked.load(Ordering::Relaxed) || self.client.try_server_info().is_none() {
            return Ok(());
        }
        let (major, minor, patch) = OLDEST;
        if !self.client.is_server_compatible(major, minor, patch) {
            let found = self.client.server_info().version;
            let text = format!("NATS {major}.{minor} or newer is needed, and the server is {found}");
            return Err(Error::new(ErrorKind::NotReady, "BUS_TOO_OLD", text));
        }
        self.is_checked.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn subscribe_as(&self, subject: &str, group: Option<&str>) -> Result<Subscription, Error> {
        self.check_version()?;
        let subject = subject.to_owned();
        let subscription = async {
            match group {
                None => self.client.subscribe(subject).await,
                Some(group) => self.client.queue_subscribe(subject, group.to_owned()).await,
            }
        };
        let subscription = within(self.limits.call, subscription).await?;
        self.settle().await;
        Ok(Subscription(Source::Nats(subscription)))
    }

    /// Waits until the server has seen what was sent so far: it answers at once that nobody serves this subject.
    async fn settle(&self) {
        if self.client.connection_state() == State::Connected {
            let question = self.client.request(self.client.new_inbox(), Bytes::new());
            // An error is the answer; silence means a gap, which subscribers must bear in any case.
            let _ = tokio::time::timeout(self.limits.settle, question).await;
        }
    }
}

#[async_trait]
impl Bus for Nats {
    async fn publish(&self, subject: &str, payload: Bytes) -> Result<(), Error> {
        check_message(subject, &payload)?;
        self.check_version()?;
        // The client would keep messages for later, and then make callers wait.
        if self.client.connection_state() != State::Connected {
            return Err(Error::unavailable("the bus", "NATS is not connected"));
        }
        let span = trace::publishing("nats", subject);
        let (carrier, subject) = (span.carrier(), subject.to_owned());
        within(self.limits.call, async {
            let outcome = if carrier.is_empty() {
                self.client.publish(subject, payload).await
            } else {
                self.client.publish_with_headers(subject, headers(&carrier), payload).await
            };
            match outcome {
                Err(error) if error.kind() == PublishErrorKind::MaxPayloadExceeded => {
                    // Unlike the others this is no outage: the server allows less than we do.
                    tracing::error!(%error, "NATS refuses a message for its size: max_payload must be 1 MiB");
                    Err(error)
                }
                outcome => outcome,
            }
        })
        .await
    }

    async fn subscribe(&self, subject: &str) -> Result<Subscription, Error> {
        check_subject(subject)?;
        self.subscribe_as(subject, None).await
    }

    async fn subscribe_shared(&self, subject: &str, group: &str) -> Result<Subscription, Error> {
        check_subject(subject)?;
        check_group(group)?;
        self.subscribe_as(subject, Some(group)).await
    }
}

fn headers(Carrier { parent, state }: &Carrier) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [(PARENT, parent), (STATE, state)] {
        if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
            headers.insert(name, value);
        }
    }
    headers
}

/// A message as it came.
pub(crate) fn read(message: async_nats::Message) -> Message {
    let said = |name: &str| {
        let value = message.headers.as_ref()?.get(name)?.as_str();
        (value.len() <= 512).then(|| value.to_owned())
    };
    let trace = if telemetry::trace::is_on() {
        Carrier { parent: said(PARENT), state: said(STATE) }
    } else {
        Carrier::default()
    };
    Message { payload: message.payload, trace }
}

async fn within<T, E>(limit: Duration, call: impl Future<Output = Result<T, E>>) -> Result<T, Error>
where
    E: std::error::Error + Send + Sync + 'static,
{
    match tokio::time::timeout(limit, call).await {
        Ok(outcome) => outcome.map_err(|error| Error::unavailable("the bus", error)),
        Err(elapsed) => Err(Error::unavailable("the bus", elapsed)),
    }
}

/// Servers without their credentials, which the client would write into its log, and the credentials apart.
struct Addresses {
    servers: Vec<ServerAddr>,
    credentials: Option<Credentials>,
}

#[derive(PartialEq, Eq)]
enum Credentials {
    Token(String),
    Password { user: String, password: String },
}

impl Addresses {
    /// Several URLs, separated by commas, must carry the same credentials or none.
    fn parse(urls: &str) -> Result<Self, Error> {
        let rule = "must be nats: or tls: URLs with the same credentials, separated by commas";
        let refused = || Error::invalid("bus", rule);
        let (mut servers, mut credentials) = (Vec::new(), None);
        for text in urls.split(',') {
            let mut url = text.parse::<ServerAddr>().map_err(|_| refused())?.into_inner();
            if !matches!(url.scheme(), "nats" | "tls") || url.host_str().is_none_or(str::is_empty) {
                return Err(refused());
            }
            let found = Credentials::of(url.username(), url.password()).map_err(|()| refused())?;
            if credentials.is_some() && found.is_some() && credentials != found {
                return Err(refused());
            }
            credentials = found.or(credentials);
            url.set_username("").and_then(|()| url.set_password(None)).map_err(|()| refused())?;
            servers.push(ServerAddr::from_url(url).map_err(|_| refused())?);
        }
        Ok(Self { servers, credentials })
    }

    fn options(&self) -> ConnectOptions {
        let options = match &self.credentials {
            None => ConnectOptions::new(),
            Some(Credentials::Token(token)) => ConnectOptions::with_token(token.clone()),
            Some(Credentials::Password { user, password }) => {
                ConnectOptions::with_user_and_password(user.clone(), password.clone())
            }
        };
        options
            .name("sallyport")
            .ping_interval(PING_INTERVAL)
            .subscription_capacity(BACKLOG)
            .reconnect_delay_callback(|attempts| match attempts {
                0 | 1 => Duration::ZERO,
                _ => Duration::from_millis(20 << attempts.min(6)),
            })
            .event_callback(async |event| report(&event))
    }
}

impl Credentials {
    fn of(user: &str, password: Option<&str>) -> Result<Option<Self>, ()> {
        let user = percent_decoded(user).ok_or(())?;
        Ok(match password {
            None if user.is_empty() => None,
            None => Some(Self::Token(user)),
            Some(password) => Some(Self::Password { user, password: percent_decoded(password).ok_or(())? }),
        })
    }
}

fn report(event: &Event) {
    match event {
        Event::Disconnected => tracing::warn!("NATS is away: the bus is off until it is back"),
        Event::Connected => tracing::info!("the bus is connected to NATS"),
        Event::SlowConsumer(subscription) => {
            tracing::debug!(subscription, "a subscriber is too slow and loses messages");
        }
        Event::ServerError(error) => tracing::warn!(%error, "NATS reports an error"),
        Event::ClientError(error) => tracing::debug!(%error, "the NATS client reports an error"),
        Event::LameDuckMode | Event::Draining | Event::Closed => tracing::debug!(%event, "the NATS client"),
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let value = digit(rest.next())? * 16 + digit(rest.next())?;
            bytes.push(u8::try_from(value).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
pub(crate) mod tests;

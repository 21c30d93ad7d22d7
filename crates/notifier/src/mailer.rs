//! The port to mail.
//!
//! `send` returns once the mail is somebody else's duty: accepted by the next server, or in the outbox. After an error
//! it may have arrived all the same; the same mail is then sent again under the same `Message-ID`.

mod message;
mod outbox;
mod smtp;

use async_trait::async_trait;
use lettre::message::Mailbox;
use model::{Error, Timestamp};
use reqwest::Url;
use std::path::Path;
use std::sync::Arc;

/// One mail to one address.
#[derive(Debug, Clone)]
pub struct Mail {
    /// 32 hex digits; the `Message-ID`'s left part.
    pub id: String,
    pub to: String,
    pub subject: String,
    pub text: String,
    pub at: Timestamp,
}

#[async_trait]
pub trait Mailer: Send + Sync + 'static {
    /// # Errors
    /// `Unavailable` if it may help to try again; its cause holds what the server said.
    async fn send(&self, mail: &Mail) -> Result<(), Error>;
}

/// By the URL's scheme: `smtp`, `smtp+starttls`, `smtps`, or `file`. Connects when there is something to send.
pub fn connect(url: &str, from: &str, authority: Option<&Path>) -> Result<Arc<dyn Mailer>, Error> {
    let (url, from) = check(url, from)?;
    Ok(match url.scheme() {
        "file" => Arc::new(outbox::Outbox::open(&url, from)?),
        _ => Arc::new(smtp::Smtp::new(&url, from, authority)?),
    })
}

/// Judges without I/O, and without repeating the URL: it may hold a password.
pub(crate) fn check(url: &str, from: &str) -> Result<(Url, Mailbox), Error> {
    let rule = "must be smtps://user:password@host, smtp+starttls://…, smtp://… or file:///folder";
    let wrong = || Error::invalid("mailer", rule);
    let url = Url::parse(url).map_err(|_| wrong())?;
    let is_usable = match url.scheme() {
        "file" => url.to_file_path().is_ok(),
        "smtp" | "smtps" | "smtp+starttls" => url.host_str().is_some_and(|host| !host.is_empty()),
        _ => false,
    };
    if !is_usable {
        return Err(wrong());
    }
    let from = from
        .parse::<Mailbox>()
        .map_err(|_| Error::invalid("from", "must be an address: Sallyport <alerts@example.com>"))?;
    Ok((url, from))
}

#[cfg(test)]
pub(crate) mod tests;

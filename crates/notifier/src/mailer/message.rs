use super::Mail;
use crate::text::plain;
use lettre::Message;
use lettre::message::Mailbox;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use model::Error;
use std::time::{Duration, SystemTime};

/// RFC 3834: so that no holiday answers come back.
const AUTO_SUBMITTED: HeaderName = HeaderName::new_from_ascii_str("Auto-Submitted");

/// The same mail gives the same `Message-ID`, and no field can become another header.
pub fn message(from: &Mailbox, mail: &Mail) -> Result<Message, Error> {
    let Mail { id, to, subject, text, at } = mail;
    let to = to.parse().map(|address| Mailbox::new(None, address)).map_err(Error::internal)?;
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(at.as_seconds()).unwrap_or_default());
    Message::builder()
        .from(from.clone())
        .to(to)
        .subject(plain(subject))
        .date(at)
        .message_id(Some(format!("<{}@{}>", plain(id), from.email.domain())))
        .raw_header(HeaderValue::new(AUTO_SUBMITTED, "auto-generated".to_owned()))
        .header(ContentType::TEXT_PLAIN)
        .body(text.clone())
        .map_err(Error::internal)
}

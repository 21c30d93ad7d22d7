//! What an application says to whoever is refused.

use model::Error;
use proto::policy_evaluator as wire;

/// Most characters of a message.
const MAX_MESSAGE: usize = 4096;
/// Most bytes of an address.
const MAX_URL: usize = 2048;

/// An application's own words. At least one of them is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Denial {
    /// In place of ours.
    pub message: Option<Box<str>>,
    /// Where a browser is sent, where the policies ask for a person: visible ASCII.
    pub identity_url: Option<Box<str>>,
    /// The same, where they do not.
    pub non_identity_url: Option<Box<str>>,
}

impl Denial {
    /// `None`: it says nothing of its own.
    ///
    /// # Errors
    /// `Invalid`, with the first field that is wrong.
    pub fn read(wire: &wire::RequestSettings) -> Result<Option<Self>, Error> {
        let denial = Self {
            message: message(&wire.custom_deny_message)?,
            identity_url: url("custom_deny_url", &wire.custom_deny_url)?,
            non_identity_url: url("custom_non_identity_deny_url", &wire.custom_non_identity_deny_url)?,
        };
        Ok((denial != Self::default()).then_some(denial))
    }
}

fn message(text: &str) -> Result<Option<Box<str>>, Error> {
    let is_control = |c: char| c.is_control() && c != '\n' && c != '\t';
    if text.chars().count() > MAX_MESSAGE || text.chars().any(is_control) {
        let rule = format!("must have at most {MAX_MESSAGE} characters, none of them a control character");
        return Err(Error::invalid("custom_deny_message", rule));
    }
    Ok((!text.is_empty()).then(|| text.into()))
}

/// Goes into a header as it is. Neither `javascript:` nor a relative one, which would lead back to the application.
fn url(field: &str, text: &str) -> Result<Option<Box<str>>, Error> {
    if text.is_empty() {
        return Ok(None);
    }
    let lower = text.to_ascii_lowercase();
    let rest = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    let is_plain = |b: u8| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b);
    let is_host = !host.is_empty() && !host.starts_with(':') && !host.contains('@');
    if !is_host || text.len() > MAX_URL || !text.bytes().all(is_plain) {
        let rule = format!(
            "must be an address that begins with https:// or http:// and a host, in at most {MAX_URL} ASCII characters"
        );
        return Err(Error::invalid(field, rule));
    }
    Ok(Some(text.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_leads_somewhere_else_and_ends_no_header() {
        for right in
            ["https://help.example/denied?app=1#why", "HTTP://help.example:8080", "https://[2001:db8::1]/"]
        {
            assert_eq!(url("u", right).unwrap().as_deref(), Some(right));
        }
        for wrong in [
            "javascript:alert(1)",
            "//evil.example",
            "/denied",
            "help.example",
            "https://",
            "https:///x",
            "https://:80/",
            "https://good.example@evil.example/",
            "https://a\\@b/",
            "https://a.example/\r\nSet-Cookie: a=b",
            "https://a.example/ü",
            "https://a.example/<script>",
        ] {
            assert_eq!(url("u", wrong).unwrap_err().violations()[0].field, "u", "{wrong:?}");
        }
    }

    #[test]
    fn a_message_is_text() {
        assert_eq!(message("Ask <ops@example.com>\nfor help").unwrap().unwrap().len(), 30);
        assert_eq!(message("").unwrap(), None);
        for wrong in ["a\0b", "a\rb", "\u{1b}[2J", &"x".repeat(MAX_MESSAGE + 1)] {
            message(wrong).unwrap_err();
        }
    }
}

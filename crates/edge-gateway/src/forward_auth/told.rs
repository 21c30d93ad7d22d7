//! One header that a proxy must set.

use super::Unasked;
use crate::refusal::Refusal;
use http::{HeaderMap, HeaderValue};

/// A header, and how its proxy is made to set it.
#[derive(Debug, Clone, Copy)]
pub struct Header {
    /// In lower case.
    pub name: &'static str,
    pub how: &'static str,
}

impl Header {
    /// Its one value.
    pub fn only(self, headers: &HeaderMap) -> Result<&HeaderValue, Unasked> {
        let mut values = headers.get_all(self.name).iter();
        let value = values.next().ok_or_else(|| self.missing())?;
        if values.next().is_some() {
            return Err(self.wrong("PROXY_HEADER_AMBIGUOUS", "is there more than once"));
        }
        Ok(value)
    }

    /// The same as text. What is none was the client's to send.
    pub fn text(self, headers: &HeaderMap) -> Result<&str, Unasked> {
        let text = self.only(headers)?.to_str();
        let text = text.map_err(|_| {
            Refusal::bad_request("TARGET_MALFORMED", "the target has control or non-ASCII characters")
        })?;
        if text.is_empty() { Err(self.missing()) } else { Ok(text) }
    }

    pub fn missing(self) -> Unasked {
        self.wrong("PROXY_HEADER_MISSING", "is missing or empty")
    }

    pub fn malformed(self) -> Unasked {
        self.wrong("PROXY_HEADER_MALFORMED", "cannot be read")
    }

    fn wrong(self, reason: &'static str, what: &str) -> Unasked {
        let Self { name, how } = self;
        let message = format!("the proxy asks wrongly: {name} {what}. It is set so: {how}");
        Unasked::Proxy(Refusal::bad_request(reason, message))
    }
}

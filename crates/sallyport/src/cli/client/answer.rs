//! What the management API answers, and how far a change has come.

use super::super::exit::{Code, Failure, Outcome};
use super::super::output::Out;
use serde_json::Value;

const NOT_CONFIRMED: [u64; 2] = [12_201, 12_203];

/// A success.
#[derive(Debug)]
pub struct Answer {
    pub result: Value,
    messages: Vec<Value>,
    propagation: Option<String>,
    /// Of a page.
    info: Value,
}

pub(super) fn read(status: u16, text: &[u8], propagation: Option<String>) -> Outcome<Answer> {
    let mut envelope: Value = serde_json::from_slice(text).unwrap_or_default();
    let mut taken = |name: &str| envelope.get_mut(name).map(Value::take);
    let list = |value: Option<Value>| match value {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    };
    let messages = list(taken("messages"));
    match (status, taken("result")) {
        (200..300, Some(result)) => {
            Ok(Answer { result, messages, propagation, info: taken("result_info").unwrap_or_default() })
        }
        (200..300, None) => Err(Failure::failed("what answers there is not the management API")),
        _ => Err(Failure::refused(status, list(taken("errors")))),
    }
}

impl Answer {
    /// Where the next page begins; empty: there is none.
    pub fn cursor(&self) -> &str {
        self.info.get("cursor").and_then(Value::as_str).unwrap_or_default()
    }

    /// Says what the API noted, and how far the change has come.
    ///
    /// # Errors
    /// [`Code::NotConfirmed`]: the change stands, and not every enforcement point has it.
    pub fn settle(&self, out: &Out) -> Outcome {
        let mut doubts = Vec::new();
        for message in &self.messages {
            let text = message.get("message").and_then(Value::as_str).unwrap_or_default();
            let code = message.get("code").and_then(Value::as_u64).unwrap_or_default();
            if NOT_CONFIRMED.contains(&code) {
                doubts.push(text);
            } else {
                out.note(&format!("note: {text}"));
            }
        }
        if doubts.is_empty() {
            if let Some(propagation) = &self.propagation {
                out.note(&told(propagation));
            }
            return Ok(());
        }
        Err(Failure::new(Code::NotConfirmed, doubts.join("; ")))
    }
}

/// `position=3; confirmed=2; fenced=0; …` for people.
fn told(propagation: &str) -> String {
    let part = |name: &str| {
        let found = propagation.split("; ").find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        found.unwrap_or("?").to_owned()
    };
    match (part("confirmed").as_str(), part("fenced").as_str()) {
        ("0", "0") => "committed, without waiting for the enforcement points".to_owned(),
        (confirmed, "0") => format!("confirmed by {confirmed} in {} ms", part("elapsed_ms")),
        (confirmed, fenced) => {
            format!(
                "confirmed by {confirmed} in {} ms; {fenced} have lost their lease and admit nobody",
                part("elapsed_ms")
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_confirmed_ends_with_a_code_of_its_own() {
        let out = Out::new(true);
        let text = r#"{"success":true,"errors":[],"messages":[{"code":12201,"message":"gw-2 has not"}],"result":{"id":"1"}}"#;
        let answer = read(200, text.as_bytes(), None).unwrap();
        assert_eq!(answer.result, json!({"id": "1"}));
        let failure = answer.settle(&out).unwrap_err();
        assert_eq!((failure.code, failure.message.as_str()), (Code::NotConfirmed, "gw-2 has not"));
        let inert = r#"{"messages":[{"code":12202,"message":"without effect"}],"result":null}"#;
        read(200, inert.as_bytes(), None).unwrap().settle(&out).unwrap();
    }

    #[test]
    fn what_is_not_an_envelope_is_not_a_success() {
        assert_eq!(read(200, b"<html>", None).unwrap_err().code, Code::Failed);
        assert_eq!(read(502, b"<html>", None).unwrap_err().code, Code::Unavailable);
        let gone = br#"{"errors":[{"code":12135,"message":"gone"}],"result":null}"#;
        assert_eq!(read(404, gone, None).unwrap_err().code, Code::NotFound);
    }

    #[test]
    fn a_page_says_where_the_next_one_begins() {
        let page = br#"{"result":[],"result_info":{"count":0,"cursor":"7.a1"}}"#;
        assert_eq!(read(200, page, None).unwrap().cursor(), "7.a1");
        assert_eq!(read(200, br#"{"result":[]}"#, None).unwrap().cursor(), "");
    }

    #[test]
    fn propagation_is_told_in_words() {
        let of = |confirmed: u32, fenced: u32| {
            told(&format!(
                "position=3; confirmed={confirmed}; fenced={fenced}; not_confirmed=0; elapsed_ms=12"
            ))
        };
        assert_eq!(of(2, 0), "confirmed by 2 in 12 ms");
        assert_eq!(of(1, 1), "confirmed by 1 in 12 ms; 1 have lost their lease and admit nobody");
        assert!(of(0, 0).contains("without waiting"));
    }
}

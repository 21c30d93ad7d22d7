//! The envelope of success.

use super::request::Page;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use model::Timestamp;
use proto::change_feed::{Propagation, StaleReplica};
use serde_json::{Value, json};

const NOT_CONFIRMED: u32 = 12_201;
const NO_EFFECT: u32 = 12_202;
const MAY_BE_STALE: u32 = 12_203;
const NOTHING_DONE: u32 = 12_204;

/// What a call succeeded with.
#[derive(Debug)]
pub struct Answer {
    status: StatusCode,
    result: Value,
    info: Option<Value>,
    messages: Vec<Value>,
    propagation: Option<HeaderValue>,
}

impl Answer {
    fn new(status: StatusCode, result: Value) -> Self {
        Self { status, result, info: None, messages: Vec::new(), propagation: None }
    }

    pub fn ok(result: Value) -> Self {
        Self::new(StatusCode::OK, result)
    }

    pub fn created(result: Value) -> Self {
        Self::new(StatusCode::CREATED, result)
    }

    pub fn accepted(result: Value) -> Self {
        Self::new(StatusCode::ACCEPTED, result)
    }

    /// One page of `total` objects. Past the end the result is an empty list.
    pub fn page(result: Vec<Value>, page: Page, total: u64) -> Self {
        let info = json!({
            "page": page.number,
            "per_page": page.size,
            "count": result.len(),
            "total_count": total,
            "total_pages": total.div_ceil(u64::from(page.size)),
        });
        Self { info: Some(info), ..Self::ok(Value::Array(result)) }
    }

    /// Says how the change has reached the enforcement points.
    pub fn propagated(mut self, propagation: Option<Propagation>) -> Self {
        let Some(Propagation { position, confirmed, fenced, not_confirmed, elapsed_ms, may_be_stale }) =
            propagation
        else {
            return self;
        };
        let header = format!(
            "position={position}; confirmed={}; fenced={}; not_confirmed={}; elapsed_ms={elapsed_ms}",
            confirmed.len(),
            fenced.len(),
            not_confirmed.len()
        );
        self.propagation = HeaderValue::try_from(header).ok();
        if !not_confirmed.is_empty() {
            let names = not_confirmed.join(", ");
            self.messages.push(json!({
                "code": NOT_CONFIRMED,
                "message": format!(
                    "the change stands, but at the deadline these enforcement points had neither confirmed it nor lost their lease: {names}"
                ),
            }));
        }
        for StaleReplica { replica, until_ms } in may_be_stale {
            let until = match until_ms {
                0 => "without a bound".to_owned(),
                millis => format!("until {}", Timestamp::from_millis(millis)),
            };
            self.messages.push(json!({
                "code": MAY_BE_STALE,
                "message": format!("{replica} is cut off and may admit on what it knew, {until}"),
            }));
        }
        self
    }

    /// Says why nothing was done.
    pub fn saying(mut self, why: &str) -> Self {
        self.messages.push(json!({"code": NOTHING_DONE, "message": why}));
        self
    }

    /// Says which fields were kept and do nothing.
    pub fn noting(mut self, inert: &[String]) -> Self {
        if !inert.is_empty() {
            self.messages.push(json!({
                "code": NO_EFFECT,
                "message": format!("stored, but without effect in this version: {}", inert.join(", ")),
            }));
        }
        self
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let Self { status, result, info, messages, propagation } = self;
        let mut envelope = json!({"success": true, "errors": [], "messages": messages, "result": result});
        if let (Some(info), Value::Object(members)) = (info, &mut envelope) {
            members.insert("result_info".to_owned(), info);
        }
        let content_type = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        let mut response = (status, content_type, envelope.to_string()).into_response();
        if let Some(propagation) = propagation {
            response.headers_mut().insert("sallyport-propagation", propagation);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_confirmed_is_said_twice() {
        let propagation = Propagation {
            position: 7,
            confirmed: vec!["edge-a".into()],
            fenced: Vec::new(),
            may_be_stale: Vec::new(),
            not_confirmed: vec!["edge-b".into()],
            elapsed_ms: 12,
        };
        let answer = Answer::ok(json!({})).propagated(Some(propagation));
        assert!(answer.messages[0]["message"].as_str().unwrap().contains("edge-b"));
        let response = answer.into_response();
        assert_eq!(
            response.headers()["sallyport-propagation"],
            "position=7; confirmed=1; fenced=0; not_confirmed=1; elapsed_ms=12"
        );
    }

    #[test]
    fn pages_are_counted() {
        let info = Answer::page(vec![json!(1)], Page { number: 3, size: 2 }, 5).info.unwrap();
        assert_eq!(info, json!({"page": 3, "per_page": 2, "count": 1, "total_count": 5, "total_pages": 3}));
    }
}

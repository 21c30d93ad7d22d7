//! A request's body: one JSON object, whatever its content type says.

use super::problem::Problem;
use crate::wire::fields::Fields;
use crate::wire::json;
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use model::Error;
use serde_json::{Map, Value};
use std::time::Duration;

/// 1 MiB.
pub const LARGEST: usize = 1 << 20;
/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// An object; nothing at all is not one.
pub struct Body(pub Fields);

/// An object, or nothing, which is an empty object.
pub struct OptionalBody(pub Fields);

impl<S: Sync> FromRequest<S> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        parse(&read(request).await?).map(Self)
    }
}

impl<S: Sync> FromRequest<S> for OptionalBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = read(request).await?;
        if bytes.trim_ascii().is_empty() {
            return Ok(Self(Fields::body(Map::new())));
        }
        parse(&bytes).map(Self)
    }
}

async fn read(request: Request) -> Result<Bytes, Problem> {
    let body = Limited::new(request.into_body(), LARGEST).collect();
    match tokio::time::timeout(PATIENCE, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if is_too_large(error.as_ref()) => Err(Problem::body_too_large()),
        Ok(Err(_)) => Err(Problem::body_incomplete()),
        Err(_) => Err(Problem::body_too_slow()),
    }
}

fn is_too_large(mut error: &(dyn std::error::Error + 'static)) -> bool {
    loop {
        if error.is::<LengthLimitError>() {
            return true;
        }
        let Some(source) = error.source() else { return false };
        error = source;
    }
}

fn parse(bytes: &[u8]) -> Result<Fields, Problem> {
    match json::parse(bytes) {
        Ok(Value::Object(members)) => Ok(Fields::body(members)),
        Ok(_) => Err(Error::invalid("", "the body must be a JSON object").into()),
        Err(error) => Err(Error::invalid("", format!("the body is not JSON: {error}")).into()),
    }
}

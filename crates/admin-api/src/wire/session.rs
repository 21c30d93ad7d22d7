//! One session that is to end.

use super::fields::Fields;
use model::Error;
use proto::change_feed::Wait;
use proto::session_issuer::RevokeSessionRequest;
use serde_json::{Value, json};

pub fn read(account_id: String, fields: &mut Fields, wait: Wait) -> Result<RevokeSessionRequest, Error> {
    let (session_id, session_jwt) = (fields.text("session_id")?, fields.text("session_jwt")?);
    match (&session_id, &session_jwt) {
        (None, None) => Err(fields.missing("session_id")),
        (Some(_), Some(_)) => {
            Err(Error::invalid("session_jwt", "must not be given together with session_id"))
        }
        _ => Ok(RevokeSessionRequest {
            account_id,
            session_id: session_id.unwrap_or_default(),
            session_jwt: session_jwt.unwrap_or_default(),
            wait: wait.into(),
        }),
    }
}

pub fn view(session_id: &str) -> Value {
    json!({"session_id": session_id})
}

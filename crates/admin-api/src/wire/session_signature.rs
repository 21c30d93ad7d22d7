//! What signs an application's sessions.

use super::fields::Fields;
use model::Error;
use proto::policy_evaluator::SessionSignature;
use serde_json::{Value, json};

/// By the names of RFC 7518, exactly.
pub fn read(fields: &mut Fields) -> Result<SessionSignature, Error> {
    match fields.required_text("algorithm")?.as_str() {
        "RS256" => Ok(SessionSignature::Rs256),
        "ES256" => Ok(SessionSignature::Es256),
        _ => Err(Error::invalid("algorithm", "must be RS256 or ES256")),
    }
}

/// What a client reads it may send back.
pub fn view(signature: SessionSignature) -> Value {
    match signature {
        SessionSignature::Es256 => json!({"algorithm": "ES256"}),
        SessionSignature::Rs256 | SessionSignature::Unspecified => json!({"algorithm": "RS256"}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: Value) -> Result<SessionSignature, String> {
        let Value::Object(members) = body else { panic!("no object") };
        super::read(&mut Fields::body(members)).map_err(|error| error.violations()[0].field.clone())
    }

    #[test]
    fn what_is_read_is_shown_and_nothing_else_is_read() {
        for body in [json!({"algorithm": "RS256"}), json!({"algorithm": "ES256"})] {
            assert_eq!(view(read(body.clone()).unwrap()), body);
        }
        for body in [
            json!({}),
            json!({"algorithm": null}),
            json!({"algorithm": "es256"}),
            json!({"algorithm": "HS256"}),
            json!({"algorithm": "none"}),
            json!({"algorithm": ["ES256"]}),
        ] {
            assert_eq!(read(body.clone()).unwrap_err(), "algorithm", "{body}");
        }
    }
}

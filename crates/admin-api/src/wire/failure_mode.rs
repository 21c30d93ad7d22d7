//! What is done with an application's requests by an enforcement point that is cut off.

use super::fields::Fields;
use model::Error;
use proto::policy_evaluator::failure_mode::{LastKnownGood, Mode, Open};
use proto::policy_evaluator::{Empty, FailureMode};
use serde_json::{Value, json};

/// A field of another mode is a misunderstanding, and refused.
pub fn read(fields: &mut Fields) -> Result<FailureMode, Error> {
    let name = fields.required_text("mode")?;
    let (max_staleness, acknowledge) = (fields.text("max_staleness")?, fields.text("acknowledge")?);
    let not_here =
        |field: &str, mode: &str| Err(Error::invalid(field, format!("belongs to mode {mode} alone")));
    let mode = match (name.as_str(), max_staleness, acknowledge) {
        ("closed", None, None) => Mode::Closed(Empty {}),
        ("last_known_good", Some(max_staleness), None) => {
            Mode::LastKnownGood(LastKnownGood { max_staleness })
        }
        ("last_known_good", None, _) => return Err(fields.missing("max_staleness")),
        // What is missing here is refused by its owner, which knows the words.
        ("open", None, acknowledge) => Mode::Open(Open { acknowledge: acknowledge.unwrap_or_default() }),
        ("closed" | "open", Some(_), _) => return not_here("max_staleness", "last_known_good"),
        ("closed" | "last_known_good", _, Some(_)) => return not_here("acknowledge", "open"),
        _ => return Err(Error::invalid("mode", "must be closed, last_known_good or open")),
    };
    Ok(FailureMode { mode: Some(mode) })
}

/// What a client reads it may send back.
pub fn view(failure_mode: FailureMode) -> Value {
    match failure_mode.mode {
        Some(Mode::LastKnownGood(LastKnownGood { max_staleness })) => {
            json!({"mode": "last_known_good", "max_staleness": max_staleness})
        }
        Some(Mode::Open(Open { acknowledge })) => json!({"mode": "open", "acknowledge": acknowledge}),
        Some(Mode::Closed(Empty {})) | None => json!({"mode": "closed"}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: Value) -> Result<FailureMode, String> {
        let Value::Object(members) = body else { panic!("no object") };
        super::read(&mut Fields::body(members)).map_err(|error| error.violations()[0].field.clone())
    }

    #[test]
    fn what_is_read_is_shown() {
        for body in [
            json!({"mode": "closed"}),
            json!({"mode": "last_known_good", "max_staleness": "600s"}),
            json!({"mode": "open", "acknowledge": "words"}),
        ] {
            assert_eq!(view(read(body.clone()).unwrap()), body);
        }
    }

    #[test]
    fn a_field_of_another_mode_is_refused() {
        for (body, field) in [
            (json!({}), "mode"),
            (json!({"mode": "ajar"}), "mode"),
            (json!({"mode": "Open", "acknowledge": "words"}), "mode"),
            (json!({"mode": "last_known_good"}), "max_staleness"),
            (json!({"mode": "last_known_good", "max_staleness": 600}), "max_staleness"),
            (json!({"mode": "open", "acknowledge": "words", "max_staleness": "10m"}), "max_staleness"),
            (json!({"mode": "closed", "max_staleness": "10m"}), "max_staleness"),
            (json!({"mode": "closed", "acknowledge": "words"}), "acknowledge"),
            (json!({"mode": "last_known_good", "max_staleness": "1m", "acknowledge": ""}), "acknowledge"),
        ] {
            assert_eq!(read(body.clone()).unwrap_err(), field, "{body}");
        }
    }
}

//! Bodies of the management API: read, or refused with the field named.

use admin_api::fuzzing::{READERS, json};
use model::ErrorKind;
use serde_json::Value;

pub fn run(data: &[u8]) {
    let read = json(data);
    let usual = serde_json::from_slice::<Value>(data);
    let Some(value) = read else { return };
    // What is read means what it means to everybody.
    assert_eq!(usual.as_ref().ok(), Some(&value));
    let again = json(value.to_string().as_bytes()).expect("what is written is read");
    assert!(is_near(&again, &value));
    let Value::Object(body) = value else { return };
    for read in READERS {
        if let Err(error) = read(body.clone()) {
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(!error.violations().is_empty());
        }
    }
}

/// The parser is not exact to the last bit of a fraction.
fn is_near(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_near(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, one)| other.get(name).is_some_and(|other| is_near(one, other)))
        }
        (Value::Number(one), Value::Number(other)) if one.is_f64() => {
            let (Some(one), Some(other)) = (one.as_f64(), other.as_f64()) else { return false };
            (one - other).abs() <= one.abs() * 1e-12
        }
        _ => one == other,
    }
}

//! Reading a JSON object field by field, naming each by its path.

use model::{Error, Timestamp};
use serde_json::{Map, Value};

/// One JSON object of a request, and where it stands in the body (`policies/0`). What is read is taken out.
#[derive(Debug)]
pub struct Fields {
    at: String,
    members: Map<String, Value>,
}

/// One element of a list, and where it stands in the body.
pub struct Item {
    pub at: String,
    pub value: Value,
}

impl Fields {
    /// The body itself.
    pub fn body(members: Map<String, Value>) -> Self {
        Self { at: String::new(), members }
    }

    pub fn of(Item { at, value }: Item) -> Result<Self, Error> {
        match value {
            Value::Object(members) => Ok(Self { at, members }),
            other => Err(mismatch(at, "an object", &other)),
        }
    }

    /// Where a field of this object stands in the body.
    pub fn path(&self, name: &str) -> String {
        if self.at.is_empty() { name.to_owned() } else { format!("{}/{name}", self.at) }
    }

    /// Where this object stands in the body.
    pub fn at(&self) -> &str {
        &self.at
    }

    /// The names of the fields that are given.
    pub fn given(&self) -> Vec<String> {
        self.members.iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name.clone()).collect()
    }

    pub fn is_given(&self, name: &str) -> bool {
        #[cfg(test)]
        consulted::note(&self.path(name));
        self.members.get(name).is_some_and(|value| !value.is_null())
    }

    /// Where a change keeps what it does not name, `null` takes away.
    pub fn is_taken_away(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(Value::is_null)
    }

    /// Any value but `null`.
    pub fn any(&mut self, name: &str) -> Option<Value> {
        #[cfg(test)]
        consulted::note(&self.path(name));
        self.members.remove(name).filter(|value| !value.is_null())
    }

    pub fn text(&mut self, name: &str) -> Result<Option<String>, Error> {
        match self.any(name) {
            None => Ok(None),
            Some(Value::String(text)) => clean(&self.path(name), text).map(Some),
            Some(other) => Err(mismatch(self.path(name), "a string", &other)),
        }
    }

    pub fn required_text(&mut self, name: &str) -> Result<String, Error> {
        self.text(name)?.ok_or_else(|| self.missing(name))
    }

    pub fn flag(&mut self, name: &str) -> Result<Option<bool>, Error> {
        match self.any(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(other) => Err(mismatch(self.path(name), "true or false", &other)),
        }
    }

    /// A whole number, also when it is written as `2.0`.
    pub fn integer(&mut self, name: &str) -> Result<Option<i64>, Error> {
        match self.any(name) {
            None => Ok(None),
            Some(Value::Number(number)) => match number.as_i64().or_else(|| whole(number.as_f64()?)) {
                Some(integer) => Ok(Some(integer)),
                None => Err(Error::invalid(self.path(name), "must be a whole number")),
            },
            Some(other) => Err(mismatch(self.path(name), "a whole number", &other)),
        }
    }

    /// A whole number of 32 bits.
    pub fn small_integer(&mut self, name: &str) -> Result<Option<i32>, Error> {
        let Some(integer) = self.integer(name)? else { return Ok(None) };
        let small = i32::try_from(integer);
        small.map(Some).map_err(|_| Error::invalid(self.path(name), "is out of range"))
    }

    /// Any RFC 3339 form. Milliseconds since 1970.
    pub fn time(&mut self, name: &str) -> Result<Option<i64>, Error> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let wrong =
            || Error::invalid(self.path(name), "must be a time such as \"2026-01-01T00:00:00Z\" (RFC 3339)");
        Timestamp::parse_rfc3339(&text).map(|time| Some(time.as_millis())).ok_or_else(wrong)
    }

    pub fn list(&mut self, name: &str) -> Result<Option<Vec<Item>>, Error> {
        let at = self.path(name);
        match self.any(name) {
            None => Ok(None),
            Some(Value::Array(items)) => {
                let item = |(index, value)| Item { at: format!("{at}/{index}"), value };
                Ok(Some(items.into_iter().enumerate().map(item).collect()))
            }
            Some(other) => Err(mismatch(at, "a list", &other)),
        }
    }

    pub fn texts(&mut self, name: &str) -> Result<Option<Vec<String>>, Error> {
        let Some(items) = self.list(name)? else { return Ok(None) };
        items.into_iter().map(Item::text).collect::<Result<_, _>>().map(Some)
    }

    pub fn object(&mut self, name: &str) -> Result<Option<Self>, Error> {
        let at = self.path(name);
        self.any(name).map(|value| Self::of(Item { at, value })).transpose()
    }

    pub fn missing(&self, name: &str) -> Error {
        Error::invalid(self.path(name), "is required")
    }
}

impl Item {
    pub fn text(self) -> Result<String, Error> {
        match self.value {
            Value::String(text) => clean(&self.at, text),
            other => Err(mismatch(self.at, "a string", &other)),
        }
    }
}

/// Not every store takes the character NUL.
fn clean(at: &str, text: String) -> Result<String, Error> {
    if text.contains('\0') { Err(Error::invalid(at, "must not contain the character NUL")) } else { Ok(text) }
}

/// Says what was sent by its shape alone: it may be a secret.
pub fn mismatch(at: impl Into<String>, expected: &str, sent: &Value) -> Error {
    let sent = match sent {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    Error::invalid(at, format!("must be {expected}, not {sent}"))
}

#[expect(clippy::cast_possible_truncation, reason = "whole, and far within the range where it is exact")]
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
}

/// What readers have asked for in this thread, to be compared with what is described.
#[cfg(test)]
pub mod consulted {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    thread_local! {
        static NAMES: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
    }

    /// A field's path, with `*` for any index, or `?name` for a parameter of the query.
    pub fn note(path: &str) {
        let parts = path.split('/').map(|part| if part.parse::<usize>().is_ok() { "*" } else { part });
        let path = parts.collect::<Vec<_>>().join("/");
        NAMES.with_borrow_mut(|names| names.insert(path));
    }

    /// All since the last time.
    pub fn take() -> BTreeSet<String> {
        NAMES.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(value: Value) -> Fields {
        Fields::of(Item { at: "policies/0".into(), value }).unwrap()
    }

    #[test]
    fn null_is_absent() {
        let mut fields = fields(json!({"a": null, "b": null}));
        assert_eq!(fields.text("a").unwrap(), None);
        assert!(fields.list("b").unwrap().is_none());
        assert!(fields.given().is_empty());
    }

    #[test]
    fn a_wrong_type_is_named_by_path_and_shape_and_not_by_value() {
        let mut fields = fields(json!({"a": ["hunter2"], "b": "hunter2", "c": [{}], "d": "a\u{0}b"}));
        let text = |error: Error| error.message().to_owned();
        assert_eq!(text(fields.text("a").unwrap_err()), "policies/0/a: must be a string, not a list");
        assert_eq!(text(fields.flag("b").unwrap_err()), "policies/0/b: must be true or false, not a string");
        assert_eq!(text(fields.texts("c").unwrap_err()), "policies/0/c/0: must be a string, not an object");
        assert!(fields.text("d").is_err());
        assert_eq!(text(fields.required_text("e").unwrap_err()), "policies/0/e: is required");
    }

    #[test]
    fn whole_numbers_are_read_however_they_are_written() {
        let mut numbers =
            fields(json!({"a": 2, "b": 2.0, "c": 2.5, "d": 1e300, "e": u64::MAX, "f": 1_i64 << 40}));
        assert_eq!(numbers.integer("a").unwrap(), Some(2));
        assert_eq!(numbers.integer("b").unwrap(), Some(2));
        for name in ["c", "d", "e"] {
            assert!(numbers.integer(name).is_err(), "{name}");
        }
        assert!(numbers.small_integer("f").is_err());
    }

    #[test]
    fn times_are_read_with_an_offset_and_a_fraction() {
        let mut times = fields(json!({"a": "2014-01-01T05:20:00.123450+00:00", "b": "tomorrow"}));
        assert_eq!(times.time("a").unwrap(), Some(1_388_553_600_123));
        assert!(times.time("b").is_err());
    }
}

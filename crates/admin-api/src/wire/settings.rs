//! Fields of the contract that are kept and returned as they were given. Most of them nothing here acts on; some the policy
//! evaluator reads out for enforcement points, and checks.

use super::fields::{Fields, mismatch};
use super::json;
use model::Error;
use serde_json::{Map, Value, json};

/// What a value must look like.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    Flag,
    Text,
    List,
    Object,
}

/// What a response shows for a field that was never given.
#[derive(Debug, Clone, Copy)]
pub enum Absent {
    Omitted,
    False,
    True,
    EmptyList,
}

/// One such field.
pub struct Setting {
    pub name: &'static str,
    pub shape: Shape,
    pub absent: Absent,
    /// It changes what people see and never who gets in: no need to say that it has no effect.
    pub is_cosmetic: bool,
}

impl Setting {
    pub const fn flag(name: &'static str) -> Self {
        Self { name, shape: Shape::Flag, absent: Absent::False, is_cosmetic: false }
    }

    pub const fn text(name: &'static str) -> Self {
        Self { name, shape: Shape::Text, absent: Absent::Omitted, is_cosmetic: false }
    }

    pub const fn list(name: &'static str) -> Self {
        Self { name, shape: Shape::List, absent: Absent::Omitted, is_cosmetic: false }
    }

    pub const fn object(name: &'static str) -> Self {
        Self { name, shape: Shape::Object, absent: Absent::Omitted, is_cosmetic: false }
    }

    pub const fn shown(self, absent: Absent) -> Self {
        Self { absent, ..self }
    }

    /// Somebody acts on it: there is nothing to note.
    pub const fn acted_on(self) -> Self {
        self.cosmetic()
    }

    pub const fn cosmetic(self) -> Self {
        Self { is_cosmetic: true, ..self }
    }

    fn accepts(&self, value: &Value) -> Result<(), &'static str> {
        match (self.shape, value) {
            (Shape::Flag, Value::Bool(_))
            | (Shape::Text, Value::String(_))
            | (Shape::List, Value::Array(_))
            | (Shape::Object, Value::Object(_)) => Ok(()),
            (Shape::Flag, _) => Err("true or false"),
            (Shape::Text, _) => Err("a string"),
            (Shape::List, _) => Err("a list"),
            (Shape::Object, _) => Err("an object"),
        }
    }

    fn default(&self) -> Option<Value> {
        match self.absent {
            Absent::Omitted => None,
            Absent::False => Some(json!(false)),
            Absent::True => Some(json!(true)),
            Absent::EmptyList => Some(json!([])),
        }
    }
}

/// Takes the settings out of a request. Paths of those that ask for something that will not happen go to `inert`.
pub fn read(
    table: &[Setting],
    fields: &mut Fields,
    inert: &mut Vec<String>,
) -> Result<Map<String, Value>, Error> {
    let mut kept = Map::new();
    for setting in table {
        let Some(value) = fields.any(setting.name) else { continue };
        let at = fields.path(setting.name);
        setting.accepts(&value).map_err(|expected| mismatch(at.as_str(), expected, &value))?;
        if !setting.is_cosmetic && asks_for_something(&value) {
            inert.push(at);
        }
        kept.insert(setting.name.to_owned(), value);
    }
    Ok(kept)
}

/// Puts the settings, or what stands for an absent one, into a response.
pub fn view(table: &[Setting], stored: &str, into: &mut Map<String, Value>) {
    let mut stored = json::stored(stored);
    for setting in table {
        if let Some(value) = stored.remove(setting.name).or_else(|| setting.default()) {
            into.insert(setting.name.to_owned(), value);
        }
    }
}

fn asks_for_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(_) => true,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => members.values().any(asks_for_something),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[Setting] =
        &[Setting::flag("a"), Setting::object("b"), Setting::list("c").shown(Absent::EmptyList).cosmetic()];

    #[test]
    fn what_was_given_comes_back_and_the_rest_is_filled_in() {
        let Value::Object(body) = json!({"a": null, "b": {"x": [1, null]}, "unknown": 1}) else { panic!() };
        let mut inert = Vec::new();
        let kept = read(TABLE, &mut Fields::body(body), &mut inert).unwrap();
        assert_eq!(inert, ["b"]);
        let mut shown = Map::new();
        view(TABLE, &Value::Object(kept).to_string(), &mut shown);
        assert_eq!(Value::Object(shown), json!({"a": false, "b": {"x": [1, null]}, "c": []}));
    }

    #[test]
    fn a_wrong_shape_is_refused() {
        let Value::Object(body) = json!({"a": "yes"}) else { panic!() };
        let error = read(TABLE, &mut Fields::body(body), &mut Vec::new()).unwrap_err();
        assert_eq!(error.violations()[0].field, "a");
    }
}

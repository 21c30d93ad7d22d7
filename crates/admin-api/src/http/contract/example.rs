//! Values that fit what is described, made of its examples.

use serde_json::{Map, Value, json};

/// The schema itself, where it is named elsewhere in the document.
pub fn resolve<'d>(document: &'d Value, schema: &'d Value) -> &'d Value {
    let named =
        schema.get("$ref").and_then(Value::as_str).and_then(|at| document.pointer(at.strip_prefix('#')?));
    named.unwrap_or(schema)
}

/// What it may be, `null` excepted.
pub fn alternatives<'d>(document: &'d Value, schema: &'d Value) -> Vec<&'d Value> {
    let schema = resolve(document, schema);
    match schema.get("anyOf").and_then(Value::as_array) {
        Some(all) => all.iter().filter(|it| it.get("type") != Some(&json!("null"))).collect(),
        None => vec![schema],
    }
}

/// Which members an example has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Those that must be there.
    Required,
    /// All, and of each list one item of every kind.
    Whole,
}

/// `which`: of the alternatives at the top.
pub fn of(document: &Value, schema: &Value, extent: Extent, which: usize) -> Value {
    let alternatives = alternatives(document, schema);
    let Some(schema) = alternatives.get(which % alternatives.len().max(1)) else { return Value::Null };
    let schema = resolve(document, schema);
    if let Some(given) = schema.pointer("/examples/0") {
        return given.clone();
    }
    if let Some(item) = schema.get("items") {
        let kinds = self::alternatives(document, item).len();
        let shown = if extent == Extent::Whole { kinds } else { 1 };
        return (0..shown).map(|kind| of(document, item, extent, kind)).collect();
    }
    let required = schema.get("required").and_then(Value::as_array);
    let is_shown = |name: &str| {
        extent == Extent::Whole
            || required.is_some_and(|names| names.iter().any(|it| it.as_str() == Some(name)))
    };
    let members = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let shown = members.filter(|(name, _)| is_shown(name));
    let shown: Map<_, _> =
        shown.map(|(name, member)| (name.clone(), of(document, member, extent, 0))).collect();
    Value::Object(shown)
}

//! Groups of rules.

use super::fields::Fields;
use super::{rules, time};
use model::Error;
use proto::policy_evaluator::{Group, GroupSpec};
use serde_json::{Value, json};

pub fn read(fields: &mut Fields) -> Result<GroupSpec, Error> {
    Ok(GroupSpec {
        name: fields.required_text("name")?,
        include: rules::read(fields, "include")?,
        require: rules::read(fields, "require")?,
        exclude: rules::read(fields, "exclude")?,
        is_default: fields.flag("is_default")?.unwrap_or_default(),
    })
}

/// `is_default` only when it is: the official clients declare a list there, and take an absent one.
pub fn view(group: Group) -> Value {
    let Group { id, account_id: _, spec, created_at_ms, updated_at_ms } = group;
    let GroupSpec { name, include, require, exclude, is_default } = spec.unwrap_or_default();
    let mut shown = json!({
        "id": id,
        "name": name,
        "include": rules::view(&include),
        "require": rules::view(&require),
        "exclude": rules::view(&exclude),
        "created_at": time(created_at_ms),
        "updated_at": time(updated_at_ms),
    });
    if let (true, Value::Object(shown)) = (is_default, &mut shown) {
        shown.insert("is_default".to_owned(), json!(true));
    }
    shown
}

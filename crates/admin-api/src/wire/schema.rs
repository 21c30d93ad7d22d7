//! JSON described: the bodies that readers take and the results that views show, for the published contract.
//!
//! A noun's description is in its file below, the words to describe it with are here. Tests hold both together: every
//! field that a reader consults is described and the other way round, and every answer fits its description.

pub mod access_log;
pub mod alert;
pub mod api_token;
pub mod application;
pub mod audit;
pub mod certificate;
pub mod failure_mode;
pub mod fleet;
pub mod group;
pub mod keys;
pub mod organization;
pub mod policy;
pub mod policy_check;
pub mod policy_test;
pub mod policy_tests;
pub mod rules;
pub mod session;
pub mod session_signature;
pub mod settings;
pub mod tag;
pub mod token;
pub mod webhook;

use serde_json::{Value, json};
use utoipa::openapi::schema::{
    AdditionalProperties, AnyOfBuilder, ArrayBuilder, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr};

/// What one JSON value looks like.
pub type Shape = RefOr<Schema>;

/// A member of an object.
pub struct Field {
    name: &'static str,
    shape: Shape,
    is_required: bool,
}

/// What other descriptions name by [`named`].
pub fn components() -> Vec<(&'static str, Shape)> {
    vec![
        ("AccessRequest", access_log::access_request()),
        ("AccessRule", rules::rule()),
        ("AlertPolicy", alert::shown()),
        ("ApiToken", api_token::shown()),
        ("ApiTokenWithValue", api_token::shown_with_value()),
        ("Application", application::shown()),
        ("AuditRecord", audit::shown()),
        ("Certificate", certificate::shown()),
        ("Decision", access_log::decision()),
        ("Delivery", alert::delivery()),
        ("Group", group::shown()),
        ("HostnameSetting", certificate::hostname_setting()),
        ("KeySettings", keys::shown()),
        ("Organization", organization::shown()),
        ("Policy", policy::shown()),
        ("PolicyOfApplication", policy::shown_within_application()),
        ("SecretVersion", token::secret_version()),
        ("ServiceToken", token::shown()),
        ("ServiceTokenWithSecret", token::shown_with_secret()),
        ("Tag", tag::shown()),
        ("Webhook", webhook::shown()),
    ]
}

/// One of [`components`].
pub fn named(name: &str) -> Shape {
    Ref::from_schema_name(name).into()
}

/// Always there.
pub fn must(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, is_required: true }
}

/// Of a body: may be left out, for which `null` is another word.
pub fn may(name: &'static str, shape: Shape) -> Field {
    Field { name, shape: nullable(shape), is_required: false }
}

/// Of a result: not always there.
pub fn at_times(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, is_required: false }
}

pub fn record(says: &str, fields: impl IntoIterator<Item = Field>) -> Shape {
    let mut object = ObjectBuilder::new().schema_type(Type::Object).description(said(says));
    for Field { name, shape, is_required } in fields {
        object = object.property(name, shape);
        if is_required {
            object = object.required(name);
        }
    }
    object.into()
}

fn said(says: &str) -> Option<&str> {
    Some(says).filter(|it| !it.is_empty())
}

fn leaf(kind: Type, says: &str, example: impl Into<Value>) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(kind).description(said(says)).examples([example.into()])
}

pub fn text(says: &str, example: &str) -> Shape {
    leaf(Type::String, says, example).into()
}

/// One of these; the first is the example.
pub fn choice(says: &str, of: &[&str]) -> Shape {
    let first = of.first().copied().unwrap_or_default();
    leaf(Type::String, says, first).enum_values(Some(of.iter().copied())).into()
}

pub fn flag(says: &str) -> Shape {
    leaf(Type::Boolean, says, true).into()
}

/// This one value.
pub fn only(value: bool) -> Shape {
    leaf(Type::Boolean, "", value).enum_values(Some([value])).into()
}

pub fn whole(says: &str, example: i64) -> Shape {
    leaf(Type::Integer, says, example).into()
}

/// A whole number within these, both included.
pub fn whole_within(says: &str, least: i64, most: i64) -> Shape {
    leaf(Type::Integer, says, least).minimum(Some(number(least))).maximum(Some(number(most))).into()
}

#[expect(clippy::cast_precision_loss, reason = "bounds are small")]
fn number(bound: i64) -> f64 {
    bound as f64
}

/// RFC 3339.
pub fn time(says: &str) -> Shape {
    let format = Some(SchemaFormat::Custom("date-time".to_owned()));
    leaf(Type::String, says, "2099-01-01T00:00:00Z").format(format).into()
}

pub fn id(says: &str) -> Shape {
    text(says, "f174e90a-fafe-4643-bbbc-4a0ed4fc8415")
}

pub fn list(says: &str, of: Shape) -> Shape {
    ArrayBuilder::new().items(of).description(said(says)).into()
}

pub fn texts(says: &str, example: &str) -> Shape {
    list(says, text("", example))
}

/// Whose members nothing here looks at.
pub fn any_object(says: &str) -> Shape {
    leaf(Type::Object, says, json!({}))
        .additional_properties(Some(AdditionalProperties::FreeForm(true)))
        .into()
}

/// Whose items nothing here looks at.
pub fn any_list(says: &str) -> Shape {
    let item = ObjectBuilder::new().schema_type(SchemaType::AnyValue).build();
    ArrayBuilder::new().items(item).description(said(says)).examples([json!([])]).into()
}

/// Only an empty list: a member of the contract that is refused as soon as it says something.
pub fn none_of(says: &str, of: Shape) -> Shape {
    ArrayBuilder::new().items(of).description(said(says)).examples([json!([])]).max_items(Some(0)).into()
}

/// Whatever was kept.
pub fn anything(says: &str) -> Shape {
    ObjectBuilder::new().schema_type(SchemaType::AnyValue).description(said(says)).into()
}

/// An object by names that are not known beforehand.
pub fn by_name(says: &str, of: Shape, example: Value) -> Shape {
    leaf(Type::Object, says, example).additional_properties(Some(AdditionalProperties::RefOr(of))).into()
}

/// Only an empty object: a member of the contract that is refused as soon as it says something.
pub fn nothing(says: &str) -> Shape {
    leaf(Type::Object, says, json!({})).max_properties(Some(0)).into()
}

/// At least one of these.
pub fn any_of(says: &str, of: impl IntoIterator<Item = Shape>) -> Shape {
    of.into_iter().fold(AnyOfBuilder::new().description(said(says)), AnyOfBuilder::item).into()
}

/// Or `null`.
pub fn nullable(shape: Shape) -> Shape {
    let null = || ObjectBuilder::new().schema_type(Type::Null).build();
    match shape {
        RefOr::T(Schema::Object(mut object)) => {
            if let SchemaType::Type(kind) = object.schema_type {
                object.schema_type = SchemaType::Array(vec![kind, Type::Null]);
            }
            if let Some(values) = &mut object.enum_values {
                values.push(Value::Null);
            }
            Schema::Object(object).into()
        }
        RefOr::T(Schema::Array(mut array)) => {
            array.schema_type = SchemaType::Array(vec![Type::Array, Type::Null]);
            Schema::Array(array).into()
        }
        RefOr::T(Schema::AnyOf(mut any_of)) => {
            any_of.items.push(null().into());
            Schema::AnyOf(any_of).into()
        }
        other => any_of("", [other, null().into()]),
    }
}

/// The answer to a deletion, and to changes that say no more.
pub fn only_id() -> Shape {
    record("", [must("id", id("Its id."))])
}

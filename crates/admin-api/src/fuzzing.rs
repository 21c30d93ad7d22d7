//! The way in for the fuzz targets: the contract's JSON, read. Nothing else uses it, and nothing is promised about it.

use crate::wire::fields::Fields;
use crate::wire::{
    alert, api_token, application, certificate, failure_mode, group, json, keys, organization, policy,
    session_signature, token, webhook,
};
use model::Error;
use proto::change_feed::Wait;
use proto::policy_evaluator::{GroupSpec, Policy, PolicySpec};
use serde_json::{Map, Value};

/// One kind of body.
pub type Reader = fn(Map<String, Value>) -> Result<(), Error>;

/// Every kind of body that the API reads.
pub const READERS: [Reader; 21] = [
    |body| token::read_create(String::new(), &mut Fields::body(body)).map(drop),
    |body| token::read_update(String::new(), String::new(), Wait::None, &mut Fields::body(body)).map(drop),
    |body| token::read_rotate(String::new(), String::new(), Wait::None, &mut Fields::body(body)).map(drop),
    |body| api_token::read_create(String::new(), String::new(), &mut Fields::body(body)).map(drop),
    |body| {
        api_token::read_update(String::new(), String::new(), String::new(), &mut Fields::body(body)).map(drop)
    },
    |body| application::read(&mut Fields::body(body)).map(drop),
    |body| policy::read(&mut Fields::body(body), &mut Vec::new()).map(drop),
    |body| policy::read_links(&mut Fields::body(body), &mut Vec::new()).map(drop),
    |body| certificate::read_create(String::new(), &mut Fields::body(body)).map(drop),
    |body| certificate::read_update(String::new(), String::new(), &mut Fields::body(body)).map(drop),
    |body| certificate::read_settings(&mut Fields::body(body)).map(drop),
    |body| group::read(&mut Fields::body(body)).map(drop),
    |body| organization::read(&mut Fields::body(body)).map(drop),
    |body| organization::read_create(&mut Fields::body(body)).map(drop),
    |body| failure_mode::read(&mut Fields::body(body)).map(drop),
    |body| session_signature::read(&mut Fields::body(body)).map(drop),
    |body| keys::read(String::new(), &mut Fields::body(body)).map(drop),
    |body| alert::read_create(&mut Fields::body(body)).map(drop),
    |body| alert::read_update(String::new(), String::new(), &mut Fields::body(body)).map(drop),
    |body| webhook::read_create(String::new(), &mut Fields::body(body)).map(drop),
    |body| webhook::read_update(String::new(), String::new(), &mut Fields::body(body)).map(drop),
];

/// JSON as every body is read; none if it is not read.
pub fn json(bytes: &[u8]) -> Option<Value> {
    json::parse(bytes).ok()
}

pub fn policy(body: Map<String, Value>) -> Result<PolicySpec, Error> {
    policy::read(&mut Fields::body(body), &mut Vec::new())
}

/// As responses show it.
pub fn view_policy(policy: Policy) -> Value {
    policy::view(policy, false)
}

pub fn group(body: Map<String, Value>) -> Result<GroupSpec, Error> {
    group::read(&mut Fields::body(body))
}

//! Words to speak to the service.

use model::ErrorKind;
use proto::policy_evaluator as wire;
use service_kit::status::from_status;
use tonic::{Response, Status};
use wire::rule::Selector;

/// What a refused call said.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    pub kind: ErrorKind,
    pub reason: String,
    pub message: String,
    pub fields: Vec<String>,
}

impl Refusal {
    pub fn is(&self, kind: ErrorKind, reason: &str) -> bool {
        self.kind == kind && self.reason == reason
    }
}

pub fn refusal<T>(answer: Result<Response<T>, Status>) -> Result<T, Refusal> {
    answer.map(Response::into_inner).map_err(|status| {
        let error = from_status(status);
        Refusal {
            kind: error.kind(),
            reason: error.reason().into(),
            message: error.message().into(),
            fields: error.violations().iter().map(|it| it.field.clone()).collect(),
        }
    })
}

pub const fn rule(selector: Selector) -> wire::Rule {
    wire::Rule { selector: Some(selector) }
}

pub const fn everyone() -> wire::Rule {
    rule(Selector::Everyone(wire::Empty {}))
}

pub fn country(code: &str) -> wire::Rule {
    rule(Selector::CountryCode(code.into()))
}

pub fn token(id: &str) -> wire::Rule {
    rule(Selector::ServiceToken(id.into()))
}

pub fn in_group(id: &str) -> wire::Rule {
    rule(Selector::Group(id.into()))
}

pub fn policy(name: &str, decision: wire::Decision, include: Vec<wire::Rule>) -> wire::PolicySpec {
    wire::PolicySpec { name: name.into(), decision: decision.into(), include, ..Default::default() }
}

pub fn bypass(name: &str, include: Vec<wire::Rule>) -> wire::PolicySpec {
    policy(name, wire::Decision::Bypass, include)
}

pub fn group(name: &str, include: Vec<wire::Rule>) -> wire::GroupSpec {
    wire::GroupSpec { name: name.into(), include, ..Default::default() }
}

pub fn application(domain: &str) -> wire::ApplicationSpec {
    wire::ApplicationSpec {
        name: format!("at {domain}"),
        r#type: "self_hosted".into(),
        domain: domain.into(),
        ..Default::default()
    }
}

pub fn linked(id: &str) -> wire::PolicyLink {
    wire::PolicyLink { policy: Some(wire::policy_link::Policy::Id(id.into())), ..Default::default() }
}

pub fn inline(spec: wire::PolicySpec) -> wire::PolicyLink {
    wire::PolicyLink { policy: Some(wire::policy_link::Policy::Inline(spec)), ..Default::default() }
}

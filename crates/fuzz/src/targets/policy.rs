//! A policy as the API takes it: from JSON to a verdict.

use admin_api::fuzzing::{group, json, policy, view_policy};
use directory::convert;
use model::{Error, ErrorKind, GroupId, PolicyId, TokenId};
use policy::{Certificate, CompiledPolicies, Decision, Facts, Group, Identity, Outcome, Rule};
use proto::policy_evaluator as wire;
use serde_json::{Map, Value};
use std::net::IpAddr;

const GROUP: GroupId = GroupId::from_bytes([0x11; 16]);

pub fn run(data: &[u8]) {
    let Some(Value::Object(body)) = json(data) else { return };
    let group = read_group(body.clone());
    let Some(policy) = named(read(body)) else { return };
    let find = |id: GroupId| group.as_ref().filter(|group| group.id == id);
    let valid = policy.validate(find);
    let is_valid = valid.is_ok();
    named(valid);
    // What was stored before a rule was made stricter is still judged.
    let decision = policy.decision;
    let excludes_all = policy.rules.exclude.contains(&Rule::Everyone);
    let admits_nobody = policy.rules.include.is_empty() || excludes_all;
    let compiled = CompiledPolicies::compile(&[policy], find);
    let token = TokenId::from_bytes([0x70; 16]);
    let address: IpAddr = "10.1.2.3".parse().unwrap();
    let known = Facts::new().with_address(address).with_country("PT".parse::<policy::CountryCode>().ok());
    let all = known
        .with_service_token(token)
        .with_certificate(Certificate { common_name: "host.example" })
        .with_identity(Identity::new("a@example.com", "okta"));
    for facts in [Facts::new(), known, known.with_service_token(token), all] {
        let verdict = compiled.evaluate(&facts);
        let (explained, _) = compiled.explain(&facts);
        assert_eq!(verdict, explained);
        let expected = match decision {
            Decision::Allow => Outcome::Allow,
            Decision::Deny => Outcome::Deny,
            Decision::NonIdentity => Outcome::ServiceAuth,
            Decision::Bypass => Outcome::Bypass,
        };
        assert!(verdict.outcome == expected || verdict.outcome == Outcome::NoMatch);
        assert!(!(is_valid && admits_nobody && verdict.outcome.is_admitted()), "nobody is included");
    }
}

fn read(body: Map<String, Value>) -> Result<policy::Policy, Error> {
    let spec = policy(body)?;
    let stored = wire::Policy {
        id: PolicyId::from_bytes([0x22; 16]).to_string(),
        spec: Some(spec.clone()),
        ..wire::Policy::default()
    };
    // As it is shown, it can be sent again.
    let Value::Object(shown) = view_policy(stored.clone()) else { unreachable!("an object") };
    let again = policy(shown).expect("what is shown is read");
    assert_eq!(
        (
            &again.name,
            again.decision,
            &again.include,
            &again.require,
            &again.exclude,
            &again.session_duration
        ),
        (&spec.name, spec.decision, &spec.include, &spec.require, &spec.exclude, &spec.session_duration)
    );
    convert::policy(&stored)
}

fn read_group(body: Map<String, Value>) -> Option<Group> {
    let spec = named(group(body))?;
    let group = named(convert::group(&wire::Group {
        id: GROUP.to_string(),
        spec: Some(spec),
        ..wire::Group::default()
    }))?;
    named(group.validate(|_| None));
    Some(group)
}

/// A refusal names its field.
fn named<T>(outcome: Result<T, Error>) -> Option<T> {
    outcome
        .inspect_err(|error| {
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
            let violations = error.violations();
            assert!(
                !violations.is_empty() && violations.iter().all(|it| !it.field.is_empty()),
                "{violations:?}"
            );
        })
        .ok()
}

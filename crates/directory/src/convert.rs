//! Messages of `policy_evaluator.proto` to and from the policy engine's types.
//!
//! Errors name fields by the paths of the wire contract: `include/0/ip/ip`.

use model::{Error, ErrorKind, Violation};
use policy::{Certificate, Decision, Facts, Group, Identity, List, Outcome, Policy, Rule, RuleSet};
use proto::policy_evaluator as wire;
use wire::rule::Selector;

/// A selector that this version knows, and a value it accepts. The field is seen from within the rule.
pub fn rule(rule: &wire::Rule) -> Result<Rule, Error> {
    let Some(selector) = &rule.selector else { return Err(Error::invalid("", "unknown selector")) };
    match selector {
        Selector::Everyone(wire::Empty {}) => Ok(Rule::Everyone),
        Selector::Ip(text) => Rule::ip(text),
        Selector::CountryCode(text) => Rule::country(text),
        Selector::ServiceToken(text) => Rule::service_token(text),
        Selector::AnyValidServiceToken(wire::Empty {}) => Ok(Rule::AnyValidServiceToken),
        Selector::Certificate(wire::Empty {}) => Ok(Rule::Certificate),
        Selector::CommonName(text) => Rule::common_name(text),
        Selector::Email(text) => Rule::email(text),
        Selector::EmailDomain(text) => Rule::email_domain(text),
        Selector::LoginMethod(text) => Rule::login_method(text),
        Selector::Group(text) => Rule::group(text),
    }
}

/// Three lists of rules; the error names every rule that is wrong.
pub fn rule_set(
    include: &[wire::Rule],
    require: &[wire::Rule],
    exclude: &[wire::Rule],
) -> Result<RuleSet, Error> {
    let mut violations = Vec::new();
    let mut read = |list: List, rules: &[wire::Rule]| -> Vec<Rule> {
        let checked = rules.iter().enumerate().filter_map(|(index, wire)| match rule(wire) {
            Ok(rule) => Some(rule),
            Err(error) => {
                violations.extend(error.within(&format!("{list}/{index}")).violations().iter().cloned());
                None
            }
        });
        checked.collect()
    };
    let rules = RuleSet {
        include: read(List::Include, include),
        require: read(List::Require, require),
        exclude: read(List::Exclude, exclude),
    };
    refuse(violations).map(|()| rules)
}

fn refuse(mut violations: Vec<Violation>) -> Result<(), Error> {
    if violations.is_empty() {
        return Ok(());
    }
    for violation in &mut violations {
        violation.field.truncate(violation.field.trim_end_matches('/').len());
    }
    let texts: Vec<String> = violations.iter().map(|it| format!("{}: {}", it.field, it.rule)).collect();
    Err(Error::new(ErrorKind::Invalid, "INVALID_FIELD", texts.join("; ")).with_violations(violations))
}

pub fn decision(number: i32) -> Result<Decision, Error> {
    match wire::Decision::try_from(number) {
        Ok(wire::Decision::Allow) => Ok(Decision::Allow),
        Ok(wire::Decision::Deny) => Ok(Decision::Deny),
        Ok(wire::Decision::NonIdentity) => Ok(Decision::NonIdentity),
        Ok(wire::Decision::Bypass) => Ok(Decision::Bypass),
        Ok(wire::Decision::Unspecified) | Err(_) => {
            Err(Error::invalid("decision", "must be allow, deny, non_identity or bypass"))
        }
    }
}

pub const fn decision_to_wire(decision: Decision) -> wire::Decision {
    match decision {
        Decision::Allow => wire::Decision::Allow,
        Decision::Deny => wire::Decision::Deny,
        Decision::NonIdentity => wire::Decision::NonIdentity,
        Decision::Bypass => wire::Decision::Bypass,
    }
}

pub fn policy(policy: &wire::Policy) -> Result<Policy, Error> {
    let spec = policy.spec.as_ref().ok_or_else(|| Error::invalid("spec", "is missing"))?;
    Ok(Policy {
        id: policy.id.parse()?,
        name: spec.name.clone(),
        decision: decision(spec.decision)?,
        rules: rule_set(&spec.include, &spec.require, &spec.exclude)?,
    })
}

pub fn group(group: &wire::Group) -> Result<Group, Error> {
    let spec = group.spec.as_ref().ok_or_else(|| Error::invalid("spec", "is missing"))?;
    Ok(Group {
        id: group.id.parse()?,
        name: spec.name.clone(),
        rules: rule_set(&spec.include, &spec.require, &spec.exclude)?,
    })
}

/// Empty texts are unknown; anything else must be well formed.
pub fn facts(facts: &wire::Facts) -> Result<Facts<'_>, Error> {
    let wire::Facts { ip, country_code, service_token, certificate, identity } = facts;
    let mut known = Facts::new();
    if !ip.is_empty() {
        let address: std::net::IpAddr =
            ip.parse().map_err(|_| Error::invalid("facts/ip", "must be an IP address"))?;
        known = known.with_address(address);
    }
    if !country_code.is_empty() {
        let rule = "must be two letters (ISO 3166-1 alpha-2)";
        let country: policy::CountryCode =
            country_code.parse().map_err(|_| Error::invalid("facts/country_code", rule))?;
        known = known.with_country(country);
    }
    if let Some(token) = service_token {
        let id: model::TokenId = token.id.parse().map_err(|error: Error| error.within("facts"))?;
        known = known.with_service_token(id);
    }
    let certificate = certificate.as_ref().map(|it| Certificate { common_name: &it.common_name });
    let identity = identity.as_ref().map(|it| Identity::new(&it.email, &it.login_method));
    Ok(known.with_certificate(certificate).with_identity(identity))
}

pub fn facts_to_wire(facts: &Facts<'_>) -> wire::Facts {
    wire::Facts {
        ip: facts.address().map(|it| it.to_string()).unwrap_or_default(),
        country_code: facts.country().map(|it| it.to_string()).unwrap_or_default(),
        service_token: facts.service_token().map(|it| wire::facts::ServiceToken { id: it.to_string() }),
        certificate: facts.certificate().map(|it| wire::facts::Certificate {
            common_name: it.common_name.to_owned(),
            sha256: Vec::new(),
        }),
        identity: facts.identity().map(|it| wire::facts::Identity {
            email: it.email().to_owned(),
            login_method: it.login_method().to_owned(),
        }),
    }
}

pub const fn outcome_to_wire(outcome: Outcome) -> wire::Outcome {
    match outcome {
        Outcome::Bypass => wire::Outcome::Bypass,
        Outcome::ServiceAuth => wire::Outcome::ServiceAuth,
        Outcome::Allow => wire::Outcome::Allow,
        Outcome::Deny => wire::Outcome::Deny,
        Outcome::NoMatch => wire::Outcome::NoMatch,
    }
}

/// An outcome that this version does not know admits nobody.
pub fn outcome(number: i32) -> Outcome {
    match wire::Outcome::try_from(number) {
        Ok(wire::Outcome::Bypass) => Outcome::Bypass,
        Ok(wire::Outcome::ServiceAuth) => Outcome::ServiceAuth,
        Ok(wire::Outcome::Allow) => Outcome::Allow,
        Ok(wire::Outcome::Deny) => Outcome::Deny,
        Ok(wire::Outcome::NoMatch | wire::Outcome::Unspecified) | Err(_) => Outcome::NoMatch,
    }
}

pub fn trace_to_wire(trace: policy::PolicyTrace) -> wire::PolicyTrace {
    let policy::PolicyTrace { index: _, id, name, decision, matched, note: _, rules } = trace;
    let rules = rules.into_iter().map(|rule| {
        let policy::RuleTrace { list, index, rule, held, is_in_doubt: _ } = rule;
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        wire::RuleTrace { list: list.to_string(), index, rule, held }
    });
    wire::PolicyTrace {
        policy_id: id.to_string(),
        policy_name: name,
        decision: decision_to_wire(decision).into(),
        matched,
        rules: rules.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wrong_rule_is_named() {
        let rule = |selector| wire::Rule { selector };
        let include = [rule(Some(Selector::Ip("10.0.0.0/8".into()))), rule(Some(Selector::Ip("ten".into())))];
        let exclude = [rule(None), rule(Some(Selector::ServiceToken("a name".into())))];
        let error = rule_set(&include, &[], &exclude).unwrap_err();
        let fields: Vec<&str> = error.violations().iter().map(|it| it.field.as_str()).collect();
        assert_eq!(fields, ["include/1/ip/ip", "exclude/0", "exclude/1/service_token/token_id"]);
    }

    #[test]
    fn facts_survive_the_wire() {
        let token = model::TokenId::random();
        let known = Facts::new()
            .with_address("::ffff:10.1.2.3".parse::<std::net::IpAddr>().unwrap())
            .with_country("pt".parse::<policy::CountryCode>().unwrap())
            .with_service_token(token)
            .with_certificate(Certificate { common_name: "host" })
            .with_identity(Identity::new("a@example.com", "idp"));
        let sent = facts_to_wire(&known);
        assert_eq!((sent.ip.as_str(), sent.country_code.as_str()), ("10.1.2.3", "PT"));
        assert_eq!(facts_to_wire(&facts(&sent).unwrap()), sent);
        let nothing = facts_to_wire(&Facts::new());
        assert_eq!(facts_to_wire(&facts(&nothing).unwrap()), nothing);
    }

    #[test]
    fn malformed_facts_are_refused_by_name() {
        for (sent, field) in [
            (wire::Facts { ip: "localhost".into(), ..Default::default() }, "facts/ip"),
            (wire::Facts { country_code: "Portugal".into(), ..Default::default() }, "facts/country_code"),
        ] {
            assert_eq!(facts(&sent).unwrap_err().violations()[0].field, field);
        }
    }
}

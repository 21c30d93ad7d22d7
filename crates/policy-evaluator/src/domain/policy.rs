use super::Broken;
use super::text::{check_name, check_session_duration, check_settings};
use directory::convert;
use model::{Error, GroupId, PolicyId};
use policy::{Group, Policy, RuleSet};
use proto::policy_evaluator::rule::Selector;
use proto::policy_evaluator::{GroupSpec, PolicySpec, Rule};

/// Everything but the groups it names: [`Policy::validate`] looks at those.
pub fn check_policy(id: PolicyId, spec: &PolicySpec) -> Result<Policy, Error> {
    let PolicySpec { name, decision, include, require, exclude, session_duration, settings_json } = spec;
    let mut broken = Broken::default();
    broken.check(check_name(name));
    let decision = broken.check(convert::decision(*decision));
    let rules = broken.check(check_rules(include, require, exclude));
    broken.check(check_session_duration(session_duration.as_deref()));
    broken.check(check_settings(settings_json));
    broken.refuse()?;
    let (Some(decision), Some(rules)) = (decision, rules) else { return Err(unchecked()) };
    Ok(Policy { id, name: name.clone(), decision, rules })
}

/// Everything but the groups it names: [`Group::validate`] looks at those.
pub fn check_group(id: GroupId, spec: &GroupSpec) -> Result<Group, Error> {
    let GroupSpec { name, include, require, exclude, is_default: _ } = spec;
    let mut broken = Broken::default();
    broken.check(check_name(name));
    let rules = broken.check(check_rules(include, require, exclude));
    broken.refuse()?;
    Ok(Group { id, name: name.clone(), rules: rules.ok_or_else(unchecked)? })
}

fn check_rules(include: &[Rule], require: &[Rule], exclude: &[Rule]) -> Result<RuleSet, Error> {
    if include.is_empty() {
        return Err(Error::invalid("include", "must have at least one rule"));
    }
    convert::rule_set(include, require, exclude)
}

fn unchecked() -> Error {
    Error::internal("a check failed without saying why")
}

/// A token that a rule names, and the field that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRule {
    pub token: String,
    pub field: String,
}

/// The tokens that three lists of rules name, each once.
pub fn token_rules(include: &[Rule], require: &[Rule], exclude: &[Rule]) -> Vec<TokenRule> {
    let lists = [("include", include), ("require", require), ("exclude", exclude)];
    let mut found: Vec<TokenRule> = Vec::new();
    for (list, rules) in lists {
        for (index, rule) in rules.iter().enumerate() {
            let Some(Selector::ServiceToken(token)) = &rule.selector else { continue };
            if !found.iter().any(|it| it.token == *token) {
                let field = format!("{list}/{index}/service_token/token_id");
                found.push(TokenRule { token: token.clone(), field });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::policy_evaluator::{Decision, Empty};

    fn everyone() -> Rule {
        Rule { selector: Some(Selector::Everyone(Empty {})) }
    }

    #[test]
    fn every_field_that_is_wrong_is_named() {
        let spec = PolicySpec {
            name: "x\u{7}".into(),
            decision: 0,
            include: vec![everyone(), Rule { selector: None }],
            session_duration: Some("1y".into()),
            settings_json: "[]".into(),
            ..PolicySpec::default()
        };
        let error = check_policy(PolicyId::random(), &spec).unwrap_err();
        let fields: Vec<&str> = error.violations().iter().map(|it| it.field.as_str()).collect();
        assert_eq!(fields, ["name", "decision", "include/1", "session_duration", "settings_json"]);
    }

    #[test]
    fn names_have_1_to_350_characters() {
        let named = |name: String| PolicySpec {
            name,
            decision: Decision::Allow.into(),
            include: vec![everyone()],
            ..PolicySpec::default()
        };
        for (name, is_good) in [
            ("é".repeat(350), true),
            ("é".repeat(351), false),
            (String::new(), false),
            ("x".repeat(5000), false),
        ] {
            assert_eq!(check_policy(PolicyId::random(), &named(name)).is_ok(), is_good);
        }
    }

    #[test]
    fn a_group_needs_an_include() {
        let spec = GroupSpec { name: "group".into(), require: vec![everyone()], ..GroupSpec::default() };
        assert_eq!(check_group(GroupId::random(), &spec).unwrap_err().violations()[0].field, "include");
    }
}

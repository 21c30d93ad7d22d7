//! What a policy or group must satisfy before it is stored.

use crate::definition::{Decision, Group, Policy, RuleSet};
use crate::resolve::{MAX_CHECKS, MAX_DEPTH, Resolution, Standing};
use crate::rule::Rule;
use model::{Error, ErrorKind, GroupId, Violation};

/// Most rules in one policy or group, its three lists together.
pub const MAX_RULES: usize = 1000;

impl Policy {
    /// Refuses, with every field that is wrong: an empty `include`; too many rules; groups that do not exist, are
    /// circular or too large; and in a bypass policy rules about a person's login, also those within its groups.
    pub fn validate<'a>(&self, find: impl Fn(GroupId) -> Option<&'a Group>) -> Result<(), Error> {
        let groups = Resolution::new(self.rules.groups(), find);
        let mut violations = check_lists(&self.rules, &groups);
        if self.decision == Decision::Bypass {
            let login = self.rules.iter().filter(|(_, _, rule)| uses_login(rule, &groups));
            violations.extend(login.map(|(list, index, rule)| Violation {
                field: format!("{list}/{index}/{}", rule.selector()),
                rule: "a bypass policy is judged before anyone logs in and may not look at the login".into(),
            }));
        }
        refuse(violations)
    }
}

impl Group {
    /// Refuses, with every field that is wrong: an empty `include`; too many rules; groups that do not exist, are
    /// circular (through this group as it is to be) or too large. `find` need not know this group.
    pub fn validate<'s, 'a: 's>(&'s self, find: impl Fn(GroupId) -> Option<&'a Group>) -> Result<(), Error> {
        let find = |id| if id == self.id { Some(self) } else { find(id) };
        let groups = Resolution::new([self.id], find);
        let mut violations = check_lists(&self.rules, &groups);
        if groups.standing(self.id) == Standing::TooLarge && violations.is_empty() {
            violations.push(Violation { field: "include".into(), rule: too_large() });
        }
        refuse(violations)
    }
}

fn check_lists(rules: &RuleSet, groups: &Resolution<'_>) -> Vec<Violation> {
    let mut violations = Vec::new();
    if rules.include.is_empty() {
        violations.push(Violation { field: "include".into(), rule: "must have at least one rule".into() });
    }
    if rules.iter().count() > MAX_RULES {
        violations
            .push(Violation { field: "include".into(), rule: format!("at most {MAX_RULES} rules in all") });
    } else if groups.checks(rules) > MAX_CHECKS {
        violations.push(Violation { field: "include".into(), rule: too_large() });
    }
    for (list, index, rule) in rules.iter() {
        let Rule::Group(id) = rule else { continue };
        let broken = match groups.standing(*id) {
            Standing::Sound(_) => continue,
            Standing::Missing => "no such group".to_owned(),
            Standing::Cyclic => "leads to a group that names itself".to_owned(),
            Standing::TooLarge => too_large(),
        };
        violations.push(Violation { field: format!("{list}/{index}/group/id"), rule: broken });
    }
    violations
}

fn too_large() -> String {
    format!("groups within groups: at most {MAX_DEPTH} deep and {MAX_CHECKS} rules in all")
}

fn uses_login(rule: &Rule, groups: &Resolution<'_>) -> bool {
    match rule {
        Rule::Group(id) => matches!(groups.standing(*id), Standing::Sound(group) if group.needs_identity),
        rule => rule.needs_identity(),
    }
}

fn refuse(violations: Vec<Violation>) -> Result<(), Error> {
    if violations.is_empty() {
        return Ok(());
    }
    let texts: Vec<String> = violations.iter().map(|it| format!("{}: {}", it.field, it.rule)).collect();
    Err(Error::new(ErrorKind::Invalid, "INVALID_FIELD", texts.join("; ")).with_violations(violations))
}

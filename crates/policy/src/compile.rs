//! One application's policies, ready to judge requests.

use crate::definition::{Decision, Group, Policy, RuleSet};
use crate::evaluate::{Check, Checks};
use crate::resolve::{MAX_CHECKS, Resolution, Standing};
use crate::rule::Rule;
use model::{GroupId, PolicyId};

/// One application's policies: groups resolved, in order of evaluation. Immutable; share it behind an `Arc`.
#[derive(Debug)]
pub struct CompiledPolicies {
    /// Bypass and Service Auth by precedence, then Allow and Deny by precedence.
    pub(crate) policies: Box<[CompiledPolicy]>,
    pub(crate) groups: Box<[CompiledGroup]>,
    depends_on: Box<[GroupId]>,
}

#[derive(Debug)]
pub(crate) struct CompiledPolicy {
    /// Place in the list that was compiled.
    pub index: usize,
    pub id: PolicyId,
    pub name: Box<str>,
    pub decision: Decision,
    pub checks: Checks,
}

#[derive(Debug)]
pub(crate) struct CompiledGroup {
    pub id: GroupId,
    pub name: Box<str>,
    pub checks: Checks,
}

impl CompiledPolicies {
    /// `policies` in ascending order of precedence; `find` gives the groups.
    ///
    /// Never fails: a group that is missing, leads into a cycle, or is too large is in doubt wherever it is named,
    /// and so is a policy that is too large itself. See "closed on doubt" in the crate's documentation.
    pub fn compile<'a>(policies: &[Policy], find: impl Fn(GroupId) -> Option<&'a Group>) -> Self {
        let resolution = Resolution::new(policies.iter().flat_map(|policy| policy.rules.groups()), find);
        let mut compiled: Vec<CompiledPolicy> = policies
            .iter()
            .enumerate()
            .map(|(index, policy)| CompiledPolicy {
                index,
                id: policy.id,
                name: policy.name.as_str().into(),
                decision: policy.decision,
                checks: if resolution.checks(&policy.rules) > MAX_CHECKS {
                    Checks::in_doubt("too many rules")
                } else {
                    checks(&policy.rules, &resolution)
                },
            })
            .collect();
        compiled.sort_by_key(|policy| !policy.decision.is_judged_first());
        let groups = resolution
            .sound
            .iter()
            .map(|group| CompiledGroup {
                id: group.id,
                name: group.name.as_str().into(),
                checks: checks(&group.rules, &resolution),
            })
            .collect();
        Self { policies: compiled.into(), groups, depends_on: resolution.ids().collect() }
    }

    /// Every group it was compiled from, directly or through others, missing ones too: compile again when one
    /// of them changes.
    pub fn depends_on(&self) -> &[GroupId] {
        &self.depends_on
    }

    /// Whether any policy has this decision: an application without Allow offers no login.
    pub fn has(&self, decision: Decision) -> bool {
        self.policies.iter().any(|policy| policy.decision == decision)
    }
}

fn checks(rules: &RuleSet, resolution: &Resolution<'_>) -> Checks {
    let list = |rules: &[Rule]| rules.iter().map(|rule| check(rule, resolution)).collect();
    Checks::new(list(&rules.include), list(&rules.require), list(&rules.exclude))
}

fn check(rule: &Rule, resolution: &Resolution<'_>) -> Check {
    let Rule::Group(id) = rule else { return Check::Rule(rule.clone()) };
    match resolution.standing(*id) {
        Standing::Sound(sound) => Check::Group(sound.index),
        Standing::Missing => Check::Doubt(Some(*id), "no such group"),
        Standing::Cyclic => Check::Doubt(Some(*id), "leads to a group that names itself"),
        Standing::TooLarge => Check::Doubt(Some(*id), "too many groups or rules within"),
    }
}

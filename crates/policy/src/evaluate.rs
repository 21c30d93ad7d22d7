//! Judging a request, and explaining the judgement.

use crate::any_of::AnyOf;
use crate::compile::{CompiledGroup, CompiledPolicies, CompiledPolicy};
use crate::definition::{Decision, List};
use crate::facts::Facts;
use crate::rule::{Rule, Truth};
use model::{GroupId, PolicyId};

/// What is to happen with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Admitted without authentication.
    Bypass,
    /// Admitted by a Service Auth policy.
    ServiceAuth,
    /// Admitted by an Allow policy.
    Allow,
    /// Refused by a Deny policy.
    Deny,
    /// No policy matched: refused.
    NoMatch,
}

impl Outcome {
    pub fn is_admitted(self) -> bool {
        match self {
            Self::Bypass | Self::ServiceAuth | Self::Allow => true,
            Self::Deny | Self::NoMatch => false,
        }
    }
}

/// The judgement on a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    pub outcome: Outcome,
    /// The policy that decided; none exactly when none matched.
    pub policy: Option<Decided>,
}

/// The policy that decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decided {
    /// Place in the list that was compiled.
    pub index: usize,
    pub id: PolicyId,
}

/// How one policy was judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyTrace {
    /// Place in the list that was compiled.
    pub index: usize,
    pub id: PolicyId,
    pub name: String,
    pub decision: Decision,
    pub matched: bool,
    /// Why it matched or did not, where the rules alone do not say.
    pub note: Option<&'static str>,
    /// Every rule of the policy, also those that an evaluation need not look at.
    pub rules: Vec<RuleTrace>,
}

/// How one rule was judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleTrace {
    pub list: List,
    /// Place in its list.
    pub index: usize,
    /// The selector and its value for people, and why it is in doubt if it is: `ip 10.0.0.0/8`.
    pub rule: String,
    pub held: bool,
    /// It could not be said whether it holds; `held` is false.
    pub is_in_doubt: bool,
}

impl CompiledPolicies {
    /// The first policy that matches decides. Allocates nothing.
    pub fn evaluate(&self, facts: &Facts<'_>) -> Verdict {
        let decided = self.policies.iter().find(|policy| policy.matches(facts, &self.groups));
        decided.map_or(Verdict { outcome: Outcome::NoMatch, policy: None }, CompiledPolicy::verdict)
    }

    /// The same verdict, and how each policy was judged, in order, up to the one that decided.
    pub fn explain(&self, facts: &Facts<'_>) -> (Verdict, Vec<PolicyTrace>) {
        let mut traces = Vec::new();
        for policy in &self.policies {
            let trace = policy.trace(facts, &self.groups);
            let matched = trace.matched;
            traces.push(trace);
            if matched {
                return (policy.verdict(), traces);
            }
        }
        (Verdict { outcome: Outcome::NoMatch, policy: None }, traces)
    }
}

impl CompiledPolicy {
    fn matches(&self, facts: &Facts<'_>, groups: &[CompiledGroup]) -> bool {
        match self.decision {
            Decision::Allow => facts.identity().is_some() && self.judge(facts, groups) == Truth::Yes,
            Decision::NonIdentity | Decision::Bypass => self.judge(facts, groups) == Truth::Yes,
            Decision::Deny => self.judge(facts, groups) != Truth::No,
        }
    }

    fn judge(&self, facts: &Facts<'_>, groups: &[CompiledGroup]) -> Truth {
        self.checks.judge(&Scene { facts, decision: self.decision, groups })
    }

    fn verdict(&self) -> Verdict {
        let outcome = match self.decision {
            Decision::Allow => Outcome::Allow,
            Decision::Deny => Outcome::Deny,
            Decision::NonIdentity => Outcome::ServiceAuth,
            Decision::Bypass => Outcome::Bypass,
        };
        Verdict { outcome, policy: Some(Decided { index: self.index, id: self.id }) }
    }

    fn trace(&self, facts: &Facts<'_>, groups: &[CompiledGroup]) -> PolicyTrace {
        let truth = self.judge(facts, groups);
        let note = match (self.decision, truth) {
            (Decision::Allow, _) if facts.identity().is_none() => Some("an Allow policy needs an identity"),
            (Decision::Deny, Truth::Doubt) => Some("in doubt, so it denies"),
            (Decision::Allow | Decision::NonIdentity | Decision::Bypass, Truth::Doubt) => {
                Some("in doubt, so it does not admit")
            }
            (_, Truth::Yes | Truth::No) => None,
        };
        PolicyTrace {
            index: self.index,
            id: self.id,
            name: self.name.as_ref().to_owned(),
            decision: self.decision,
            matched: self.matches(facts, groups),
            note,
            rules: self.checks.trace(&Scene { facts, decision: self.decision, groups }),
        }
    }
}

/// What checks are judged against.
pub(crate) struct Scene<'a> {
    pub facts: &'a Facts<'a>,
    decision: Decision,
    groups: &'a [CompiledGroup],
}

/// A rule with its group resolved.
#[derive(Debug)]
pub(crate) enum Check {
    Rule(Rule),
    /// Place among the compiled groups.
    Group(usize),
    /// Can never be said, and why.
    Doubt(Option<GroupId>, &'static str),
}

/// The compiled form of a [`RuleSet`](crate::RuleSet).
#[derive(Debug)]
pub(crate) struct Checks {
    include: Box<[Check]>,
    require: Box<[Check]>,
    exclude: Box<[Check]>,
    any_included: AnyOf,
    any_excluded: AnyOf,
}

impl Checks {
    pub fn new(include: Box<[Check]>, require: Box<[Check]>, exclude: Box<[Check]>) -> Self {
        let (any_included, any_excluded) = (AnyOf::new(&include), AnyOf::new(&exclude));
        Self { include, require, exclude, any_included, any_excluded }
    }

    pub fn in_doubt(why: &'static str) -> Self {
        Self::new([Check::Doubt(None, why)].into(), [].into(), [].into())
    }

    fn judge(&self, scene: &Scene<'_>) -> Truth {
        let mut truth = self.any_included.judge(&self.include, scene);
        for check in &self.require {
            if truth == Truth::No {
                return truth;
            }
            truth = truth.min(check.judge(scene));
        }
        if truth == Truth::No || self.exclude.is_empty() {
            return truth;
        }
        truth.min(!self.any_excluded.judge(&self.exclude, scene))
    }

    fn trace(&self, scene: &Scene<'_>) -> Vec<RuleTrace> {
        [(List::Include, &self.include), (List::Require, &self.require), (List::Exclude, &self.exclude)]
            .into_iter()
            .flat_map(|(list, checks)| {
                checks.iter().enumerate().map(move |(index, check)| {
                    let truth = check.judge(scene);
                    RuleTrace {
                        list,
                        index,
                        rule: check.describe(truth, scene),
                        held: truth == Truth::Yes,
                        is_in_doubt: truth == Truth::Doubt,
                    }
                })
            })
            .collect()
    }
}

impl Check {
    /// Compiling bounds how deep groups nest and how many rules they hold in all.
    pub fn judge(&self, scene: &Scene<'_>) -> Truth {
        match self {
            Self::Rule(rule) => rule.judge(scene.facts, scene.decision),
            Self::Group(index) => {
                scene.groups.get(*index).map_or(Truth::Doubt, |group| group.checks.judge(scene))
            }
            Self::Doubt(..) => Truth::Doubt,
        }
    }

    fn describe(&self, truth: Truth, scene: &Scene<'_>) -> String {
        let (text, doubt) = match self {
            Self::Rule(rule) if rule.needs_identity() => {
                (rule.to_string(), "a login-time rule in a bypass policy")
            }
            Self::Rule(rule) => (rule.to_string(), "the client's address is unknown"),
            Self::Group(index) => {
                let text = match scene.groups.get(*index) {
                    Some(group) => format!("group {} ({})", group.id, group.name),
                    None => "group".to_owned(),
                };
                (text, "a rule within is in doubt")
            }
            Self::Doubt(Some(id), why) => (Rule::Group(*id).to_string(), *why),
            Self::Doubt(None, why) => ("policy".to_owned(), *why),
        };
        if truth == Truth::Doubt { format!("{text} (in doubt: {doubt})") } else { text }
    }
}

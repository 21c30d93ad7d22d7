//! Policies and groups as they are written, before compiling.

use crate::rule::Rule;
use model::{Error, GroupId, PolicyId};
use std::fmt;
use std::str::FromStr;

/// What a policy does with the requests it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Admits a person. Never matches without an identity: a service token alone is not enough.
    Allow,
    /// Refuses; may match anyone.
    Deny,
    /// Service Auth: admits without a login.
    NonIdentity,
    /// Admits everything that matches, unauthenticated.
    Bypass,
}

impl Decision {
    /// As the wire contract writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::NonIdentity => "non_identity",
            Self::Bypass => "bypass",
        }
    }

    /// Judged before every Allow and Deny, whatever the precedence.
    pub fn is_judged_first(self) -> bool {
        match self {
            Self::Bypass | Self::NonIdentity => true,
            Self::Allow | Self::Deny => false,
        }
    }
}

impl FromStr for Decision {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        [Self::Allow, Self::Deny, Self::NonIdentity, Self::Bypass]
            .into_iter()
            .find(|decision| decision.as_str() == text)
            .ok_or_else(|| Error::invalid("decision", "must be allow, deny, non_identity or bypass"))
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which of a policy's lists a rule is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum List {
    Include,
    Require,
    Exclude,
}

impl List {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Include => "include",
            Self::Require => "require",
            Self::Exclude => "exclude",
        }
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Holds when any of `include` holds, all of `require` hold, and none of `exclude` holds.
/// With an empty `include` it never holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleSet {
    pub include: Vec<Rule>,
    pub require: Vec<Rule>,
    pub exclude: Vec<Rule>,
}

impl RuleSet {
    pub fn list(&self, list: List) -> &[Rule] {
        match list {
            List::Include => &self.include,
            List::Require => &self.require,
            List::Exclude => &self.exclude,
        }
    }

    /// Every rule with its list and its index within it.
    pub fn iter(&self) -> impl Iterator<Item = (List, usize, &Rule)> {
        [List::Include, List::Require, List::Exclude].into_iter().flat_map(move |list| {
            self.list(list).iter().enumerate().map(move |(index, rule)| (list, index, rule))
        })
    }

    /// The groups it names itself, repeated as often as they are named.
    pub fn groups(&self) -> impl Iterator<Item = GroupId> {
        self.iter().filter_map(|(_, _, rule)| match rule {
            Rule::Group(group) => Some(*group),
            Rule::Everyone
            | Rule::Ip(_)
            | Rule::Country(_)
            | Rule::ServiceToken(_)
            | Rule::AnyValidServiceToken
            | Rule::Certificate
            | Rule::CommonName(_)
            | Rule::Email(_)
            | Rule::EmailDomain(_)
            | Rule::LoginMethod(_) => None,
        })
    }
}

/// A policy. Its precedence is its place in the list that is compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub id: PolicyId,
    pub name: String,
    pub decision: Decision,
    pub rules: RuleSet,
}

/// Rules under a name, for several policies. In `require` it gives what OR is in `include`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub id: GroupId,
    pub name: String,
    pub rules: RuleSet,
}

//! What an API token may do.

use model::Error;
use proto::token_registry::Scope;
use std::collections::BTreeSet;
use std::fmt;

/// Stored as the names of the protocol, without their prefix, a space between two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scopes(BTreeSet<i32>);

const PREFIX: &str = "SCOPE_";

impl Scopes {
    pub fn of(wire: &[i32]) -> Result<Self, Error> {
        let is_one = |scope: &i32| Scope::try_from(*scope).is_ok_and(|it| it != Scope::Unspecified);
        if wire.is_empty() {
            return Err(Error::invalid("scopes", "must name at least one"));
        }
        if !wire.iter().all(is_one) {
            return Err(Error::invalid("scopes", "there is no such scope"));
        }
        Ok(Self(wire.iter().copied().collect()))
    }

    pub const fn none() -> Self {
        Self(BTreeSet::new())
    }

    /// A name that this version does not know gives nothing.
    pub fn stored(text: &str) -> Self {
        let known = |name| Scope::from_str_name(&format!("{PREFIX}{name}")).map(i32::from);
        Self(text.split(' ').filter_map(known).collect())
    }

    pub fn wire(&self) -> Vec<i32> {
        self.0.iter().copied().collect()
    }

    /// Whether these give everything that `others` give.
    pub fn cover(&self, others: &Self) -> bool {
        others.0.iter().all(|scope| self.gives(*scope))
    }

    fn gives(&self, scope: i32) -> bool {
        let has = |it: Scope| self.0.contains(&it.into());
        let writing = match Scope::try_from(scope) {
            Ok(Scope::ServiceTokensRead) => has(Scope::ServiceTokensWrite),
            Ok(Scope::AppsAndPoliciesRead) => has(Scope::AppsAndPoliciesWrite),
            Ok(Scope::NotificationsRead) => has(Scope::NotificationsWrite),
            _ => false,
        };
        self.0.contains(&scope) || writing || has(Scope::AccountAdmin)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().filter_map(|scope| Scope::try_from(*scope).ok());
        let names = names.filter_map(|scope| scope.as_str_name().strip_prefix(PREFIX));
        f.write_str(&names.collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(of: &[Scope]) -> Scopes {
        Scopes::of(&of.iter().map(|it| i32::from(*it)).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn writing_includes_reading_and_administration_everything() {
        let write = scopes(&[Scope::AppsAndPoliciesWrite]);
        assert!(write.cover(&scopes(&[Scope::AppsAndPoliciesRead])));
        assert!(!scopes(&[Scope::AppsAndPoliciesRead]).cover(&write));
        assert!(!write.cover(&scopes(&[Scope::ServiceTokensRead])));
        let every: Vec<_> = (1..=8).map(|it| Scope::try_from(it).unwrap()).collect();
        assert!(scopes(&[Scope::AccountAdmin]).cover(&scopes(&every)));
        assert!(!scopes(&every[..7]).cover(&scopes(&[Scope::AccountAdmin])));
    }

    #[test]
    fn what_is_stored_is_read_again_and_what_is_unknown_gives_nothing() {
        let both = scopes(&[Scope::NotificationsWrite, Scope::ServiceTokensRead]);
        assert_eq!(both.to_string(), "SERVICE_TOKENS_READ NOTIFICATIONS_WRITE");
        assert_eq!(Scopes::stored(&both.to_string()), both);
        assert_eq!(Scopes::stored("ROOT SERVICE_TOKENS_READ").wire(), [1]);
        assert!(Scopes::of(&[]).is_err() && Scopes::of(&[0]).is_err() && Scopes::of(&[9]).is_err());
    }
}

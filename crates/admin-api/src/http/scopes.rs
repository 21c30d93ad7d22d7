//! What an API token may do. What a call needs is said with its [`operation`](super::operation).

use super::problem::Problem;
use crate::wire::api_token::permission;
use proto::token_registry::Scope;
use std::sync::Arc;

/// What an API token may do.
#[derive(Debug, Clone)]
pub struct Scopes(Arc<[Scope]>);

impl Scopes {
    /// A configured token's.
    pub fn all() -> Self {
        Self([Scope::AccountAdmin].into())
    }

    /// What this version does not know gives nothing.
    pub fn of(scopes: &[i32]) -> Self {
        Self(scopes.iter().filter_map(|scope| Scope::try_from(*scope).ok()).collect())
    }

    fn give(&self, needed: Scope) -> bool {
        self.0
            .iter()
            .any(|scope| *scope == needed || *scope == Scope::AccountAdmin || writing(needed) == Some(*scope))
    }

    pub fn check(&self, needed: Option<Scope>) -> Result<(), Problem> {
        match needed {
            Some(scope) if !self.give(scope) => Err(Problem::missing_permission(permission(scope))),
            _ => Ok(()),
        }
    }
}

/// What includes it.
const fn writing(scope: Scope) -> Option<Scope> {
    match scope {
        Scope::ServiceTokensRead => Some(Scope::ServiceTokensWrite),
        Scope::AppsAndPoliciesRead => Some(Scope::AppsAndPoliciesWrite),
        Scope::NotificationsRead => Some(Scope::NotificationsWrite),
        _ => None,
    }
}

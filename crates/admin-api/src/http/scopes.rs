//! Which permission a call needs. What is not listed needs the account's administration.

use super::problem::Problem;
use crate::wire::api_token::permission;
use http::Method;
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

/// By the beginning of what follows the account: what reading and what changing needs.
const NEEDED: [(&str, Scope, Scope); 11] = [
    ("access/service_tokens", Scope::ServiceTokensRead, Scope::ServiceTokensWrite),
    ("service_tokens", Scope::ServiceTokensRead, Scope::ServiceTokensWrite),
    ("access/apps", Scope::AppsAndPoliciesRead, Scope::AppsAndPoliciesWrite),
    ("access/policies", Scope::AppsAndPoliciesRead, Scope::AppsAndPoliciesWrite),
    ("access/groups", Scope::AppsAndPoliciesRead, Scope::AppsAndPoliciesWrite),
    ("access/tags", Scope::AppsAndPoliciesRead, Scope::AppsAndPoliciesWrite),
    ("apps", Scope::AppsAndPoliciesRead, Scope::AppsAndPoliciesWrite),
    ("alerting/v3", Scope::NotificationsRead, Scope::NotificationsWrite),
    ("access/logs/access_requests", Scope::AuditLogsRead, Scope::AccountAdmin),
    ("access/logs/access-requests", Scope::AuditLogsRead, Scope::AccountAdmin),
    ("decisions", Scope::AuditLogsRead, Scope::AccountAdmin),
];

/// Open to every good token: what it says of itself, and what there is to be had.
const OPEN: [&str; 3] = [
    "/client/v4/user/tokens/verify",
    "/client/v4/accounts/{account_id}/tokens/verify",
    "/client/v4/accounts/{account_id}/tokens/permission_groups",
];

/// A question, although it is posted: it changes nothing.
const QUESTIONS: [&str; 1] = ["apps/{app_id}/policy_test"];

/// `route` is the template; `None`: nothing beyond a good token.
pub fn needed(method: &Method, route: &str) -> Option<Scope> {
    if OPEN.contains(&route) {
        return None;
    }
    let rest = ["/client/v4/accounts/{account_id}/", "/sallyport/v1/accounts/{account_id}/"];
    let rest = rest.iter().find_map(|prefix| route.strip_prefix(prefix)).unwrap_or_default();
    let is_of =
        |prefix: &str| rest.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let asks = *method == Method::POST && QUESTIONS.contains(&rest);
    let reads = asks || *method == Method::GET || *method == Method::HEAD;
    let found = NEEDED.iter().find(|(prefix, ..)| is_of(prefix));
    Some(found.map_or(Scope::AccountAdmin, |(_, read, write)| if reads { *read } else { *write }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_listed_needs_the_administration() {
        for route in [
            "",
            "/sallyport/v1/fleet",
            "/client/v4/accounts/{account_id}/access/keys/rotate",
            "/client/v4/accounts/{account_id}/access/organizations",
            "/client/v4/accounts/{account_id}/access/appsettings",
            "/client/v4/accounts/{account_id}/tokens",
            "/client/v4/accounts/{account_id}/tokens/{id}",
            "/client/v4/accounts/{account_id}/something/new",
            "/elsewhere/access/apps",
        ] {
            assert_eq!(needed(&Method::GET, route), Some(Scope::AccountAdmin), "{route}");
        }
    }

    #[test]
    fn reading_and_changing_are_told_apart_by_the_method() {
        let route = "/client/v4/accounts/{account_id}/access/service_tokens/{id}";
        assert_eq!(needed(&Method::GET, route), Some(Scope::ServiceTokensRead));
        for method in [Method::PUT, Method::DELETE, Method::POST, Method::PATCH, Method::OPTIONS] {
            assert_eq!(needed(&method, route), Some(Scope::ServiceTokensWrite), "{method}");
        }
        let rotation = "/sallyport/v1/accounts/{account_id}/service_tokens/{id}/rotation";
        assert_eq!(needed(&Method::DELETE, rotation), Some(Scope::ServiceTokensWrite));
        assert_eq!(needed(&Method::POST, &format!("{rotation}/undo")), Some(Scope::ServiceTokensWrite));
        let secrets = "/sallyport/v1/accounts/{account_id}/service_tokens/{id}/secrets";
        assert_eq!(needed(&Method::GET, secrets), Some(Scope::ServiceTokensRead));
        let mode = "/sallyport/v1/accounts/{account_id}/apps/{app_id}/failure_mode";
        assert_eq!(needed(&Method::PUT, mode), Some(Scope::AppsAndPoliciesWrite));
    }

    #[test]
    fn a_question_that_is_posted_needs_reading_only() {
        let test = "/sallyport/v1/accounts/{account_id}/apps/{app_id}/policy_test";
        assert_eq!(needed(&Method::POST, test), Some(Scope::AppsAndPoliciesRead));
        assert_eq!(needed(&Method::PUT, test), Some(Scope::AppsAndPoliciesWrite));
        let below = format!("{test}/kept");
        assert_eq!(needed(&Method::POST, &below), Some(Scope::AppsAndPoliciesWrite));
    }
}

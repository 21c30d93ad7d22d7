//! What the contract has for people, their devices and their logins. Nobody logs in here, so there are none of them:
//! the lists are empty, and whatever would make one is refused in words.

use super::answer::Answer;
use super::problem::Problem;
use super::request::Page;
use super::{Outcome, Router};
use axum::routing::{any, get};
use model::Error;

/// Lists that are empty because there is nothing of their kind.
const NONE_OF: [(&str, &str); 4] = [
    ("identity_providers", "identity providers"),
    ("users", "users"),
    ("bookmarks", "bookmarks"),
    ("custom_pages", "custom pages"),
];

/// Everything below these paths.
const NOTHING_BELOW: [(&str, &str); 11] = [
    (
        "access/policy-tests",
        "policy tests, which try policies on users and answer how many of them get in (of a service token ask \
         access/apps/{app_id}/user_policy_checks?service_token_id=…),",
    ),
    ("access/seats", "seats"),
    ("access/apps/ca", "short-lived certificate authorities"),
    ("access/apps/{app_id}/ca", "short-lived certificate authorities"),
    ("access/gateway_ca", "short-lived certificate authorities"),
    ("access/idp_federation_grants", "identity providers"),
    ("access/saml_certificates", "identity providers"),
    ("access/logs/scim", "identity providers"),
    ("access/ai-controls", "portals for MCP servers"),
    ("access/organizations/doh", "DNS over HTTPS"),
    ("devices", "devices"),
];

pub fn routes() -> Router {
    let mut router = Router::new();
    for (noun, what) in NONE_OF {
        let refuse = move || async move { Problem::not_supported(what) };
        router = router
            .route(&format!("/access/{noun}"), get(none).post(refuse))
            .route(&format!("/access/{noun}/{{id}}"), any(no_such))
            .route(&format!("/access/{noun}/{{id}}/{{*rest}}"), any(no_such));
    }
    for (path, what) in NOTHING_BELOW {
        let refuse = move || async move { Problem::not_supported(what) };
        router =
            router.route(&format!("/{path}"), any(refuse)).route(&format!("/{path}/{{*rest}}"), any(refuse));
    }
    router
}

async fn none(page: Page) -> Outcome {
    Ok(Answer::page(Vec::new(), page, 0))
}

async fn no_such() -> Problem {
    Error::not_found("object").into()
}

//! What the contract has for people, their devices and their logins. Nobody logs in here, so there are none of them:
//! the lists are empty, and whatever would make one is refused in words.

use super::Outcome;
use super::answer::Answer;
use super::operation::{get, page_of};
use super::problem::Problem;
use super::request::Page;
use super::routes::Routes;
use crate::wire::schema::application as schema;
use http::Method;
use model::Error;
use proto::token_registry::Scope::AccountAdmin;

/// Lists that are empty because there is nothing of their kind: the list, everything below it, and their names.
const NONE_OF: [(&str, &str, &str, &str, &str, &str); 4] = [
    (
        "/access/identity_providers",
        "/access/identity_providers/{id}",
        "/access/identity_providers/{id}/{*rest}",
        "identity providers",
        "list_identity_providers",
        "Identity providers, of which there are none",
    ),
    (
        "/access/users",
        "/access/users/{id}",
        "/access/users/{id}/{*rest}",
        "users",
        "list_users",
        "People, of whom there are none",
    ),
    (
        "/access/bookmarks",
        "/access/bookmarks/{id}",
        "/access/bookmarks/{id}/{*rest}",
        "bookmarks",
        "list_bookmarks",
        "Bookmarks, of which there are none",
    ),
    (
        "/access/custom_pages",
        "/access/custom_pages/{id}",
        "/access/custom_pages/{id}/{*rest}",
        "custom pages",
        "list_custom_pages",
        "Pages for people, of which there are none",
    ),
];

/// A path and everything below it.
const NOTHING_BELOW: [(&str, &str, &str); 10] = [
    ("/access/seats", "/access/seats/{*rest}", "seats"),
    ("/access/apps/ca", "/access/apps/ca/{*rest}", "short-lived certificate authorities"),
    ("/access/apps/{app_id}/ca", "/access/apps/{app_id}/ca/{*rest}", "short-lived certificate authorities"),
    ("/access/gateway_ca", "/access/gateway_ca/{*rest}", "short-lived certificate authorities"),
    ("/access/idp_federation_grants", "/access/idp_federation_grants/{*rest}", "identity providers"),
    ("/access/saml_certificates", "/access/saml_certificates/{*rest}", "identity providers"),
    ("/access/logs/scim", "/access/logs/scim/{*rest}", "identity providers"),
    ("/access/ai-controls", "/access/ai-controls/{*rest}", "portals for MCP servers"),
    ("/access/organizations/doh", "/access/organizations/doh/{*rest}", "DNS over HTTPS"),
    ("/devices", "/devices/{*rest}", "devices"),
];

pub fn routes() -> Routes {
    let mut routes = Routes::of("People");
    for (path, one, below, what, id, summary) in NONE_OF {
        routes = routes
            .serve(get(path, id, summary, AccountAdmin, page_of(schema::nothing_more())), none)
            .refuse(Some(Method::POST), path, move || Problem::not_supported(what))
            .refuse(None, one, no_such)
            .refuse(None, below, no_such);
    }
    for (path, below, what) in NOTHING_BELOW {
        let refuse = move || Problem::not_supported(what);
        routes = routes.refuse(None, path, refuse).refuse(None, below, refuse);
    }
    routes
}

async fn none(page: Page) -> Outcome {
    Ok(Answer::page(Vec::new(), page, 0))
}

fn no_such() -> Problem {
    Error::not_found("object").into()
}

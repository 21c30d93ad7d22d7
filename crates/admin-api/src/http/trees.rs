//! All routes, and where each noun is mounted.

use super::routes::Tree;
use super::{
    access_log, alerting, api_tokens, app_settings, apps, audit_logs, certificates, contract as published,
    failure_mode, fleet, groups, keys, organizations, policies, policy_checks, policy_test, policy_tests,
    rotation, service_tokens, session_signature, sessions, tags, unsupported,
};

/// The public contract.
pub fn contract() -> Tree {
    Tree::at(
        "/client/v4/accounts/{account_id}",
        [
            service_tokens::routes(),
            apps::routes(),
            app_settings::routes(),
            policy_checks::routes(),
            policies::routes(),
            policy_tests::routes(),
            groups::routes(),
            tags::routes(),
            certificates::routes(),
            organizations::routes(),
            keys::routes(),
            alerting::routes(),
            alerting::policies::routes(),
            alerting::webhooks::routes(),
            access_log::routes(),
            audit_logs::routes(),
            api_tokens::routes(),
            unsupported::routes(),
        ],
    )
}

/// What it has no words for.
pub fn ours() -> Tree {
    Tree::at(
        "/sallyport/v1/accounts/{account_id}",
        [
            rotation::routes(),
            failure_mode::routes(),
            session_signature::routes(),
            policy_test::routes(),
            sessions::routes(),
            keys::own_routes(),
            access_log::own_routes(),
        ],
    )
}

/// Of no account: the presented token's.
pub fn of_the_caller() -> Tree {
    Tree::at("/client/v4", [api_tokens::routes_of_the_caller()])
}

/// Of no account: the installation's.
pub fn of_the_whole() -> Tree {
    Tree::at("/sallyport/v1", [fleet::routes()])
}

/// For everybody.
pub fn open() -> Tree {
    Tree::at("/client/v4", [published::routes()])
}

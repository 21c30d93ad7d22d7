//! `apps/{app_id}/policy_test` of our own API: would this token, from this address, get in, and why.

use super::answer::Answer;
use super::authenticate::Account;
use super::body::Body;
use super::judged::judge;
use super::operation::{ok, post};
use super::request::Target;
use super::routes::Routes;
use super::{App, Outcome};
use crate::wire::policy_test;
use crate::wire::schema::policy_test as schema;
use axum::extract::State;
use proto::token_registry::Scope::AppsAndPoliciesRead;

pub fn routes() -> Routes {
    let summary = "Would such a request get in, and why: a question, which changes nothing";
    Routes::of("Applications").serve(
        post(
            "/apps/{app_id}/policy_test",
            "test_policies",
            summary,
            AppsAndPoliciesRead,
            ok(schema::shown()),
        )
        .takes(schema::given()),
        test,
    )
}

async fn test(
    State(mut app): State<App>,
    Account(account_id): Account,
    target: Target,
    Body(mut fields): Body,
) -> Outcome {
    let asked = policy_test::read(&mut fields)?;
    Ok(Answer::ok(policy_test::view(judge(&mut app, account_id, target.app_id, asked).await?)))
}

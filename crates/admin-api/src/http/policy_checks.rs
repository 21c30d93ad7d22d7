//! `access/apps/{app_id}/user_policy_checks`: what an application's policies would say of a caller, and why.
//!
//! The contract asks it of the person who is logged in. Here it is asked of a service token, by
//! `?service_token_id=<id>`; `ip` and `country` say where the request would come from. Without a token it is asked of
//! a caller without credentials. It is the judgement of [`super::policy_test`] in the contract's form.

use super::answer::Answer;
use super::authenticate::Account;
use super::judged::judge;
use super::operation::{get, ok, word};
use super::request::{Query, Target};
use super::routes::Routes;
use super::{App, Outcome};
use crate::wire::judged::{Asked, Given};
use crate::wire::policy_check;
use crate::wire::schema::policy_check as schema;
use axum::extract::State;
use proto::token_registry::Scope::AppsAndPoliciesRead;

pub fn routes() -> Routes {
    let summary = "How the application's policies would judge a caller, and why";
    Routes::of("Applications").serve(
        get(
            "/access/apps/{app_id}/user_policy_checks",
            "check_policies",
            summary,
            AppsAndPoliciesRead,
            ok(schema::shown()),
        )
        .asks([
            word(
                "service_token_id",
                "The caller; left out: somebody without credentials.",
                "f174e90a-fafe-4643-bbbc-4a0ed4fc8415",
            ),
            word("ip", "Where it comes from.", "192.0.2.1"),
            word("country", "ISO 3166-1 alpha-2.", "PT"),
        ]),
        check,
    )
}

async fn check(
    State(mut app): State<App>,
    Account(account_id): Account,
    target: Target,
    query: Query,
) -> Outcome {
    let given = |field| Given { field, text: query.text(field) };
    let token = query.get("service_token_id").map(str::to_owned);
    let asked = Asked::new(token, given("ip"), given("country"), None)?;
    Ok(Answer::ok(policy_check::view(judge(&mut app, account_id, target.app_id, asked).await?)))
}

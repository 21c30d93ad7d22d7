//! `access/apps/{app_id}/user_policy_checks`: what an application's policies would say of a caller, and why.
//!
//! The contract asks it of the person who is logged in. Here it is asked of a service token, by
//! `?service_token_id=<id>`; `ip` and `country` say where the request would come from. Without a token it is asked of
//! a caller without credentials. It is the judgement of [`super::policy_test`] in the contract's form.

use super::answer::Answer;
use super::authenticate::Account;
use super::judged::judge;
use super::request::{Query, Target};
use super::{App, Outcome, Router};
use crate::wire::judged::{Asked, Given};
use crate::wire::policy_check;
use axum::extract::State;
use axum::routing::get;

pub fn routes() -> Router {
    Router::new().route("/access/apps/{app_id}/user_policy_checks", get(check))
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

//! `apps/{app_id}/policy_test` of our own API: would this token, from this address, get in, and why.

use super::answer::Answer;
use super::authenticate::Account;
use super::body::Body;
use super::judged::judge;
use super::request::Target;
use super::{App, Outcome, Router};
use crate::wire::policy_test;
use axum::extract::State;
use axum::routing::post;

pub fn routes() -> Router {
    Router::new().route("/apps/{app_id}/policy_test", post(test))
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

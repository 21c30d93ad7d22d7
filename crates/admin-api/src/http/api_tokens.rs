//! `tokens`: the API tokens of an account; `user/tokens/verify`: what the presented one is worth.

use super::answer::Answer;
use super::authenticate::{Account, Actor};
use super::body::{Body, OptionalBody};
use super::problem::Problem;
use super::request::{Page, Query, Target};
use super::{App, Outcome, Router, answered, present};
use crate::wire::api_token;
use axum::extract::State;
use axum::routing::{get, put};
use model::Error;
use proto::token_registry::{
    DeleteApiTokenRequest, GetApiTokenRequest, ListApiTokensRequest, RollApiTokenRequest,
};
use serde_json::{Value, json};

pub fn routes() -> Router {
    Router::new()
        .route("/tokens", get(list).post(create))
        .route("/tokens/verify", get(verify))
        .route("/tokens/permission_groups", get(permission_groups))
        .route("/tokens/{id}", get(read).put(update).delete(delete))
        .route("/tokens/{id}/value", put(roll))
}

/// Of no account: it is the presented token's.
pub fn routes_of_the_caller() -> Router {
    Router::new().route("/user/tokens/verify", get(verify))
}

/// A token that is not good has been refused before.
async fn verify(actor: Actor) -> Outcome {
    Ok(Answer::ok(api_token::verified(&actor.id, actor.expires_at_ms)))
}

async fn permission_groups(page: Page, query: Query) -> Outcome {
    let groups = api_token::permission_groups(query.get("name"), query.get("scope"));
    let total = groups.len() as u64;
    Ok(Answer::page(page.cut(groups), page, total))
}

async fn list(State(mut app): State<App>, Account(account_id): Account, page: Page) -> Outcome {
    let request = ListApiTokensRequest { account_id, page: page.number, per_page: page.size };
    let found = answered(app.api_tokens.list_api_tokens(request).await)?;
    let now = app.clock.now();
    let tokens = found.tokens.into_iter().map(|it| api_token::view(it, None, now)).collect();
    Ok(Answer::page(tokens, page, found.total_count))
}

async fn create(
    State(mut app): State<App>,
    Account(account_id): Account,
    actor: Actor,
    Body(mut fields): Body,
) -> Outcome {
    let request = api_token::read_create(account_id, actor.acting_id(), &mut fields)?;
    let created = allowed(app.api_tokens.create_api_token(request).await)?;
    Ok(Answer::ok(api_token::view(present(created.token)?, Some(created.value), app.clock.now())))
}

async fn read(State(mut app): State<App>, Account(account_id): Account, target: Target) -> Outcome {
    let request = GetApiTokenRequest { account_id, id: target.id };
    let found = answered(app.api_tokens.get_api_token(request).await)?;
    Ok(Answer::ok(api_token::view(present(found.token)?, None, app.clock.now())))
}

/// Changes what is given.
async fn update(
    State(mut app): State<App>,
    Account(account_id): Account,
    target: Target,
    actor: Actor,
    Body(mut fields): Body,
) -> Outcome {
    let request = api_token::read_update(account_id, target.id, actor.acting_id(), &mut fields)?;
    let updated = allowed(app.api_tokens.update_api_token(request).await)?;
    Ok(Answer::ok(api_token::view(present(updated.token)?, None, app.clock.now())))
}

/// The result is the new value alone, shown once.
async fn roll(
    State(mut app): State<App>,
    Account(account_id): Account,
    target: Target,
    actor: Actor,
    OptionalBody(_): OptionalBody,
) -> Outcome {
    let request = RollApiTokenRequest { account_id, id: target.id, acting_id: actor.acting_id() };
    let rolled = allowed(app.api_tokens.roll_api_token(request).await)?;
    Ok(Answer::ok(Value::String(rolled.value)))
}

async fn delete(
    State(mut app): State<App>,
    Account(account_id): Account,
    target: Target,
    actor: Actor,
) -> Outcome {
    let request = DeleteApiTokenRequest { account_id, id: target.id.clone(), acting_id: actor.acting_id() };
    allowed(app.api_tokens.delete_api_token(request).await)?;
    Ok(Answer::ok(json!({"id": target.id})))
}

/// That the acting token cannot give so much is said to the caller; any other refusal of *us* is our fault.
fn allowed<T>(answer: Result<tonic::Response<T>, tonic::Status>) -> Result<T, Problem> {
    answer.map(tonic::Response::into_inner).map_err(|status| {
        let error: Error = service_kit::status::from_status(status);
        if error.reason() == "API_TOKEN_SCOPE" { error.into() } else { Problem::from_service(error) }
    })
}

//! `access/service_tokens`.

use super::answer::Answer;
use super::authenticate::Account;
use super::body::{Body, OptionalBody};
use super::request::{Page, Query, Target, WaitFor};
use super::{App, Outcome, Router, answered, present};
use crate::wire::token;
use axum::extract::State;
use axum::routing::{get, post};
use proto::token_registry::{DeleteTokenRequest, GetTokenRequest, ListTokensRequest, RefreshTokenRequest};

pub fn routes() -> Router {
    Router::new()
        .route("/access/service_tokens", get(list).post(create))
        .route("/access/service_tokens/{id}", get(read).put(update).delete(delete))
        .route("/access/service_tokens/{id}/refresh", post(refresh))
        .route("/access/service_tokens/{id}/rotate", post(rotate))
}

async fn list(State(mut app): State<App>, Account(account_id): Account, page: Page, query: Query) -> Outcome {
    let request = ListTokensRequest {
        account_id,
        name: query.text("name"),
        search: query.text("search"),
        page: page.number,
        per_page: page.size,
    };
    let found = answered(app.token_registry.list_tokens(request).await)?;
    let tokens = found.tokens.into_iter().map(|it| token::view(it, None)).collect();
    Ok(Answer::page(tokens, page, found.total_count))
}

async fn create(State(mut app): State<App>, Account(account_id): Account, Body(mut fields): Body) -> Outcome {
    let request = token::read_create(account_id, &mut fields)?;
    let created = answered(app.token_registry.create_token(request).await)?;
    Ok(Answer::created(token::view(present(created.token)?, Some(created.client_secret))))
}

async fn read(State(mut app): State<App>, Account(account_id): Account, target: Target) -> Outcome {
    let request = GetTokenRequest { account_id, id: target.id };
    let found = answered(app.token_registry.get_token(request).await)?;
    Ok(Answer::ok(token::view(present(found.token)?, None)))
}

/// Changes what is given. A higher `client_secret_version` rotates, and only then is there a secret in the answer.
async fn update(
    State(mut app): State<App>,
    Account(account_id): Account,
    target: Target,
    WaitFor(wait): WaitFor,
    Body(mut fields): Body,
) -> Outcome {
    let request = token::read_update(account_id, target.id, wait, &mut fields)?;
    let updated = answered(app.token_registry.update_token(request).await)?;
    let shown = token::view(present(updated.token)?, updated.client_secret);
    Ok(Answer::ok(shown).propagated(updated.propagation))
}

/// One year from now. Whatever the body says is ignored.
async fn refresh(
    State(mut app): State<App>,
    Account(account_id): Account,
    target: Target,
    WaitFor(wait): WaitFor,
    OptionalBody(_): OptionalBody,
) -> Outcome {
    let request = RefreshTokenRequest { account_id, id: target.id, wait: wait.into() };
    let refreshed = answered(app.token_registry.refresh_token(request).await)?;
    Ok(Answer::ok(token::view(present(refreshed.token)?, None)).propagated(refreshed.propagation))
}

async fn rotate(
    State(mut app): State<App>,
    Account(account_id): Account,
    target: Target,
    WaitFor(wait): WaitFor,
    OptionalBody(mut fields): OptionalBody,
) -> Outcome {
    let request = token::read_rotate(account_id, target.id, wait, &mut fields)?;
    let rotated = answered(app.token_registry.rotate_token(request).await)?;
    let shown = token::view(present(rotated.token)?, Some(rotated.client_secret));
    Ok(Answer::ok(shown).propagated(rotated.propagation))
}

/// Answers with the token as it was.
async fn delete(
    State(mut app): State<App>,
    Account(account_id): Account,
    target: Target,
    WaitFor(wait): WaitFor,
) -> Outcome {
    let request = DeleteTokenRequest { account_id, id: target.id, wait: wait.into() };
    let deleted = answered(app.token_registry.delete_token(request).await)?;
    Ok(Answer::ok(token::view(present(deleted.token)?, None)).propagated(deleted.propagation))
}

//! `access/service_tokens`.

use super::answer::Answer;
use super::authenticate::Account;
use super::body::{Body, OptionalBody};
use super::operation::{created, delete, get, ok, page_of, post, put, word};
use super::request::{Page, Query, Target, WaitFor};
use super::routes::Routes;
use super::{App, Outcome, answered, present};
use crate::wire::schema::{named, token as schema};
use crate::wire::token;
use axum::extract::State;
use proto::token_registry::Scope::{ServiceTokensRead as READ, ServiceTokensWrite as WRITE};
use proto::token_registry::{DeleteTokenRequest, GetTokenRequest, ListTokensRequest, RefreshTokenRequest};

pub fn routes() -> Routes {
    let shown = || named("ServiceToken");
    let with_secret = || named("ServiceTokenWithSecret");
    Routes::of("Service tokens")
        .serve(
            get(
                "/access/service_tokens",
                "list_service_tokens",
                "Service tokens of the account",
                READ,
                page_of(shown()),
            )
            .asks([
                word("name", "Exactly this name.", "deploy-bot"),
                word("search", "A part of the name.", "deploy"),
            ]),
            list,
        )
        .serve(
            post(
                "/access/service_tokens",
                "create_service_token",
                "Makes a service token; its secret is shown once",
                WRITE,
                created(with_secret()),
            )
            .takes(schema::create()),
            create,
        )
        .serve(
            get("/access/service_tokens/{id}", "get_service_token", "One service token", READ, ok(shown())),
            read,
        )
        .serve(
            put(
                "/access/service_tokens/{id}",
                "update_service_token",
                "Changes what is given; a higher client_secret_version rotates",
                WRITE,
                ok(schema::shown_perhaps_with_secret()),
            )
            .takes(schema::update())
            .waits(),
            update,
        )
        .serve(
            delete(
                "/access/service_tokens/{id}",
                "delete_service_token",
                "Deletes it: its secrets and sessions end. Answers with the token as it was",
                WRITE,
                ok(shown()),
            )
            .waits(),
            remove,
        )
        .serve(
            post(
                "/access/service_tokens/{id}/refresh",
                "refresh_service_token",
                "Good for one year from now",
                WRITE,
                ok(shown()),
            )
            .may_take(schema::nothing_needed())
            .waits(),
            refresh,
        )
        .serve(
            post(
                "/access/service_tokens/{id}/rotate",
                "rotate_service_token",
                "Makes a new secret, which is shown once",
                WRITE,
                ok(with_secret()),
            )
            .may_take(schema::rotate())
            .waits(),
            rotate,
        )
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
async fn remove(
    State(mut app): State<App>,
    Account(account_id): Account,
    target: Target,
    WaitFor(wait): WaitFor,
) -> Outcome {
    let request = DeleteTokenRequest { account_id, id: target.id, wait: wait.into() };
    let deleted = answered(app.token_registry.delete_token(request).await)?;
    Ok(Answer::ok(token::view(present(deleted.token)?, None)).propagated(deleted.propagation))
}

//! `tokens`: the API tokens of an account; `user/tokens/verify`: what the presented one is worth.

use super::answer::Answer;
use super::authenticate::{Account, Actor};
use super::body::{Body, OptionalBody};
use super::operation::{Needs, delete, get, ok, page_of, post, put, word};
use super::problem::Problem;
use super::request::{Page, Query, Target};
use super::routes::Routes;
use super::{App, Outcome, answered, present};
use crate::wire::api_token;
use crate::wire::schema::application::nothing_more;
use crate::wire::schema::{api_token as schema, named, only_id};
use axum::extract::State;
use model::Error;
use proto::token_registry::Scope::AccountAdmin as ADMIN;
use proto::token_registry::{
    DeleteApiTokenRequest, GetApiTokenRequest, ListApiTokensRequest, RollApiTokenRequest,
};
use serde_json::{Value, json};

pub fn routes() -> Routes {
    let shown = || named("ApiToken");
    Routes::of("API tokens")
        .serve(
            get(
                "/tokens",
                "list_api_tokens",
                "API tokens of the account; those of the configuration are not among them",
                ADMIN,
                page_of(shown()),
            ),
            list,
        )
        .serve(
            post(
                "/tokens",
                "create_api_token",
                "Makes an API token; its value is shown once",
                ADMIN,
                ok(named("ApiTokenWithValue")),
            )
            .takes(schema::create()),
            create,
        )
        .serve(
            get(
                "/tokens/verify",
                "verify_account_api_token",
                "What the API token that asks is worth",
                Needs::AnyToken,
                ok(schema::verified()),
            ),
            verify,
        )
        .serve(
            get(
                "/tokens/permission_groups",
                "list_permission_groups",
                "What can be given",
                Needs::AnyToken,
                page_of(schema::permission_group()),
            )
            .asks([
                word("name", "Exactly this name.", "Account admin"),
                word("scope", "For this kind of resources.", "com.cloudflare.api.account"),
            ]),
            permission_groups,
        )
        .serve(get("/tokens/{id}", "get_api_token", "One API token", ADMIN, ok(shown())), read)
        .serve(
            put("/tokens/{id}", "update_api_token", "Changes what is given", ADMIN, ok(shown()))
                .takes(schema::update()),
            update,
        )
        .serve(delete("/tokens/{id}", "delete_api_token", "Ends it", ADMIN, ok(only_id())), remove)
        .serve(
            put(
                "/tokens/{id}/value",
                "roll_api_token",
                "A new value; the one before stops at once",
                ADMIN,
                ok(schema::value()),
            )
            .may_take(nothing_more()),
            roll,
        )
}

/// Of no account: it is the presented token's.
pub fn routes_of_the_caller() -> Routes {
    let summary = "What the API token that asks is worth";
    Routes::of("API tokens").serve(
        get("/user/tokens/verify", "verify_api_token", summary, Needs::AnyToken, ok(schema::verified())),
        verify,
    )
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

async fn remove(
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

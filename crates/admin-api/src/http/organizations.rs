//! `access/organizations`: one object, not a list.

use super::answer::Answer;
use super::authenticate::Account;
use super::body::Body;
use super::operation::{created, get, ok, patch, post, put};
use super::request::WaitFor;
use super::routes::Routes;
use super::{App, Outcome, answered, present};
use crate::wire::organization::{self, Changes};
use crate::wire::schema::{named, organization as schema};
use axum::extract::State;
use proto::change_feed::Wait;
use proto::policy_evaluator::GetOrganizationRequest;
use proto::token_registry::Scope::AccountAdmin as ADMIN;

pub fn routes() -> Routes {
    let path = "/access/organizations";
    let shown = || named("Organization");
    Routes::of("Organization")
        .serve(
            get(path, "get_organization", "The organization of the account", ADMIN, ok(shown()))
                .may_be_absent(),
            read,
        )
        .serve(
            post(path, "create_organization", "Names it and its team domain", ADMIN, created(shown()))
                .takes(schema::create())
                .waits(),
            create,
        )
        .serve(
            put(path, "update_organization", "Changes what is given", ADMIN, ok(shown()))
                .takes(schema::update())
                .waits(),
            update,
        )
        .serve(
            patch(path, "patch_organization", "Changes what is given", ADMIN, ok(shown()))
                .takes(schema::update())
                .waits(),
            update,
        )
        .serve(
            post(
                "/access/organizations/revoke_user",
                "revoke_user",
                "Of people, of whom there are none: nothing is revoked",
                ADMIN,
                ok(schema::nothing_revoked()),
            )
            .takes(schema::revoke_user()),
            revoke_user,
        )
}

async fn read(State(mut app): State<App>, Account(account_id): Account) -> Outcome {
    let found = answered(app.policy_evaluator.get_organization(GetOrganizationRequest { account_id }).await)?;
    Ok(Answer::ok(organization::view(present(found.organization)?)))
}

async fn create(
    State(app): State<App>,
    Account(account_id): Account,
    WaitFor(wait): WaitFor,
    Body(mut fields): Body,
) -> Outcome {
    let changes = organization::read_create(&mut fields)?;
    merge(app, account_id, wait, changes, Answer::created).await
}

/// PUT and PATCH alike change what is given.
async fn update(
    State(app): State<App>,
    Account(account_id): Account,
    WaitFor(wait): WaitFor,
    Body(mut fields): Body,
) -> Outcome {
    let changes = organization::read(&mut fields)?;
    merge(app, account_id, wait, changes, Answer::ok).await
}

/// People have no sessions here: there is nothing to end, and the answer says so. `false` is the contract's word for it.
async fn revoke_user(Account(_): Account, Body(mut fields): Body) -> Outcome {
    fields.required_text("email")?;
    let why = "nothing was revoked: people have no sessions here. The sessions of a service token end with the token, those of \
               an application with POST access/apps/{app_id}/revoke_tokens";
    Ok(Answer::ok(false.into()).saying(why))
}

async fn merge(
    mut app: App,
    account_id: String,
    wait: Wait,
    mut changes: Changes,
    answer: fn(serde_json::Value) -> Answer,
) -> Outcome {
    let inert = std::mem::take(&mut changes.inert);
    let request = changes.request(account_id, wait);
    let merged = answered(app.policy_evaluator.put_organization(request).await)?;
    let shown = organization::view(present(merged.organization)?);
    Ok(answer(shown).noting(&inert).propagated(merged.propagation))
}

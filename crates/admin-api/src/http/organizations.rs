//! `access/organizations`: one object, not a list.

use super::answer::Answer;
use super::authenticate::Account;
use super::body::Body;
use super::problem::Problem;
use super::request::WaitFor;
use super::{App, Outcome, Router, answered, present};
use crate::wire::organization::{self, Changes};
use axum::extract::State;
use axum::routing::{get, post};
use proto::change_feed::Wait;
use proto::policy_evaluator::{GetOrganizationRequest, Organization};
use tonic::Code;

pub fn routes() -> Router {
    Router::new()
        .route("/access/organizations", get(read).post(create).put(update).patch(update))
        .route("/access/organizations/revoke_user", post(revoke_user))
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
    let stored = if changes.changes_settings() {
        find(&mut app, account_id.clone()).await?.unwrap_or_default().settings_json
    } else {
        String::new()
    };
    let inert = std::mem::take(&mut changes.inert);
    let request = changes.request(account_id, &stored, wait);
    let merged = answered(app.policy_evaluator.put_organization(request).await)?;
    let shown = organization::view(present(merged.organization)?);
    Ok(answer(shown).noting(&inert).propagated(merged.propagation))
}

async fn find(app: &mut App, account_id: String) -> Result<Option<Organization>, Problem> {
    match app.policy_evaluator.get_organization(GetOrganizationRequest { account_id }).await {
        Err(status) if status.code() == Code::NotFound => Ok(None),
        answer => Ok(answered(answer)?.organization),
    }
}

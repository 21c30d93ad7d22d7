//! `access/groups`.

use super::answer::Answer;
use super::authenticate::Account;
use super::body::Body;
use super::request::{Page, Query, Target, WaitFor};
use super::{App, Outcome, Router, answered, present};
use crate::wire::group;
use axum::extract::State;
use axum::routing::get;
use proto::policy_evaluator::{
    CreateGroupRequest, DeleteGroupRequest, GetGroupRequest, ListGroupsRequest, UpdateGroupRequest,
};
use serde_json::json;

pub fn routes() -> Router {
    Router::new()
        .route("/access/groups", get(list).post(create))
        .route("/access/groups/{id}", get(read).put(update).delete(delete))
}

async fn list(State(mut app): State<App>, Account(account_id): Account, page: Page, query: Query) -> Outcome {
    let (name, search) = (query.text("name"), query.text("search"));
    let request = ListGroupsRequest { account_id, name, search, page: page.number, per_page: page.size };
    let found = answered(app.policy_evaluator.list_groups(request).await)?;
    Ok(Answer::page(found.groups.into_iter().map(group::view).collect(), page, found.total_count))
}

async fn create(
    State(mut app): State<App>,
    Account(account_id): Account,
    WaitFor(wait): WaitFor,
    Body(mut fields): Body,
) -> Outcome {
    let request = CreateGroupRequest { account_id, spec: Some(group::read(&mut fields)?), wait: wait.into() };
    let created = answered(app.policy_evaluator.create_group(request).await)?;
    Ok(Answer::created(group::view(present(created.group)?)).propagated(created.propagation))
}

async fn read(State(mut app): State<App>, Account(account_id): Account, target: Target) -> Outcome {
    let request = GetGroupRequest { account_id, id: target.id };
    let found = answered(app.policy_evaluator.get_group(request).await)?;
    Ok(Answer::ok(group::view(present(found.group)?)))
}

async fn update(
    State(mut app): State<App>,
    Account(account_id): Account,
    target: Target,
    WaitFor(wait): WaitFor,
    Body(mut fields): Body,
) -> Outcome {
    let spec = Some(group::read(&mut fields)?);
    let request = UpdateGroupRequest { account_id, id: target.id, spec, wait: wait.into() };
    let updated = answered(app.policy_evaluator.update_group(request).await)?;
    Ok(Answer::ok(group::view(present(updated.group)?)).propagated(updated.propagation))
}

async fn delete(
    State(mut app): State<App>,
    Account(account_id): Account,
    target: Target,
    WaitFor(wait): WaitFor,
) -> Outcome {
    let request = DeleteGroupRequest { account_id, id: target.id.clone(), wait: wait.into() };
    let deleted = answered(app.policy_evaluator.delete_group(request).await)?;
    Ok(Answer::accepted(json!({"id": target.id})).propagated(deleted.propagation))
}

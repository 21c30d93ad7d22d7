//! `access/groups`.

use super::answer::Answer;
use super::authenticate::Account;
use super::body::Body;
use super::operation::{accepted, created, delete, get, ok, page_of, post, put, word};
use super::request::{Page, Query, Target, WaitFor};
use super::routes::Routes;
use super::{App, Outcome, answered, present};
use crate::wire::group;
use crate::wire::schema::{group as schema, named, only_id};
use axum::extract::State;
use proto::policy_evaluator::{
    CreateGroupRequest, DeleteGroupRequest, GetGroupRequest, ListGroupsRequest, UpdateGroupRequest,
};
use proto::token_registry::Scope::{AppsAndPoliciesRead as READ, AppsAndPoliciesWrite as WRITE};
use serde_json::json;

pub fn routes() -> Routes {
    let shown = || named("Group");
    Routes::of("Groups")
        .serve(
            get("/access/groups", "list_groups", "Groups of rules of the account", READ, page_of(shown()))
                .asks([
                    word("name", "Exactly this name.", "office"),
                    word("search", "A part of the name.", "off"),
                ]),
            list,
        )
        .serve(
            post(
                "/access/groups",
                "create_group",
                "Makes a group of rules, which policies may name",
                WRITE,
                created(shown()),
            )
            .takes(schema::given())
            .waits(),
            create,
        )
        .serve(get("/access/groups/{id}", "get_group", "One group", READ, ok(shown())), read)
        .serve(
            put(
                "/access/groups/{id}",
                "update_group",
                "Replaces it, for every policy that names it",
                WRITE,
                ok(shown()),
            )
            .takes(schema::given())
            .waits(),
            update,
        )
        .serve(
            delete(
                "/access/groups/{id}",
                "delete_group",
                "Deletes one that nothing names",
                WRITE,
                accepted(only_id()),
            )
            .waits(),
            remove,
        )
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

async fn remove(
    State(mut app): State<App>,
    Account(account_id): Account,
    target: Target,
    WaitFor(wait): WaitFor,
) -> Outcome {
    let request = DeleteGroupRequest { account_id, id: target.id.clone(), wait: wait.into() };
    let deleted = answered(app.policy_evaluator.delete_group(request).await)?;
    Ok(Answer::accepted(json!({"id": target.id})).propagated(deleted.propagation))
}

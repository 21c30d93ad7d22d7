//! `access/tags`, by name.

use super::answer::Answer;
use super::authenticate::Account;
use super::body::Body;
use super::operation::{accepted, created, delete, get, ok, page_of, post, put};
use super::request::{Page, Target};
use super::routes::Routes;
use super::{App, Outcome, answered, present};
use crate::wire::schema::{named, tag as schema};
use crate::wire::time;
use axum::extract::State;
use proto::policy_evaluator::{
    CreateTagRequest, DeleteTagRequest, GetTagRequest, ListTagsRequest, Tag, UpdateTagRequest,
};
use proto::token_registry::Scope::{AppsAndPoliciesRead as READ, AppsAndPoliciesWrite as WRITE};
use serde_json::{Value, json};

pub fn routes() -> Routes {
    let shown = || named("Tag");
    Routes::of("Tags")
        .serve(get("/access/tags", "list_tags", "Tags of the account", READ, page_of(shown())), list)
        .serve(
            post(
                "/access/tags",
                "create_tag",
                "Makes a tag, which applications may then name",
                WRITE,
                created(shown()),
            )
            .takes(schema::given()),
            create,
        )
        .serve(get("/access/tags/{id}", "get_tag", "One tag, by its name", READ, ok(shown())), read)
        .serve(
            put(
                "/access/tags/{id}",
                "update_tag",
                "Renames a tag that no application names",
                WRITE,
                ok(shown()),
            )
            .takes(schema::given()),
            update,
        )
        .serve(
            delete(
                "/access/tags/{id}",
                "delete_tag",
                "Deletes a tag that no application names",
                WRITE,
                accepted(schema::deleted()),
            ),
            remove,
        )
}

fn view(tag: Tag) -> Value {
    let Tag { name, app_count, created_at_ms, updated_at_ms } = tag;
    json!({
        "name": name,
        "app_count": app_count,
        "created_at": time(created_at_ms),
        "updated_at": time(updated_at_ms),
    })
}

async fn list(State(mut app): State<App>, Account(account_id): Account, page: Page) -> Outcome {
    let request = ListTagsRequest { account_id, page: page.number, per_page: page.size };
    let found = answered(app.policy_evaluator.list_tags(request).await)?;
    Ok(Answer::page(found.tags.into_iter().map(view).collect(), page, found.total_count))
}

async fn create(State(mut app): State<App>, Account(account_id): Account, Body(mut fields): Body) -> Outcome {
    let request = CreateTagRequest { account_id, name: fields.required_text("name")? };
    let created = answered(app.policy_evaluator.create_tag(request).await)?;
    Ok(Answer::created(view(present(created.tag)?)))
}

async fn read(State(mut app): State<App>, Account(account_id): Account, target: Target) -> Outcome {
    let request = GetTagRequest { account_id, name: target.id };
    let found = answered(app.policy_evaluator.get_tag(request).await)?;
    Ok(Answer::ok(view(present(found.tag)?)))
}

async fn update(
    State(mut app): State<App>,
    Account(account_id): Account,
    target: Target,
    Body(mut fields): Body,
) -> Outcome {
    let new_name = fields.required_text("name")?;
    let request = UpdateTagRequest { account_id, name: target.id, new_name };
    let updated = answered(app.policy_evaluator.update_tag(request).await)?;
    Ok(Answer::ok(view(present(updated.tag)?)))
}

async fn remove(State(mut app): State<App>, Account(account_id): Account, target: Target) -> Outcome {
    let request = DeleteTagRequest { account_id, name: target.id.clone() };
    answered(app.policy_evaluator.delete_tag(request).await)?;
    Ok(Answer::accepted(json!({"name": target.id})))
}

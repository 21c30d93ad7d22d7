//! `access/apps`. Their policies are in [`super::policies`].

use super::answer::Answer;
use super::authenticate::Account;
use super::body::{Body, OptionalBody};
use super::operation::{accepted, created, delete, get, ok, page_of, post, put, switch, word};
use super::problem::Problem;
use super::request::{Page, Query, Target, WaitFor};
use super::routes::Routes;
use super::{App, Outcome, answered, present};
use crate::wire::application::{self, Description};
use crate::wire::schema::{application as schema, named, only_id};
use axum::extract::State;
use proto::policy_evaluator::{
    Application, CreateApplicationRequest, DeleteApplicationRequest, GetApplicationRequest,
    ListApplicationsRequest, UpdateApplicationRequest,
};
use proto::session_issuer::RevokeApplicationSessionsRequest;
use proto::token_registry::Scope::{AppsAndPoliciesRead as READ, AppsAndPoliciesWrite as WRITE};
use serde_json::json;

pub fn routes() -> Routes {
    let shown = || named("Application");
    Routes::of("Applications")
        .serve(
            get("/access/apps", "list_applications", "Applications of the account", READ, page_of(shown()))
                .asks([
                    word("name", "Exactly this name.", "billing"),
                    word("domain", "Exactly this domain.", "billing.example.com"),
                    word("aud", "Of this audience.", ""),
                    word("search", "A part of the name or of a domain.", "bill"),
                    switch("exact", "`false`: `name` or `domain` is a part."),
                ]),
            list,
        )
        .serve(
            post("/access/apps", "create_application", "Protects a domain", WRITE, created(shown()))
                .takes(schema::given())
                .waits(),
            create,
        )
        .serve(
            get(
                "/access/apps/{app_id}",
                "get_application",
                "One application, with its policies",
                READ,
                ok(shown()),
            ),
            read,
        )
        .serve(
            put(
                "/access/apps/{app_id}",
                "update_application",
                "Replaces it; policies that are not given stay",
                WRITE,
                ok(shown()),
            )
            .takes(schema::given())
            .waits(),
            update,
        )
        .serve(
            delete(
                "/access/apps/{app_id}",
                "delete_application",
                "Deletes it with its own policies; its sessions end",
                WRITE,
                accepted(only_id()),
            )
            .waits(),
            remove,
        )
        .serve(
            post(
                "/access/apps/{app_id}/revoke_tokens",
                "revoke_application_sessions",
                "Ends every session of the application",
                WRITE,
                accepted(schema::nothing_more()),
            )
            .may_take(schema::nothing_more())
            .waits(),
            revoke_tokens,
        )
}

/// Names and domains are matched exactly, unless `exact=false` asks for a part of either.
async fn list(State(mut app): State<App>, Account(account_id): Account, page: Page, query: Query) -> Outcome {
    let mut request = ListApplicationsRequest {
        account_id,
        name: query.text("name"),
        domain: query.text("domain"),
        aud: query.text("aud"),
        search: query.text("search"),
        page: page.number,
        per_page: page.size,
    };
    if query.flag("exact")? == Some(false) && request.search.is_empty() {
        let name = std::mem::take(&mut request.name);
        request.search = if name.is_empty() { std::mem::take(&mut request.domain) } else { name };
    }
    let found = answered(app.policy_evaluator.list_applications(request).await)?;
    let applications = found.applications.into_iter().map(application::view).collect();
    Ok(Answer::page(applications, page, found.total_count))
}

async fn create(
    State(mut app): State<App>,
    Account(account_id): Account,
    WaitFor(wait): WaitFor,
    Body(mut fields): Body,
) -> Outcome {
    let Description { spec, policies, inert } = application::read(&mut fields)?;
    let request = CreateApplicationRequest { account_id, spec: Some(spec), policies, wait: wait.into() };
    let created = answered(app.policy_evaluator.create_application(request).await)?;
    let shown = application::view(present(created.application)?);
    Ok(Answer::created(shown).noting(&inert).propagated(created.propagation))
}

async fn read(State(mut app): State<App>, Account(account_id): Account, target: Target) -> Outcome {
    Ok(Answer::ok(application::view(find(&mut app, account_id, target.app_id).await?)))
}

/// Replaces the application; policies that are not given stay.
async fn update(
    State(mut app): State<App>,
    Account(account_id): Account,
    target: Target,
    WaitFor(wait): WaitFor,
    Body(mut fields): Body,
) -> Outcome {
    let Description { spec, policies, inert } = application::read(&mut fields)?;
    let (id, wait) = (target.app_id, wait.into());
    let request = UpdateApplicationRequest { account_id, id, spec: Some(spec), policies, wait };
    let updated = answered(app.policy_evaluator.update_application(request).await)?;
    let shown = application::view(present(updated.application)?);
    Ok(Answer::ok(shown).noting(&inert).propagated(updated.propagation))
}

async fn remove(
    State(mut app): State<App>,
    Account(account_id): Account,
    target: Target,
    WaitFor(wait): WaitFor,
) -> Outcome {
    let id = target.app_id;
    let request = DeleteApplicationRequest { account_id, id: id.clone(), wait: wait.into() };
    let deleted = answered(app.policy_evaluator.delete_application(request).await)?;
    Ok(Answer::accepted(json!({"id": id})).propagated(deleted.propagation))
}

/// Ends every session of the application. Asks its owner first whether the account has such an application.
async fn revoke_tokens(
    State(mut app): State<App>,
    Account(account_id): Account,
    target: Target,
    WaitFor(wait): WaitFor,
    OptionalBody(_): OptionalBody,
) -> Outcome {
    let application = find(&mut app, account_id.clone(), target.app_id).await?;
    let request =
        RevokeApplicationSessionsRequest { account_id, application_id: application.id, wait: wait.into() };
    let revoked = answered(app.session_issuer.revoke_application_sessions(request).await)?;
    Ok(Answer::accepted(json!({})).propagated(revoked.propagation))
}

/// An application of the account.
pub async fn find(app: &mut App, account_id: String, id: String) -> Result<Application, Problem> {
    let found =
        answered(app.policy_evaluator.get_application(GetApplicationRequest { account_id, id }).await)?;
    present(found.application)
}

//! `access/policies` (reusable) and `access/apps/{app_id}/policies`: the same calls, with and without an application.

use super::answer::Answer;
use super::authenticate::Account;
use super::body::{Body, OptionalBody};
use super::request::{Page, Query, Target, WaitFor};
use super::{App, Outcome, Router, answered, present};
use crate::wire::policy;
use axum::extract::State;
use axum::routing::{get, put};
use proto::policy_evaluator::{
    CreatePolicyRequest, DeletePolicyRequest, GetPolicyRequest, ListPoliciesRequest,
    MakePolicyReusableRequest, UpdatePolicyRequest,
};
use serde_json::json;

pub fn routes() -> Router {
    Router::new()
        .route("/access/policies", get(list).post(create))
        .route("/access/policies/{id}", get(read).put(update).delete(delete))
        .route("/access/apps/{app_id}/policies", get(list).post(create))
        .route("/access/apps/{app_id}/policies/{id}", get(read).put(update).delete(delete))
        .route("/access/apps/{app_id}/policies/{id}/make_reusable", put(make_reusable))
}

impl Target {
    fn is_within_application(&self) -> bool {
        !self.app_id.is_empty()
    }
}

async fn list(
    State(mut app): State<App>,
    Account(account_id): Account,
    target: Target,
    page: Page,
    query: Query,
) -> Outcome {
    let within = target.is_within_application();
    let request = ListPoliciesRequest {
        account_id,
        application_id: target.app_id,
        page: page.number,
        per_page: page.size,
        name: query.text("name"),
        search: query.text("search"),
    };
    let found = answered(app.policy_evaluator.list_policies(request).await)?;
    let policies = found.policies.into_iter().map(|it| policy::view(it, within)).collect();
    Ok(Answer::page(policies, page, found.total_count))
}

async fn create(
    State(mut app): State<App>,
    Account(account_id): Account,
    target: Target,
    WaitFor(wait): WaitFor,
    Body(mut fields): Body,
) -> Outcome {
    let within = target.is_within_application();
    let mut inert = Vec::new();
    let request = CreatePolicyRequest {
        account_id,
        application_id: target.app_id,
        precedence: if within { fields.small_integer("precedence")? } else { None },
        spec: Some(policy::read(&mut fields, &mut inert)?),
        wait: wait.into(),
    };
    let created = answered(app.policy_evaluator.create_policy(request).await)?;
    let shown = policy::view(present(created.policy)?, within);
    Ok(Answer::created(shown).noting(&inert).propagated(created.propagation))
}

async fn read(State(mut app): State<App>, Account(account_id): Account, target: Target) -> Outcome {
    let within = target.is_within_application();
    let request = GetPolicyRequest { account_id, application_id: target.app_id, id: target.id };
    let found = answered(app.policy_evaluator.get_policy(request).await)?;
    Ok(Answer::ok(policy::view(present(found.policy)?, within)))
}

async fn update(
    State(mut app): State<App>,
    Account(account_id): Account,
    target: Target,
    WaitFor(wait): WaitFor,
    Body(mut fields): Body,
) -> Outcome {
    let within = target.is_within_application();
    let mut inert = Vec::new();
    let request = UpdatePolicyRequest {
        account_id,
        application_id: target.app_id,
        id: target.id,
        precedence: if within { fields.small_integer("precedence")? } else { None },
        spec: Some(policy::read(&mut fields, &mut inert)?),
        wait: wait.into(),
    };
    let updated = answered(app.policy_evaluator.update_policy(request).await)?;
    let shown = policy::view(present(updated.policy)?, within);
    Ok(Answer::ok(shown).noting(&inert).propagated(updated.propagation))
}

async fn delete(
    State(mut app): State<App>,
    Account(account_id): Account,
    target: Target,
    WaitFor(wait): WaitFor,
) -> Outcome {
    let Target { app_id: application_id, id, .. } = target;
    let request = DeletePolicyRequest { account_id, application_id, id: id.clone(), wait: wait.into() };
    let deleted = answered(app.policy_evaluator.delete_policy(request).await)?;
    Ok(Answer::accepted(json!({"id": id})).propagated(deleted.propagation))
}

/// The application goes on linking it, under the same id.
async fn make_reusable(
    State(mut app): State<App>,
    Account(account_id): Account,
    target: Target,
    WaitFor(wait): WaitFor,
    OptionalBody(_): OptionalBody,
) -> Outcome {
    let Target { app_id: application_id, id, .. } = target;
    let request = MakePolicyReusableRequest { account_id, application_id, id, wait: wait.into() };
    let made = answered(app.policy_evaluator.make_policy_reusable(request).await)?;
    Ok(Answer::ok(policy::view(present(made.policy)?, true)).propagated(made.propagation))
}

//! `access/policies` (reusable) and `access/apps/{app_id}/policies`: the same calls, with and without an application.

use super::answer::Answer;
use super::authenticate::Account;
use super::body::{Body, OptionalBody};
use super::operation::{Parameter, accepted, created, delete, get, ok, page_of, post, put, word};
use super::request::{Page, Query, Target, WaitFor};
use super::routes::Routes;
use super::{App, Outcome, answered, present};
use crate::wire::policy;
use crate::wire::schema::application::nothing_more;
use crate::wire::schema::{named, only_id, policy as schema};
use axum::extract::State;
use proto::policy_evaluator::{
    CreatePolicyRequest, DeletePolicyRequest, GetPolicyRequest, ListPoliciesRequest,
    MakePolicyReusableRequest, UpdatePolicyRequest,
};
use proto::token_registry::Scope::{AppsAndPoliciesRead as READ, AppsAndPoliciesWrite as WRITE};
use serde_json::json;

pub fn routes() -> Routes {
    let shown = || named("Policy");
    let within = || named("PolicyOfApplication");
    let of_application = "/access/apps/{app_id}/policies";
    let one = "/access/apps/{app_id}/policies/{id}";
    Routes::of("Policies")
        .serve(
            get(
                "/access/policies",
                "list_policies",
                "Reusable policies of the account",
                READ,
                page_of(shown()),
            )
            .asks(asked()),
            list,
        )
        .serve(
            post("/access/policies", "create_policy", "Makes a reusable policy", WRITE, created(shown()))
                .takes(schema::given())
                .waits(),
            create,
        )
        .serve(get("/access/policies/{id}", "get_policy", "One reusable policy", READ, ok(shown())), read)
        .serve(
            put(
                "/access/policies/{id}",
                "update_policy",
                "Replaces it, for every application that links it",
                WRITE,
                ok(shown()),
            )
            .takes(schema::given())
            .waits(),
            update,
        )
        .serve(
            delete(
                "/access/policies/{id}",
                "delete_policy",
                "Deletes one that no application links",
                WRITE,
                accepted(only_id()),
            )
            .waits(),
            remove,
        )
        .serve(
            get(
                of_application,
                "list_application_policies",
                "Policies of an application",
                READ,
                page_of(within()),
            )
            .asks(asked()),
            list,
        )
        .serve(
            post(
                of_application,
                "create_application_policy",
                "Makes a policy of this application alone",
                WRITE,
                created(within()),
            )
            .takes(schema::given_within_application())
            .waits(),
            create,
        )
        .serve(get(one, "get_application_policy", "One of its policies", READ, ok(within())), read)
        .serve(
            put(one, "update_application_policy", "Replaces one of its own policies", WRITE, ok(within()))
                .takes(schema::given_within_application())
                .waits(),
            update,
        )
        .serve(
            delete(
                one,
                "delete_application_policy",
                "Takes it from the application",
                WRITE,
                accepted(only_id()),
            )
            .waits(),
            remove,
        )
        .serve(
            put(
                "/access/apps/{app_id}/policies/{id}/make_reusable",
                "make_policy_reusable",
                "Any application of the account may link it from now on",
                WRITE,
                ok(within()),
            )
            .may_take(nothing_more())
            .waits(),
            make_reusable,
        )
}

fn asked() -> [Parameter; 2] {
    [word("name", "Exactly this name.", "machines"), word("search", "A part of the name.", "mach")]
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

async fn remove(
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

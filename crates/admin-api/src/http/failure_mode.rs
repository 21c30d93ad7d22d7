//! `apps/{app_id}/failure_mode` of our own API: no call of the public contract sees or resets it.

use super::answer::Answer;
use super::authenticate::Account;
use super::body::Body;
use super::operation::{get, ok, put};
use super::request::{Target, WaitFor};
use super::routes::Routes;
use super::{App, Outcome, answered, present};
use crate::wire::failure_mode;
use crate::wire::schema::failure_mode as schema;
use axum::extract::State;
use proto::policy_evaluator::{GetFailureModeRequest, SetFailureModeRequest};
use proto::token_registry::Scope::{AppsAndPoliciesRead, AppsAndPoliciesWrite};

pub fn routes() -> Routes {
    let path = "/apps/{app_id}/failure_mode";
    Routes::of("Applications")
        .serve(
            get(
                path,
                "get_failure_mode",
                "What a gateway that is cut off does with its requests",
                AppsAndPoliciesRead,
                ok(schema::shape()),
            ),
            read,
        )
        .serve(
            put(
                path,
                "update_failure_mode",
                "Says what a gateway that is cut off does with its requests",
                AppsAndPoliciesWrite,
                ok(schema::shape()),
            )
            .takes(schema::shape())
            .waits(),
            update,
        )
}

async fn read(State(mut app): State<App>, Account(account_id): Account, target: Target) -> Outcome {
    let request = GetFailureModeRequest { account_id, application_id: target.app_id };
    let found = answered(app.policy_evaluator.get_failure_mode(request).await)?;
    Ok(Answer::ok(failure_mode::view(present(found.failure_mode)?)))
}

async fn update(
    State(mut app): State<App>,
    Account(account_id): Account,
    target: Target,
    WaitFor(wait): WaitFor,
    Body(mut fields): Body,
) -> Outcome {
    let failure_mode = Some(failure_mode::read(&mut fields)?);
    let application_id = target.app_id;
    let request = SetFailureModeRequest { account_id, application_id, failure_mode, wait: wait.into() };
    let updated = answered(app.policy_evaluator.set_failure_mode(request).await)?;
    Ok(Answer::ok(failure_mode::view(present(updated.failure_mode)?)).propagated(updated.propagation))
}

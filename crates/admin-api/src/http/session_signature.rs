//! `apps/{app_id}/session_signature` of our own API: no call of the public contract sees or resets it.

use super::answer::Answer;
use super::authenticate::Account;
use super::body::Body;
use super::operation::{get, ok, put};
use super::request::{Target, WaitFor};
use super::routes::Routes;
use super::{App, Outcome, answered};
use crate::wire::schema::session_signature as schema;
use crate::wire::session_signature;
use axum::extract::State;
use proto::policy_evaluator::{GetSessionSignatureRequest, SetSessionSignatureRequest};
use proto::token_registry::Scope::{AppsAndPoliciesRead, AppsAndPoliciesWrite};

pub fn routes() -> Routes {
    let path = "/apps/{app_id}/session_signature";
    Routes::of("Applications")
        .serve(
            get(
                path,
                "get_session_signature",
                "What signs its sessions",
                AppsAndPoliciesRead,
                ok(schema::shape()),
            ),
            read,
        )
        .serve(
            put(
                path,
                "update_session_signature",
                "Chooses what signs its sessions from now on",
                AppsAndPoliciesWrite,
                ok(schema::shape()),
            )
            .takes(schema::shape())
            .waits(),
            update,
        )
}

async fn read(State(mut app): State<App>, Account(account_id): Account, target: Target) -> Outcome {
    let request = GetSessionSignatureRequest { account_id, application_id: target.app_id };
    let found = answered(app.policy_evaluator.get_session_signature(request).await)?;
    Ok(Answer::ok(session_signature::view(found.session_signature())))
}

async fn update(
    State(mut app): State<App>,
    Account(account_id): Account,
    target: Target,
    WaitFor(wait): WaitFor,
    Body(mut fields): Body,
) -> Outcome {
    let session_signature = session_signature::read(&mut fields)?.into();
    let application_id = target.app_id;
    let request =
        SetSessionSignatureRequest { account_id, application_id, session_signature, wait: wait.into() };
    let updated = answered(app.policy_evaluator.set_session_signature(request).await)?;
    Ok(Answer::ok(session_signature::view(updated.session_signature())).propagated(updated.propagation))
}

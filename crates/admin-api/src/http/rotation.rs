//! `service_tokens/{id}/secrets` and `…/rotation` of our own API: whether the old secret is still used, and the end of an
//! overlap either way. The public contract has no words for them.

use super::answer::Answer;
use super::authenticate::Account;
use super::body::OptionalBody;
use super::operation::{delete, get, ok, post};
use super::request::{Target, WaitFor};
use super::routes::Routes;
use super::{App, Outcome, answered, present};
use crate::wire::schema::{list as list_of, named, token as schema};
use crate::wire::{secrets, token};
use axum::extract::State;
use proto::token_registry::Scope::{ServiceTokensRead as READ, ServiceTokensWrite as WRITE};
use proto::token_registry::{FinishRotationRequest, ListTokenSecretsRequest, UndoRotationRequest};

pub fn routes() -> Routes {
    Routes::of("Service tokens")
        .serve(
            get(
                "/service_tokens/{id}/secrets",
                "list_service_token_secrets",
                "Each version of its secret: until when it is good, when and where it was last used",
                READ,
                ok(list_of("", named("SecretVersion"))),
            ),
            list,
        )
        .serve(
            delete(
                "/service_tokens/{id}/rotation",
                "finish_service_token_rotation",
                "Ends the secret before the current one, and its sessions, now",
                WRITE,
                ok(named("ServiceToken")),
            )
            .waits(),
            finish,
        )
        .serve(
            post(
                "/service_tokens/{id}/rotation/undo",
                "undo_service_token_rotation",
                "Makes the secret before the current one current again; the newer one ends",
                WRITE,
                ok(named("ServiceToken")),
            )
            .may_take(schema::nothing_needed())
            .waits(),
            undo,
        )
}

async fn list(State(mut app): State<App>, Account(account_id): Account, target: Target) -> Outcome {
    let request = ListTokenSecretsRequest { account_id, id: target.id };
    let found = answered(app.token_registry.list_token_secrets(request).await)?;
    Ok(Answer::ok(secrets::view(found)))
}

/// The previous secret and its sessions end now. Answers with the token.
async fn finish(
    State(mut app): State<App>,
    Account(account_id): Account,
    target: Target,
    WaitFor(wait): WaitFor,
) -> Outcome {
    let request = FinishRotationRequest { account_id, id: target.id, wait: wait.into() };
    let finished = answered(app.token_registry.finish_rotation(request).await)?;
    Ok(Answer::ok(token::view(present(finished.token)?, None)).propagated(finished.propagation))
}

/// The previous secret is the current one again. Answers with the token; whatever the body says is ignored.
async fn undo(
    State(mut app): State<App>,
    Account(account_id): Account,
    target: Target,
    WaitFor(wait): WaitFor,
    OptionalBody(_): OptionalBody,
) -> Outcome {
    let request = UndoRotationRequest { account_id, id: target.id, wait: wait.into() };
    let undone = answered(app.token_registry.undo_rotation(request).await)?;
    Ok(Answer::ok(token::view(present(undone.token)?, None)).propagated(undone.propagation))
}

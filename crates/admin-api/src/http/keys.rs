//! `access/keys`: the rotation of the signing key.

use super::answer::Answer;
use super::authenticate::Account;
use super::body::{Body, OptionalBody};
use super::request::WaitFor;
use super::{App, Outcome, Router, answered, present};
use crate::wire::keys;
use axum::extract::State;
use axum::routing::{get, post};
use proto::session_issuer::{GetKeySettingsRequest, RotateKeyRequest};

pub fn routes() -> Router {
    Router::new().route("/access/keys", get(read).put(update)).route("/access/keys/rotate", post(rotate))
}

async fn read(State(mut app): State<App>, Account(account_id): Account) -> Outcome {
    let found = answered(app.session_issuer.get_key_settings(GetKeySettingsRequest { account_id }).await)?;
    Ok(Answer::ok(keys::view(present(found.settings)?, app.clock.now())))
}

async fn update(State(mut app): State<App>, Account(account_id): Account, Body(mut fields): Body) -> Outcome {
    let request = keys::read(account_id, &mut fields)?;
    let updated = answered(app.session_issuer.update_key_settings(request).await)?;
    Ok(Answer::ok(keys::view(present(updated.settings)?, app.clock.now())))
}

async fn rotate(
    State(mut app): State<App>,
    Account(account_id): Account,
    WaitFor(wait): WaitFor,
    OptionalBody(_): OptionalBody,
) -> Outcome {
    let request = RotateKeyRequest { account_id, wait: wait.into() };
    let rotated = answered(app.session_issuer.rotate_key(request).await)?;
    let shown = keys::view(present(rotated.settings)?, app.clock.now());
    Ok(Answer::ok(shown).propagated(rotated.propagation))
}

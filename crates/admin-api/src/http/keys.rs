//! `access/keys`: the rotation of the signing key; `keys`: what keys there are; `keys/{kid}/revoke`: an end before its time.

use super::answer::Answer;
use super::authenticate::Account;
use super::body::{Body, OptionalBody};
use super::operation::{get, ok, page_of, post, put, switch};
use super::request::{Page, Query, Target, WaitFor};
use super::routes::Routes;
use super::{App, Outcome, answered, present};
use crate::wire::keys;
use crate::wire::schema::application::nothing_more;
use crate::wire::schema::{keys as schema, named};
use axum::extract::State;
use proto::session_issuer::{GetKeySettingsRequest, ListKeysRequest, RevokeKeyRequest, RotateKeyRequest};
use proto::token_registry::Scope::AccountAdmin;

pub fn routes() -> Routes {
    let shown = || named("KeySettings");
    Routes::of("Signing keys")
        .serve(
            get(
                "/access/keys",
                "get_key_settings",
                "How often the signing key rotates",
                AccountAdmin,
                ok(shown()),
            )
            .may_be_absent(),
            read,
        )
        .serve(
            put("/access/keys", "update_key_settings", "Says how often", AccountAdmin, ok(shown()))
                .takes(schema::given())
                .may_be_absent(),
            update,
        )
        .serve(
            post(
                "/access/keys/rotate",
                "rotate_key",
                "Signs with the next key from now on",
                AccountAdmin,
                ok(shown()),
            )
            .asks([switch("force", "Even while validators that keep the key set may not know the next key.")])
            .may_take(nothing_more())
            .waits()
            .may_be_absent(),
            rotate,
        )
}

/// What the public contract does not have.
pub fn own_routes() -> Routes {
    let summary = "For a private key that is no secret any more: ends it and every session under it; `current` is the one that signs";
    Routes::of("Signing keys")
        .serve(
            get(
                "/keys",
                "list_keys",
                "The keys that sign and verify sessions; none before the first is needed",
                AccountAdmin,
                page_of(schema::life()),
            ),
            list,
        )
        .serve(
            post("/keys/{id}/revoke", "revoke_key", summary, AccountAdmin, ok(schema::revoked()))
                .may_take(nothing_more())
                .waits(),
            revoke,
        )
}

async fn list(State(mut app): State<App>, Account(account_id): Account, page: Page) -> Outcome {
    let found = answered(app.session_issuer.list_keys(ListKeysRequest { account_id }).await)?;
    let total = u64::try_from(found.keys.len()).unwrap_or(u64::MAX);
    let shown = page.cut(found.keys).into_iter().map(keys::life).collect();
    Ok(Answer::page(shown, page, total))
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

/// `?force=true`: even while validators that keep the key set may not know the next key.
async fn rotate(
    State(mut app): State<App>,
    Account(account_id): Account,
    WaitFor(wait): WaitFor,
    query: Query,
    OptionalBody(_): OptionalBody,
) -> Outcome {
    let force = query.flag("force")?.unwrap_or_default();
    let request = RotateKeyRequest { account_id, wait: wait.into(), force };
    let rotated = answered(app.session_issuer.rotate_key(request).await)?;
    let shown = keys::view(present(rotated.settings)?, app.clock.now());
    Ok(Answer::ok(shown).propagated(rotated.propagation))
}

/// For a private key that is no secret any more: ends it and every session under it. `current` is the one that signs
/// now.
async fn revoke(
    State(mut app): State<App>,
    Account(account_id): Account,
    target: Target,
    WaitFor(wait): WaitFor,
    OptionalBody(_): OptionalBody,
) -> Outcome {
    let kid = if target.id == "current" { String::new() } else { target.id };
    let request = RevokeKeyRequest { account_id, kid, wait: wait.into() };
    let mut revoked = answered(app.session_issuer.revoke_key(request).await)?;
    let propagation = revoked.propagation.take();
    Ok(Answer::ok(keys::revoked(revoked)).propagated(propagation))
}

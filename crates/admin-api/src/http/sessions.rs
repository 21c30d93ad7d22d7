//! `sessions/revoke` of our own API: ends one session. All of an application end with `access/apps/{app_id}/revoke_tokens`.

use super::answer::Answer;
use super::authenticate::Account;
use super::body::Body;
use super::operation::{ok, post};
use super::request::WaitFor;
use super::routes::Routes;
use super::{App, Outcome, answered};
use crate::wire::schema::session as schema;
use crate::wire::session;
use axum::extract::State;
use proto::token_registry::Scope::AppsAndPoliciesWrite;

pub fn routes() -> Routes {
    let summary = "Ends one session, by its id or by the session itself; its token may begin a new one";
    Routes::of("Sessions").serve(
        post("/sessions/revoke", "revoke_session", summary, AppsAndPoliciesWrite, ok(schema::shown()))
            .takes(schema::given())
            .waits(),
        revoke,
    )
}

async fn revoke(
    State(mut app): State<App>,
    Account(account_id): Account,
    WaitFor(wait): WaitFor,
    Body(mut fields): Body,
) -> Outcome {
    let request = session::read(account_id, &mut fields, wait)?;
    let revoked = answered(app.session_issuer.revoke_session(request).await)?;
    Ok(Answer::ok(session::view(&revoked.session_id)).propagated(revoked.propagation))
}

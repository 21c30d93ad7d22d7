//! `audit_logs`: who changed what, newest first. The contract's form; the token registry keeps the records of service
//! tokens and API tokens.

use super::answer::Answer;
use super::authenticate::Account;
use super::request::Query;
use super::{App, Outcome, Router, answered};
use crate::wire::audit;
use axum::extract::State;
use axum::routing::get;
use model::Error;
use proto::audit::ListAuditRequest;

const LARGEST: u32 = 1_000;
const PAGE: u32 = 100;

pub fn routes() -> Router {
    Router::new().route("/audit_logs", get(list))
}

async fn list(State(mut app): State<App>, Account(account_id): Account, query: Query) -> Outcome {
    let after = audit::read_cursor(query.get("cursor"))?;
    let request = request(account_id, &query, after)?;
    let limit = request.limit;
    let found = answered(app.audit_log.list_audit(request).await)?;
    let is_full = found.records.len() == limit as usize;
    let cursor = found.records.last().filter(|_| is_full).map(audit::cursor).unwrap_or_default();
    let records = found.records.into_iter().map(audit::view).collect();
    Ok(Answer::cursor_page(records, limit, &cursor))
}

fn request(
    account_id: String,
    query: &Query,
    (after_ms, after_id): (i64, String),
) -> Result<ListAuditRequest, Error> {
    let limit = query.count("per_page", PAGE)?.min(LARGEST);
    // Some clients know no cursor and ask for page after page.
    let page = if after_id.is_empty() { query.count("page", 1)? } else { 1 };
    Ok(ListAuditRequest {
        account_id,
        since_ms: query.time("since")?.unwrap_or_default(),
        before_ms: query.time("before")?.unwrap_or_default(),
        actor_id: query.text("actor.id"),
        operation: query.text("action.type"),
        object_kind: query.text("resource.type"),
        object_id: query.text("resource.id"),
        after_ms,
        after_id,
        limit,
        skip: u64::from(page - 1) * u64::from(limit),
    })
}

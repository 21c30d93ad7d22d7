//! `audit_logs`: who changed what, newest first. The contract's form; the token registry keeps the records of service
//! tokens and API tokens.

use super::answer::Answer;
use super::authenticate::Account;
use super::operation::{count, get, moment, part_of, word};
use super::request::Query;
use super::routes::Routes;
use super::{App, Outcome, answered};
use crate::wire::audit;
use crate::wire::schema::named;
use axum::extract::State;
use model::Error;
use proto::audit::ListAuditRequest;
use proto::token_registry::Scope::AccountAdmin;

const LARGEST: u32 = 1_000;
const PAGE: u32 = 100;

pub fn routes() -> Routes {
    Routes::of("Audit log").serve(
        get(
            "/audit_logs",
            "list_audit_log",
            "Who changed what, newest first",
            AccountAdmin,
            part_of(named("AuditRecord")),
        )
        .asks([
            moment("since", "Not before."),
            moment("before", "Before."),
            word("actor.id", "Changes of this API token.", ""),
            word("action.type", "Changes of this kind.", "update"),
            word("resource.type", "Changes of such objects.", "service_token"),
            word("resource.id", "Changes of this object.", ""),
            count("per_page", "At most 1,000; 100 unless something else is said."),
            word("cursor", "Of the answer before.", ""),
        ]),
        list,
    )
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
        limit: query.count("per_page", PAGE)?.min(LARGEST),
    })
}

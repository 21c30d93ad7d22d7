//! `access/logs/access_requests`, and the same in our own words under `/sallyport/v1`.

use super::answer::Answer;
use super::authenticate::Account;
use super::problem::Problem;
use super::request::{Page, Query};
use super::{App, Outcome, Router, answered};
use crate::wire::access_log::{self, Wanted};
use axum::extract::State;
use axum::routing::get;
use model::Error;
use proto::access_log::{Decision, ListDecisionsRequest, ListDecisionsResponse};
use serde_json::Value;

/// On one page unless asked for more.
const PER_PAGE: u32 = 25;

/// Older clients ask with a hyphen.
pub fn routes() -> Router {
    Router::new()
        .route("/access/logs/access_requests", get(list))
        .route("/access/logs/access-requests", get(list))
}

pub fn own_routes() -> Router {
    Router::new().route("/decisions", get(list_own))
}

async fn list(State(app): State<App>, Account(account): Account, page: Page, query: Query) -> Outcome {
    let fields = query.get("fields").map(|text| text.split(',').map(str::trim).map(str::to_owned).collect());
    let view = |decision| access_log::view(&decision, fields.as_ref());
    let wanted = access_log::read(|name| query.get(name))?;
    find(app, account, (page, &query), wanted, view).await
}

async fn list_own(State(app): State<App>, Account(account): Account, page: Page, query: Query) -> Outcome {
    let wanted = access_log::read_own(|name| query.get(name))?;
    find(app, account, (page, &query), wanted, access_log::view_own).await
}

async fn find(
    mut app: App,
    account_id: String,
    (page, query): (Page, &Query),
    wanted: Wanted,
    view: impl Fn(Decision) -> Value,
) -> Outcome {
    let size =
        if query.get("per_page").is_some() { page.size } else { query.count("limit", PER_PAGE)?.min(1000) };
    let page = Page { size, ..page };
    let (since_ms, before_ms) = (query.time("since")?, query.time("until")?);
    let oldest_first = is_oldest_first(query)?;
    let Wanted::Of(filters) = wanted else { return Ok(Answer::page(Vec::new(), page, 0)) };
    let request = ListDecisionsRequest {
        account_id,
        since_ms,
        before_ms,
        page: page.number,
        per_page: page.size,
        oldest_first,
        filters,
    };
    let found = answered(app.access_log.list_decisions(request).await)?;
    let ListDecisionsResponse { decisions, total_count } = found;
    Ok(Answer::page(decisions.into_iter().map(view).collect(), page, total_count))
}

fn is_oldest_first(query: &Query) -> Result<bool, Problem> {
    match query.get("direction") {
        None | Some("desc") => Ok(false),
        Some("asc") => Ok(true),
        Some(_) => Err(Error::invalid("direction", "must be asc or desc").into()),
    }
}

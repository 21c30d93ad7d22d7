//! `access/logs/access_requests`, and the same in our own words under `/sallyport/v1`.

use super::answer::Answer;
use super::authenticate::Account;
use super::operation::{Parameter, count, get, moment, one_of, page_of, switch, word};
use super::problem::Problem;
use super::request::{Page, Query};
use super::routes::Routes;
use super::{App, Outcome, answered};
use crate::wire::access_log::{self, Wanted};
use crate::wire::schema::named;
use axum::extract::State;
use model::Error;
use proto::access_log::{Decision, ListDecisionsRequest, ListDecisionsResponse};
use proto::token_registry::Scope::AuditLogsRead;
use serde_json::Value;

/// On one page unless asked for more.
const PER_PAGE: u32 = 25;

/// Older clients ask with a hyphen.
pub fn routes() -> Routes {
    let summary = "Logins of machines, newest first";
    let same = "The same, for older clients";
    let log = |path, id, summary| {
        get(path, id, summary, AuditLogsRead, page_of(named("AccessRequest"))).asks(asked())
    };
    Routes::of("Access log")
        .serve(log("/access/logs/access_requests", "list_access_requests", summary), list)
        .serve(log("/access/logs/access-requests", "list_access_requests_older", same), list)
}

pub fn own_routes() -> Routes {
    let own = get(
        "/decisions",
        "list_decisions",
        "What the gateways decided, newest first",
        AuditLogsRead,
        page_of(named("Decision")),
    );
    let filters = [
        switch("allowed", "Whether it was let in."),
        word("application_id", "At this application.", ""),
        word("country_code", "From this country.", "PT"),
        word("ray_id", "This one.", ""),
        word("token_id", "By this service token.", ""),
        word("client_id", "By this Client ID.", ""),
    ];
    Routes::of("Access log").serve(own.asks(of_a_time()).asks(filters), list_own)
}

/// Filters by what only people have find nothing.
fn asked() -> impl Iterator<Item = Parameter> {
    let operator = |name| one_of(name, "How the filter of that name compares.", &["eq", "neq"]);
    let filters = [
        word("fields", "Only these members, separated by commas.", "ray_id,allowed"),
        switch("allowed", "Whether it was let in."),
        operator("allowedOp"),
        word("app_uid", "At this application.", ""),
        operator("app_uidOp"),
        word("country_code", "From this country.", "PT"),
        operator("country_codeOp"),
        word("ray_id", "This one.", ""),
        operator("ray_idOp"),
        word("app_type", "All are `self_hosted`.", "self_hosted"),
        operator("app_typeOp"),
        word("idp", "All are `nonidentity`.", "nonidentity"),
        operator("idpOp"),
        switch("non_identity", "All are."),
        operator("non_identityOp"),
        word("email", "None has one.", ""),
        word("email_exact", "None has one.", ""),
        one_of("emailOp", "How the filter of that name compares.", &["eq", "neq", "contains"]),
        word("user_id", "None has one.", ""),
        operator("user_idOp"),
    ];
    of_a_time().into_iter().chain(filters)
}

fn of_a_time() -> [Parameter; 4] {
    [
        moment("since", "Not before."),
        moment("until", "Before."),
        one_of("direction", "Newest first unless it is `asc`.", &["desc", "asc"]),
        count("limit", "Another name of per_page; 25 unless something else is said."),
    ]
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

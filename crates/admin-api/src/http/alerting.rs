//! `alerting/v3`.

mod policies;
mod webhooks;

use super::answer::Answer;
use super::authenticate::Account;
use super::request::{Page, Query};
use super::{App, Outcome, Router, answered};
use crate::wire::alert;
use axum::extract::State;
use axum::routing::get;
use proto::notifier::ListHistoryRequest;

pub fn routes() -> Router {
    Router::new()
        .route("/alerting/v3/available_alerts", get(async || Answer::ok(alert::available())))
        .route("/alerting/v3/destinations/eligible", get(async || Answer::ok(alert::eligible())))
        .route("/alerting/v3/history", get(history))
        .merge(policies::routes())
        .merge(webhooks::routes())
}

/// What was sent, newest first.
async fn history(
    State(mut app): State<App>,
    Account(account_id): Account,
    page: Page,
    query: Query,
) -> Outcome {
    let request = ListHistoryRequest {
        account_id,
        before_ms: query.time("before")?,
        since_ms: query.time("since")?,
        page: page.number,
        per_page: page.size,
    };
    let found = answered(app.notifier.list_history(request).await)?;
    let deliveries = found.deliveries.into_iter().map(alert::view_delivery).collect();
    Ok(Answer::page(deliveries, page, found.total_count))
}

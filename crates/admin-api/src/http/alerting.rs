//! `alerting/v3`.

pub mod policies;
pub mod webhooks;

use super::answer::Answer;
use super::authenticate::Account;
use super::operation::{get, moment, ok, page_of};
use super::request::{Page, Query};
use super::routes::Routes;
use super::{App, Outcome, answered};
use crate::wire::alert;
use crate::wire::schema::{alert as schema, named};
use axum::extract::State;
use proto::notifier::ListHistoryRequest;
use proto::token_registry::Scope::NotificationsRead;

pub fn routes() -> Routes {
    Routes::of("Alerts")
        .serve(
            get(
                "/alerting/v3/available_alerts",
                "list_available_alerts",
                "The types of alert",
                NotificationsRead,
                ok(schema::available()),
            ),
            async || Answer::ok(alert::available()),
        )
        .serve(
            get(
                "/alerting/v3/destinations/eligible",
                "list_eligible_destinations",
                "The kinds of destination",
                NotificationsRead,
                ok(schema::eligible()),
            ),
            async || Answer::ok(alert::eligible()),
        )
        .serve(
            get(
                "/alerting/v3/history",
                "list_alert_history",
                "What was sent, newest first",
                NotificationsRead,
                page_of(named("Delivery")),
            )
            .asks([moment("since", "Not before."), moment("before", "Before.")]),
            history,
        )
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

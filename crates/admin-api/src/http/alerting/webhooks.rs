//! `alerting/v3/destinations/webhooks`. A change answers with the id alone.

use crate::http::answer::Answer;
use crate::http::authenticate::Account;
use crate::http::body::Body;
use crate::http::request::{Page, Target};
use crate::http::{App, Outcome, Router, answered, present};
use crate::wire::webhook;
use axum::extract::State;
use axum::routing::get;
use proto::notifier::{DeleteWebhookRequest, GetWebhookRequest, ListWebhooksRequest};
use serde_json::json;

pub fn routes() -> Router {
    Router::new()
        .route("/alerting/v3/destinations/webhooks", get(list).post(create))
        .route("/alerting/v3/destinations/webhooks/{id}", get(read).put(update).delete(delete))
}

async fn list(State(mut app): State<App>, Account(account_id): Account, page: Page) -> Outcome {
    let all = answered(app.notifier.list_webhooks(ListWebhooksRequest { account_id }).await)?.webhooks;
    let total = all.len() as u64;
    Ok(Answer::page(page.cut(all).into_iter().map(webhook::view).collect(), page, total))
}

/// A test message is sent; a destination that refuses it is not created.
async fn create(State(mut app): State<App>, Account(account_id): Account, Body(mut fields): Body) -> Outcome {
    let request = webhook::read_create(account_id, &mut fields)?;
    let created = answered(app.notifier.create_webhook(request).await)?;
    Ok(Answer::created(json!({"id": present(created.webhook)?.id})))
}

async fn read(State(mut app): State<App>, Account(account_id): Account, target: Target) -> Outcome {
    let request = GetWebhookRequest { account_id, id: target.id };
    let found = answered(app.notifier.get_webhook(request).await)?;
    Ok(Answer::ok(webhook::view(present(found.webhook)?)))
}

async fn update(
    State(mut app): State<App>,
    Account(account_id): Account,
    target: Target,
    Body(mut fields): Body,
) -> Outcome {
    let request = webhook::read_update(account_id, target.id, &mut fields)?;
    let updated = answered(app.notifier.update_webhook(request).await)?;
    Ok(Answer::ok(json!({"id": present(updated.webhook)?.id})))
}

async fn delete(State(mut app): State<App>, Account(account_id): Account, target: Target) -> Outcome {
    let request = DeleteWebhookRequest { account_id, id: target.id.clone() };
    answered(app.notifier.delete_webhook(request).await)?;
    Ok(Answer::ok(json!({"id": target.id})))
}

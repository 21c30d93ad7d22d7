//! `alerting/v3/destinations/webhooks`. A change answers with the id alone.

use crate::http::answer::Answer;
use crate::http::authenticate::Account;
use crate::http::body::Body;
use crate::http::operation::{created, delete, get, ok, page_of, post, put};
use crate::http::request::{Page, Target};
use crate::http::routes::Routes;
use crate::http::{App, Outcome, answered, present};
use crate::wire::schema::{named, only_id, webhook as schema};
use crate::wire::webhook;
use axum::extract::State;
use proto::notifier::{DeleteWebhookRequest, GetWebhookRequest, ListWebhooksRequest};
use proto::token_registry::Scope::{NotificationsRead as READ, NotificationsWrite as WRITE};
use serde_json::json;

pub fn routes() -> Routes {
    let shown = || named("Webhook");
    Routes::of("Alerts")
        .serve(
            get(
                "/alerting/v3/destinations/webhooks",
                "list_webhooks",
                "Webhooks of the account",
                READ,
                page_of(shown()),
            ),
            list,
        )
        .serve(
            post(
                "/alerting/v3/destinations/webhooks",
                "create_webhook",
                "Makes a destination that takes a test message",
                WRITE,
                created(only_id()),
            )
            .takes(schema::create()),
            create,
        )
        .serve(
            get(
                "/alerting/v3/destinations/webhooks/{id}",
                "get_webhook",
                "One webhook, without its secret",
                READ,
                ok(shown()),
            ),
            read,
        )
        .serve(
            put(
                "/alerting/v3/destinations/webhooks/{id}",
                "update_webhook",
                "Changes what is given",
                WRITE,
                ok(only_id()),
            )
            .takes(schema::update()),
            update,
        )
        .serve(
            delete(
                "/alerting/v3/destinations/webhooks/{id}",
                "delete_webhook",
                "Deletes one that no alert policy names",
                WRITE,
                ok(only_id()),
            ),
            remove,
        )
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

async fn remove(State(mut app): State<App>, Account(account_id): Account, target: Target) -> Outcome {
    let request = DeleteWebhookRequest { account_id, id: target.id.clone() };
    answered(app.notifier.delete_webhook(request).await)?;
    Ok(Answer::ok(json!({"id": target.id})))
}

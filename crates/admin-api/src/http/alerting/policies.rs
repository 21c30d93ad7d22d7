//! `alerting/v3/policies`. A change answers with the id alone.

use crate::http::answer::Answer;
use crate::http::authenticate::Account;
use crate::http::body::Body;
use crate::http::operation::{delete, get, ok, page_of, post, put};
use crate::http::request::{Page, Target};
use crate::http::routes::Routes;
use crate::http::{App, Outcome, answered, present};
use crate::wire::alert;
use crate::wire::schema::{alert as schema, named, only_id};
use axum::extract::State;
use proto::notifier::{
    CreateAlertPolicyRequest, DeleteAlertPolicyRequest, GetAlertPolicyRequest, ListAlertPoliciesRequest,
};
use proto::token_registry::Scope::{NotificationsRead as READ, NotificationsWrite as WRITE};
use serde_json::json;

pub fn routes() -> Routes {
    let shown = || named("AlertPolicy");
    Routes::of("Alerts")
        .serve(
            get(
                "/alerting/v3/policies",
                "list_alert_policies",
                "Alert policies of the account",
                READ,
                page_of(shown()),
            ),
            list,
        )
        .serve(
            post(
                "/alerting/v3/policies",
                "create_alert_policy",
                "Says who is told of what",
                WRITE,
                ok(only_id()),
            )
            .takes(schema::create()),
            create,
        )
        .serve(
            get("/alerting/v3/policies/{id}", "get_alert_policy", "One alert policy", READ, ok(shown())),
            read,
        )
        .serve(
            put(
                "/alerting/v3/policies/{id}",
                "update_alert_policy",
                "Changes what is given",
                WRITE,
                ok(only_id()),
            )
            .takes(schema::update()),
            update,
        )
        .serve(
            delete("/alerting/v3/policies/{id}", "delete_alert_policy", "Deletes it", WRITE, ok(only_id())),
            remove,
        )
}

async fn list(State(mut app): State<App>, Account(account_id): Account, page: Page) -> Outcome {
    let all =
        answered(app.notifier.list_alert_policies(ListAlertPoliciesRequest { account_id }).await)?.policies;
    let total = all.len() as u64;
    Ok(Answer::page(page.cut(all).into_iter().map(alert::view).collect(), page, total))
}

async fn create(State(mut app): State<App>, Account(account_id): Account, Body(mut fields): Body) -> Outcome {
    let request = CreateAlertPolicyRequest { account_id, spec: Some(alert::read_create(&mut fields)?) };
    let created = answered(app.notifier.create_alert_policy(request).await)?;
    Ok(Answer::ok(json!({"id": present(created.policy)?.id})))
}

async fn read(State(mut app): State<App>, Account(account_id): Account, target: Target) -> Outcome {
    let request = GetAlertPolicyRequest { account_id, id: target.id };
    let found = answered(app.notifier.get_alert_policy(request).await)?;
    Ok(Answer::ok(alert::view(present(found.policy)?)))
}

async fn update(
    State(mut app): State<App>,
    Account(account_id): Account,
    target: Target,
    Body(mut fields): Body,
) -> Outcome {
    let request = alert::read_update(account_id, target.id, &mut fields)?;
    let updated = answered(app.notifier.update_alert_policy(request).await)?;
    Ok(Answer::ok(json!({"id": present(updated.policy)?.id})))
}

async fn remove(State(mut app): State<App>, Account(account_id): Account, target: Target) -> Outcome {
    let request = DeleteAlertPolicyRequest { account_id, id: target.id.clone() };
    answered(app.notifier.delete_alert_policy(request).await)?;
    Ok(Answer::ok(json!({"id": target.id})))
}

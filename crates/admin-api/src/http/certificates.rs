//! `access/certificates`: kept and shown. The gateway has its own authorities, so an answer says that nothing acts on them.

use super::answer::Answer;
use super::authenticate::Account;
use super::body::Body;
use super::request::{Page, Target};
use super::{App, Outcome, Router, answered, present};
use crate::wire::certificate;
use axum::extract::State;
use axum::routing::get;
use proto::policy_evaluator::{
    DeleteCertificateRequest, GetCertificateRequest, GetCertificateSettingsRequest, ListCertificatesRequest,
    PutCertificateSettingsRequest,
};
use serde_json::json;

pub fn routes() -> Router {
    Router::new()
        .route("/access/certificates", get(list).post(create))
        .route("/access/certificates/settings", get(read_settings).put(update_settings))
        .route("/access/certificates/{id}", get(read).put(update).delete(delete))
}

async fn list(State(mut app): State<App>, Account(account_id): Account, page: Page) -> Outcome {
    let request = ListCertificatesRequest { account_id, page: page.number, per_page: page.size };
    let found = answered(app.policy_evaluator.list_certificates(request).await)?;
    let certificates = found.certificates.into_iter().map(certificate::view).collect();
    Ok(Answer::page(certificates, page, found.total_count))
}

async fn create(State(mut app): State<App>, Account(account_id): Account, Body(mut fields): Body) -> Outcome {
    let request = certificate::read_create(account_id, &mut fields)?;
    let created = answered(app.policy_evaluator.create_certificate(request).await)?;
    let shown = certificate::view(present(created.certificate)?);
    Ok(Answer::created(shown).noting(&["certificate".to_owned()]))
}

async fn read(State(mut app): State<App>, Account(account_id): Account, target: Target) -> Outcome {
    let request = GetCertificateRequest { account_id, id: target.id };
    let found = answered(app.policy_evaluator.get_certificate(request).await)?;
    Ok(Answer::ok(certificate::view(present(found.certificate)?)))
}

async fn update(
    State(mut app): State<App>,
    Account(account_id): Account,
    target: Target,
    Body(mut fields): Body,
) -> Outcome {
    let request = certificate::read_update(account_id, target.id, &mut fields)?;
    let updated = answered(app.policy_evaluator.update_certificate(request).await)?;
    Ok(Answer::ok(certificate::view(present(updated.certificate)?)))
}

async fn delete(State(mut app): State<App>, Account(account_id): Account, target: Target) -> Outcome {
    let request = DeleteCertificateRequest { account_id, id: target.id.clone() };
    answered(app.policy_evaluator.delete_certificate(request).await)?;
    Ok(Answer::ok(json!({"id": target.id})))
}

async fn read_settings(State(mut app): State<App>, Account(account_id): Account) -> Outcome {
    let request = GetCertificateSettingsRequest { account_id };
    let found = answered(app.policy_evaluator.get_certificate_settings(request).await)?;
    Ok(Answer::ok(found.settings.into_iter().map(certificate::view_setting).collect()))
}

async fn update_settings(
    State(mut app): State<App>,
    Account(account_id): Account,
    Body(mut fields): Body,
) -> Outcome {
    let settings = certificate::read_settings(&mut fields)?;
    let request = PutCertificateSettingsRequest { account_id, settings };
    let updated = answered(app.policy_evaluator.put_certificate_settings(request).await)?;
    let shown = updated.settings.into_iter().map(certificate::view_setting).collect();
    Ok(Answer::accepted(shown).noting(&["settings".to_owned()]))
}

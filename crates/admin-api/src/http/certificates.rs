//! `access/certificates`: kept and shown. The gateway has its own authorities, so an answer says that nothing acts on them.

use super::answer::Answer;
use super::authenticate::Account;
use super::body::Body;
use super::operation::{accepted, created, delete, get, ok, page_of, post, put};
use super::request::{Page, Target};
use super::routes::Routes;
use super::{App, Outcome, answered, present};
use crate::wire::certificate;
use crate::wire::schema::{certificate as schema, list as list_of, named, only_id};
use axum::extract::State;
use proto::policy_evaluator::{
    DeleteCertificateRequest, GetCertificateRequest, GetCertificateSettingsRequest, ListCertificatesRequest,
    PutCertificateSettingsRequest,
};
use proto::token_registry::Scope::AccountAdmin as ADMIN;
use serde_json::json;

pub fn routes() -> Routes {
    let shown = || named("Certificate");
    let settings = || list_of("", named("HostnameSetting"));
    Routes::of("Certificates")
        .serve(
            get(
                "/access/certificates",
                "list_certificates",
                "Authorities of client certificates",
                ADMIN,
                page_of(shown()),
            ),
            list,
        )
        .serve(
            post(
                "/access/certificates",
                "create_certificate",
                "Keeps authorities; the gateway's own configuration says which it trusts",
                ADMIN,
                created(shown()),
            )
            .takes(schema::create()),
            create,
        )
        .serve(get("/access/certificates/{id}", "get_certificate", "One of them", ADMIN, ok(shown())), read)
        .serve(
            put(
                "/access/certificates/{id}",
                "update_certificate",
                "Its name and host names",
                ADMIN,
                ok(shown()),
            )
            .takes(schema::update()),
            update,
        )
        .serve(
            delete(
                "/access/certificates/{id}",
                "delete_certificate",
                "Deletes one that has no host names",
                ADMIN,
                ok(only_id()),
            ),
            remove,
        )
        .serve(
            get(
                "/access/certificates/settings",
                "get_certificate_settings",
                "Settings of host names",
                ADMIN,
                ok(settings()),
            ),
            read_settings,
        )
        .serve(
            put(
                "/access/certificates/settings",
                "update_certificate_settings",
                "Replaces them; nothing acts on them",
                ADMIN,
                accepted(settings()),
            )
            .takes(schema::settings()),
            update_settings,
        )
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

async fn remove(State(mut app): State<App>, Account(account_id): Account, target: Target) -> Outcome {
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

//! `access/apps/{app_id}/user_policy_checks`: what an application's policies would say of a caller, and why.
//!
//! The contract asks it of the person who is logged in. Here it is asked of a service token, by
//! `?service_token_id=<id>`; `ip` and `country` say where the request would come from. Without a token it is asked of
//! a caller without credentials. A token that is disabled or has ended is none.

use super::answer::Answer;
use super::authenticate::Account;
use super::operation::{get, ok, word};
use super::request::{Query, Target};
use super::routes::Routes;
use super::{App, Outcome, answered, apps, present};
use crate::wire::policy_check;
use crate::wire::schema::policy_check as schema;
use axum::extract::State;
use model::Error;
use proto::policy_evaluator::facts::ServiceToken;
use proto::policy_evaluator::{EvaluateRequest, Facts};
use proto::token_registry::Scope::AppsAndPoliciesRead;
use proto::token_registry::{GetTokenRequest, Token};
use std::net::IpAddr;

pub fn routes() -> Routes {
    let summary = "How the application's policies would judge a caller, and why";
    Routes::of("Applications").serve(
        get(
            "/access/apps/{app_id}/user_policy_checks",
            "check_policies",
            summary,
            AppsAndPoliciesRead,
            ok(schema::shown()),
        )
        .asks([
            word(
                "service_token_id",
                "The caller; left out: somebody without credentials.",
                "f174e90a-fafe-4643-bbbc-4a0ed4fc8415",
            ),
            word("ip", "Where it comes from.", "192.0.2.1"),
            word("country", "ISO 3166-1 alpha-2.", "PT"),
        ]),
        check,
    )
}

async fn check(
    State(mut app): State<App>,
    Account(account_id): Account,
    target: Target,
    query: Query,
) -> Outcome {
    let (token_id, ip, country_code) = (query.get("service_token_id"), address(&query)?, country(&query)?);
    let application = apps::find(&mut app, account_id.clone(), target.app_id).await?;
    let token = match token_id {
        None => None,
        Some(id) => {
            let request = GetTokenRequest { account_id, id: id.to_owned() };
            Some(present(answered(app.token_registry.get_token(request).await)?.token)?)
        }
    };
    let now = app.clock.now().as_millis();
    let may_enter = |token: &Token| token.enabled && token.expires_at_ms > now;
    let usable = token.as_ref().filter(|token| may_enter(token));
    let facts = Facts {
        ip,
        country_code,
        service_token: usable.map(|token| ServiceToken { id: token.id.clone() }),
        ..Facts::default()
    };
    let is_usable = usable.is_some();
    let request = EvaluateRequest {
        application_id: application.id.clone(),
        facts: Some(facts),
        explain: true,
        at_least: 0,
    };
    let judged = answered(app.policy_evaluator.evaluate(request).await)?;
    let token = token.map(|token| (token.id, is_usable));
    Ok(Answer::ok(policy_check::view(application, &judged, token)))
}

fn address(query: &Query) -> Result<String, Error> {
    let ip = query.text("ip");
    if !ip.is_empty() && ip.parse::<IpAddr>().is_err() {
        return Err(Error::invalid("ip", "must be an IP address"));
    }
    Ok(ip)
}

fn country(query: &Query) -> Result<String, Error> {
    let code = query.text("country");
    let is_code = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    if !(code.is_empty() || is_code) {
        return Err(Error::invalid("country", "must be two capital letters (ISO 3166-1 alpha-2)"));
    }
    Ok(code)
}

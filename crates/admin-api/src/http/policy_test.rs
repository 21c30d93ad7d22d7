//! `apps/{app_id}/policy_test` of our own API: would this token, from this address, get in, and why. Nothing is changed,
//! and no secret is asked for.

use super::answer::Answer;
use super::authenticate::Account;
use super::body::Body;
use super::operation::{ok, post};
use super::request::Target;
use super::routes::Routes;
use super::{App, Outcome, answered, present};
use crate::wire::policy_test;
use crate::wire::schema::policy_test as schema;
use axum::extract::State;
use proto::policy_evaluator::{EvaluateRequest, GetApplicationRequest};
use proto::token_registry::GetTokenRequest;
use proto::token_registry::Scope::AppsAndPoliciesRead;

pub fn routes() -> Routes {
    let summary = "Would such a request get in, and why: a question, which changes nothing";
    Routes::of("Applications").serve(
        post(
            "/apps/{app_id}/policy_test",
            "test_policies",
            summary,
            AppsAndPoliciesRead,
            ok(schema::shown()),
        )
        .takes(schema::given()),
        test,
    )
}

/// Both owners are asked first whether the account has such an application and such a token.
async fn test(
    State(mut app): State<App>,
    Account(account_id): Account,
    target: Target,
    Body(mut fields): Body,
) -> Outcome {
    let asked = policy_test::read(&mut fields)?;
    let request = GetApplicationRequest { account_id: account_id.clone(), id: target.app_id };
    let application = present(answered(app.policy_evaluator.get_application(request).await)?.application)?;
    let token = match asked.token_id {
        Some(id) => {
            let found = answered(app.token_registry.get_token(GetTokenRequest { account_id, id }).await)?;
            Some(present(found.token)?)
        }
        None => None,
    };
    let facts = Some(policy_test::facts(asked.facts, token.as_ref()));
    let request = EvaluateRequest { application_id: application.id, facts, explain: true, at_least: 0 };
    let verdict = answered(app.policy_evaluator.evaluate(request).await)?;
    Ok(Answer::ok(policy_test::view(verdict, token.as_ref(), app.clock.now())))
}

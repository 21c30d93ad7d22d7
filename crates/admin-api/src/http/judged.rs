//! One judgement of a request that nobody has made, for everybody who asks for one. Nothing is changed, and no secret is
//! asked for.

use super::problem::Problem;
use super::{App, answered, present};
use crate::wire::judged::{Asked, Judged};
use proto::policy_evaluator::{EvaluateRequest, GetApplicationRequest};
use proto::token_registry::GetTokenRequest;

/// Both owners are asked first whether the account has such an application and such a token.
pub async fn judge(
    app: &mut App,
    account_id: String,
    app_id: String,
    asked: Asked,
) -> Result<Judged, Problem> {
    let request = GetApplicationRequest { account_id: account_id.clone(), id: app_id };
    let application = present(answered(app.policy_evaluator.get_application(request).await)?.application)?;
    let token = match &asked.token_id {
        Some(id) => {
            let request = GetTokenRequest { account_id, id: id.clone() };
            Some(present(answered(app.token_registry.get_token(request).await)?.token)?)
        }
        None => None,
    };
    let facts = Some(asked.facts(token.as_ref()));
    let request =
        EvaluateRequest { application_id: application.id.clone(), facts, explain: true, at_least: 0 };
    let verdict = answered(app.policy_evaluator.evaluate(request).await)?;
    Ok(Judged { application, token, verdict, at: app.clock.now() })
}

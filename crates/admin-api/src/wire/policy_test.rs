//! What a policy test asks, and how the engine explains itself.

use super::fields::Fields;
use super::policy;
use model::{Error, Timestamp};
use proto::policy_evaluator::facts::{Certificate, ServiceToken};
use proto::policy_evaluator::{EvaluateResponse, Facts, Outcome, PolicyTrace, RuleTrace};
use proto::token_registry::Token;
use serde_json::{Value, json};

/// A request that nobody has made.
#[derive(Debug, PartialEq)]
pub struct Asked {
    /// `None`: it carries no service token.
    pub token_id: Option<String>,
    /// What else is known of it.
    pub facts: Facts,
}

pub fn read(fields: &mut Fields) -> Result<Asked, Error> {
    let token_id = fields.text("token_id")?;
    let common_name = fields.text("common_name")?;
    let facts = Facts {
        ip: fields.text("ip")?.unwrap_or_default(),
        country_code: fields.text("country_code")?.unwrap_or_default().to_ascii_uppercase(),
        certificate: common_name.map(|common_name| Certificate { common_name, ..Certificate::default() }),
        ..Facts::default()
    };
    // A misspelt address would be judged as an unknown one.
    match fields.given().first() {
        None => Ok(Asked { token_id, facts }),
        Some(name) => Err(Error::invalid(name, "is not token_id, ip, country_code or common_name")),
    }
}

pub fn facts(facts: Facts, token: Option<&Token>) -> Facts {
    Facts { service_token: token.map(|token| ServiceToken { id: token.id.clone() }), ..facts }
}

/// A token that is disabled or expired gets in nowhere: its credentials are judged before any policy.
pub fn view(verdict: EvaluateResponse, token: Option<&Token>, now: Timestamp) -> Value {
    let outcome = verdict.outcome();
    let (name, refusal) = match outcome {
        Outcome::Bypass => ("bypass", None),
        Outcome::ServiceAuth => ("service_auth", None),
        Outcome::Allow => ("allow", None),
        Outcome::Deny => ("deny", Some("POLICY_DENIED")),
        Outcome::NoMatch | Outcome::Unspecified => ("no_match", Some("POLICY_NO_MATCH")),
    };
    let reason = token.and_then(|token| unusable(token, now)).or(refusal);
    let EvaluateResponse { policy_id, policy_name, session_duration_s, as_of, explanation, .. } = verdict;
    json!({
        "admitted": reason.is_none(),
        "reason": reason,
        "outcome": name,
        "policy_id": text(&policy_id),
        "policy_name": text(&policy_name),
        "session_duration_s": session_duration_s,
        "as_of": as_of,
        "explanation": explanation.into_iter().map(view_trace).collect::<Value>(),
    })
}

fn unusable(token: &Token, now: Timestamp) -> Option<&'static str> {
    if !token.enabled {
        Some("TOKEN_DISABLED")
    } else if token.expires_at_ms <= now.as_millis() {
        Some("TOKEN_EXPIRED")
    } else {
        None
    }
}

fn text(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { json!(text) }
}

fn view_trace(trace: PolicyTrace) -> Value {
    let decision = policy::decision_name(trace.decision);
    let PolicyTrace { policy_id, policy_name, decision: _, matched, rules } = trace;
    let rule = |RuleTrace { list, index, rule, held }| json!({"list": list, "index": index, "rule": rule, "held": held});
    json!({
        "policy_id": policy_id,
        "policy_name": policy_name,
        "decision": decision,
        "matched": matched,
        "rules": rules.into_iter().map(rule).collect::<Value>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    fn token(enabled: bool, expires_at_ms: i64) -> Token {
        Token { id: "t1".into(), enabled, expires_at_ms, ..Token::default() }
    }

    #[test]
    fn a_token_that_is_no_good_is_refused_whatever_the_policies_say() {
        let admits = EvaluateResponse { outcome: Outcome::ServiceAuth.into(), ..EvaluateResponse::default() };
        for (token, reason) in [
            (token(true, 1_001), Value::Null),
            (token(false, 1_001), json!("TOKEN_DISABLED")),
            (token(true, 1_000), json!("TOKEN_EXPIRED")),
        ] {
            let shown = view(admits.clone(), Some(&token), NOW);
            assert_eq!(
                (&shown["reason"], &shown["admitted"]),
                (&reason, &json!(reason.is_null())),
                "{shown}"
            );
            assert_eq!(shown["outcome"], "service_auth");
        }
    }

    #[test]
    fn no_policy_is_no_admission() {
        for (outcome, reason) in [
            (Outcome::NoMatch, "POLICY_NO_MATCH"),
            (Outcome::Deny, "POLICY_DENIED"),
            (Outcome::Unspecified, "POLICY_NO_MATCH"),
        ] {
            let refuses = EvaluateResponse { outcome: outcome.into(), ..EvaluateResponse::default() };
            let shown = view(refuses, None, NOW);
            assert_eq!((&shown["admitted"], &shown["reason"]), (&json!(false), &json!(reason)));
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let of = |body: Value| {
            let Value::Object(body) = body else { panic!() };
            read(&mut Fields::body(body))
        };
        let asked = of(json!({"token_id": "t1", "ip": "10.0.0.1", "country_code": "pt"})).unwrap();
        assert_eq!((asked.token_id.as_deref(), asked.facts.country_code.as_str()), (Some("t1"), "PT"));
        assert_eq!(of(json!({"adress": "10.0.0.1"})).unwrap_err().violations()[0].field, "adress");
        assert_eq!(of(json!({"ip": 10})).unwrap_err().violations()[0].field, "ip");
    }
}

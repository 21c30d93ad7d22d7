//! What a policy test asks, and how the engine explains itself.

use super::fields::Fields;
use super::judged::{Asked, Given, Judged};
use super::policy;
use model::Error;
use proto::policy_evaluator::{EvaluateResponse, Outcome, PolicyTrace, RuleTrace};
use serde_json::{Value, json};

pub fn read(fields: &mut Fields) -> Result<Asked, Error> {
    let (token_id, common_name) = (fields.text("token_id")?, fields.text("common_name")?);
    let mut given = |field| Ok::<_, Error>(Given { field, text: fields.text(field)?.unwrap_or_default() });
    let (address, country) = (given("ip")?, given("country_code")?);
    // A misspelt address would be judged as an unknown one.
    match fields.given().first() {
        None => Asked::new(token_id, address, country, common_name),
        Some(name) => Err(Error::invalid(name, "is not token_id, ip, country_code or common_name")),
    }
}

pub fn view(judged: Judged) -> Value {
    let reason = judged.refusal();
    let verdict = judged.verdict;
    let name = match verdict.outcome() {
        Outcome::Bypass => "bypass",
        Outcome::ServiceAuth => "service_auth",
        Outcome::Allow => "allow",
        Outcome::Deny => "deny",
        Outcome::NoMatch | Outcome::Unspecified => "no_match",
    };
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

    #[test]
    fn what_is_not_understood_is_refused() {
        let of = |body: Value| {
            let Value::Object(body) = body else { panic!() };
            read(&mut Fields::body(body))
        };
        let asked = of(json!({"token_id": "t1", "ip": "10.0.0.1", "country_code": "pt"})).unwrap();
        assert_eq!(asked.token_id.as_deref(), Some("t1"));
        let facts = asked.facts(None);
        assert_eq!((facts.ip.as_str(), facts.country_code.as_str()), ("10.0.0.1", "PT"));
        for (wrong, field) in [
            (json!({"adress": "10.0.0.1"}), "adress"),
            (json!({"ip": 10}), "ip"),
            (json!({"ip": "ten"}), "ip"),
            (json!({"country_code": "PRT"}), "country_code"),
        ] {
            assert_eq!(of(wrong).unwrap_err().violations()[0].field, field);
        }
    }
}

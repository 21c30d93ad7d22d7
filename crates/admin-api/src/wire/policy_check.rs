//! How an application's policies would judge a caller.

use super::policy;
use proto::policy_evaluator::{Application, EvaluateResponse, Outcome, PolicyTrace, RuleTrace};
use serde_json::{Value, json};

/// `token`: its id, and whether it may enter at all.
pub fn view(application: Application, judged: &EvaluateResponse, token: Option<(String, bool)>) -> Value {
    let admitted = matches!(judged.outcome(), Outcome::Bypass | Outcome::ServiceAuth | Outcome::Allow);
    let Application { id, aud, spec, policies, .. } = application;
    let spec = spec.unwrap_or_default();
    let policies: Vec<Value> = policies
        .into_iter()
        .map(|policy| {
            let trace = judged.explanation.iter().find(|trace| trace.policy_id == policy.id);
            let mut shown = policy::view(policy, true);
            if let Value::Object(shown) = &mut shown {
                let status = trace.map_or("Not evaluated", |it| status(it.matched));
                shown.insert("status".to_owned(), json!(status));
                shown.insert("rules".to_owned(), trace.map_or_else(|| json!([]), rules));
            }
            shown
        })
        .collect();
    let identity = token.map_or_else(
        || json!({}),
        |(id, is_usable)| json!({"service_token_id": id, "service_token_status": is_usable}),
    );
    json!({
        "app_state": {
            "app_uid": id,
            "aud": aud,
            "hostname": spec.domain,
            "name": spec.name,
            "policies": policies,
            "status": status(admitted),
        },
        "user_identity": identity,
    })
}

const fn status(holds: bool) -> &'static str {
    if holds { "Success" } else { "Failed" }
}

/// Every rule that was looked at.
fn rules(trace: &PolicyTrace) -> Value {
    let rule = |RuleTrace { list, index, rule, held }: &RuleTrace| json!({"list": list, "index": index, "rule": rule, "held": held});
    trace.rules.iter().map(rule).collect()
}

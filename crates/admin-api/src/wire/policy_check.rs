//! How an application's policies would judge a caller.

use super::judged::Judged;
use super::policy;
use proto::policy_evaluator::{Application, PolicyTrace, RuleTrace};
use serde_json::{Value, json};

pub fn view(judged: Judged) -> Value {
    let (admitted, is_usable) = (judged.refusal().is_none(), judged.unusable().is_none());
    let Judged { application, token, verdict, at: _ } = judged;
    let Application { id, aud, spec, policies, .. } = application;
    let spec = spec.unwrap_or_default();
    let policies: Vec<Value> = policies
        .into_iter()
        .map(|policy| {
            let trace = verdict.explanation.iter().find(|trace| trace.policy_id == policy.id);
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
        |token| json!({"service_token_id": token.id, "service_token_status": is_usable}),
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

//! Access policies, reusable or an application's own.

use super::fields::{Fields, Item, mismatch};
use super::settings::{self, Absent, Setting};
use super::{rules, time};
use model::Error;
use proto::policy_evaluator::{Decision, Policy, PolicyLink, PolicyLinks, PolicySpec, policy_link};
use serde_json::{Value, json};

pub const SETTINGS: &[Setting] = &[
    Setting::flag("approval_required"),
    Setting::list("approval_groups").shown(Absent::EmptyList),
    Setting::flag("isolation_required"),
    Setting::flag("purpose_justification_required"),
    Setting::text("purpose_justification_prompt").cosmetic(),
    Setting::object("connection_rules"),
    Setting::object("mfa_config"),
];

const DECISIONS: [(&str, Decision); 4] = [
    ("allow", Decision::Allow),
    ("deny", Decision::Deny),
    ("non_identity", Decision::NonIdentity),
    ("bypass", Decision::Bypass),
];

/// Paths of fields that are kept and do nothing go to `inert`.
pub fn read(fields: &mut Fields, inert: &mut Vec<String>) -> Result<PolicySpec, Error> {
    Ok(PolicySpec {
        name: fields.required_text("name")?,
        decision: read_decision(fields)?.into(),
        include: rules::read(fields, "include")?,
        require: rules::read(fields, "require")?,
        exclude: rules::read(fields, "exclude")?,
        session_duration: fields.text("session_duration")?,
        settings_json: Value::Object(settings::read(SETTINGS, fields, inert)?).to_string(),
    })
}

fn read_decision(fields: &mut Fields) -> Result<Decision, Error> {
    let text = fields.required_text("decision")?;
    let known = DECISIONS.into_iter().find(|(name, _)| *name == text).map(|(_, decision)| decision);
    known
        .ok_or_else(|| Error::invalid(fields.path("decision"), "must be allow, deny, non_identity or bypass"))
}

/// An application's ordered policies. `None`: not given, keep them.
pub fn read_links(fields: &mut Fields, inert: &mut Vec<String>) -> Result<Option<PolicyLinks>, Error> {
    let Some(items) = fields.list("policies")? else { return Ok(None) };
    let links = items.into_iter().map(|item| read_link(item, inert)).collect::<Result<_, _>>()?;
    Ok(Some(PolicyLinks { links }))
}

/// An id; an object with an id and perhaps a precedence; or a whole policy. A whole *reusable* policy, which is what
/// a response shows, is a link: it cannot be changed through an application.
fn read_link(item: Item, inert: &mut Vec<String>) -> Result<PolicyLink, Error> {
    if !matches!(item.value, Value::String(_) | Value::Object(_)) {
        return Err(mismatch(item.at, "a policy's id or an object", &item.value));
    }
    if item.value.is_string() {
        return Ok(PolicyLink {
            policy: Some(policy_link::Policy::Id(item.text()?)),
            ..PolicyLink::default()
        });
    }
    let mut fields = Fields::of(item)?;
    let id = fields.text("id")?;
    let precedence = fields.small_integer("precedence")?;
    let is_reusable = fields.flag("reusable")?.unwrap_or_default();
    let is_whole = ["name", "decision", "include"].into_iter().any(|name| fields.is_given(name));
    match id {
        Some(id) if !is_whole || is_reusable => {
            Ok(PolicyLink { policy: Some(policy_link::Policy::Id(id)), precedence, ..PolicyLink::default() })
        }
        id => Ok(PolicyLink {
            policy: Some(policy_link::Policy::Inline(read(&mut fields, inert)?)),
            precedence,
            inline_id: id.unwrap_or_default(),
        }),
    }
}

/// How the contract calls it.
pub fn decision_name(decision: i32) -> Option<&'static str> {
    DECISIONS.into_iter().find(|(_, known)| i32::from(*known) == decision).map(|(name, _)| name)
}

/// As part of an application it has a precedence.
pub fn view(policy: Policy, is_within_application: bool) -> Value {
    let Policy { id, account_id, spec, precedence, reusable, app_count, created_at_ms, updated_at_ms } =
        policy;
    let PolicySpec { name, decision, include, require, exclude, session_duration, settings_json } =
        spec.unwrap_or_default();
    let decision = decision_name(decision);
    let mut shown = json!({
        "id": id,
        "account_id": account_id,
        "name": name,
        "decision": decision,
        "include": rules::view(&include),
        "require": rules::view(&require),
        "exclude": rules::view(&exclude),
        "reusable": reusable,
        "app_count": app_count,
        "created_at": time(created_at_ms),
        "updated_at": time(updated_at_ms),
    });
    if let Value::Object(shown) = &mut shown {
        settings::view(SETTINGS, &settings_json, shown);
        if let Some(session_duration) = session_duration {
            shown.insert("session_duration".to_owned(), json!(session_duration));
        }
        if is_within_application {
            shown.insert("precedence".to_owned(), json!(precedence));
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(policies: &Value) -> Result<Vec<PolicyLink>, Error> {
        let Value::Object(body) = json!({"policies": policies}) else { panic!() };
        read_links(&mut Fields::body(body), &mut Vec::new()).map(|links| links.unwrap_or_default().links)
    }

    #[test]
    fn an_applications_policies_come_in_three_forms() {
        let whole =
            json!({"name": "n", "decision": "non_identity", "include": [{"everyone": {}}], "precedence": 7});
        let with = |field: &str, value: Value| {
            let mut it = whole.clone();
            it[field] = value;
            it
        };
        let mut returned = with("id", json!("p3"));
        returned["reusable"] = json!(true);
        let links =
            links(&json!(["p1", {"id": "p2", "precedence": 3}, whole, with("id", json!("own")), returned]))
                .unwrap();
        let id = |id: &str| Some(policy_link::Policy::Id(id.into()));
        assert_eq!((links[0].policy.clone(), links[0].precedence), (id("p1"), None));
        assert_eq!((links[1].policy.clone(), links[1].precedence), (id("p2"), Some(3)));
        assert!(
            matches!(&links[2].policy, Some(policy_link::Policy::Inline(spec)) if spec.include.len() == 1)
        );
        assert_eq!((links[2].inline_id.as_str(), links[2].precedence), ("", Some(7)));
        assert_eq!(links[3].inline_id, "own");
        assert_eq!(links[4].policy, id("p3"));
    }

    #[test]
    fn a_wrong_inline_policy_is_named_from_the_body() {
        let inline = json!([{"name": "n", "decision": "allow", "include": [{"ip": {"ip": 1}}]}]);
        assert_eq!(links(&inline).unwrap_err().violations()[0].field, "policies/0/include/0/ip/ip");
        let inline = json!([{"name": "n", "decision": "block"}]);
        assert_eq!(links(&inline).unwrap_err().violations()[0].field, "policies/0/decision");
        assert_eq!(links(&json!([[]])).unwrap_err().violations()[0].field, "policies/0");
        assert_eq!(links(&json!([{"precedence": 1}])).unwrap_err().violations()[0].field, "policies/0/name");
    }

    #[test]
    fn absent_and_empty_session_durations_stay_apart() {
        let read = |session: Value| {
            let body = json!({"name": "n", "decision": "allow", "session_duration": session, "approval_required": true});
            let Value::Object(body) = body else { panic!() };
            let mut inert = Vec::new();
            let spec = read(&mut Fields::body(body), &mut inert).unwrap();
            assert_eq!(inert, ["approval_required"]);
            view(Policy { spec: Some(spec), ..Policy::default() }, false)
        };
        assert_eq!(read(json!("")).get("session_duration"), Some(&json!("")));
        let absent = read(json!(null));
        assert_eq!(absent.get("session_duration"), None);
        assert_eq!(absent["exclude"], json!([]));
        assert_eq!(absent["approval_required"], true);
        assert_eq!(absent["isolation_required"], false);
    }
}

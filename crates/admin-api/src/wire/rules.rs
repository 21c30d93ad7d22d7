//! Access rules: one selector per object, `{"ip": {"ip": "10.0.0.0/8"}}`.
//!
//! To add a selector: a field in the proto's `Rule`, an arm in `read_selector` and one in [`view`].

use super::fields::{Fields, Item};
use model::Error;
use proto::policy_evaluator::rule::Selector;
use proto::policy_evaluator::{Empty, Rule};
use serde_json::{Value, json};

/// Selectors of the contract that need something this version does not have.
const NOT_SUPPORTED: [&str; 14] = [
    "email_list",
    "ip_list",
    "linked_app_token",
    "auth_method",
    "auth_context",
    "azureAD",
    "github-organization",
    "gsuite",
    "okta",
    "saml",
    "oidc",
    "device_posture",
    "external_evaluation",
    "user_risk_score",
];

/// The rules of one list: `include`, `require` or `exclude`. Absent is empty.
pub fn read(fields: &mut Fields, list: &str) -> Result<Vec<Rule>, Error> {
    fields.list(list)?.unwrap_or_default().into_iter().map(read_rule).collect()
}

fn read_rule(item: Item) -> Result<Rule, Error> {
    let mut rule = Fields::of(item)?;
    let given = rule.given();
    let [name] = given.as_slice() else {
        let text = format!("must have exactly one selector, not {}", given.len());
        return Err(Error::invalid(rule.at(), text));
    };
    Ok(Rule { selector: Some(read_selector(&mut rule, name)?) })
}

fn read_selector(rule: &mut Fields, name: &str) -> Result<Selector, Error> {
    let value = |rule: &mut Fields, field: &str| match rule.object(name)? {
        Some(mut selector) => selector.required_text(field),
        None => Err(rule.missing(name)),
    };
    Ok(match name {
        "everyone" => Selector::Everyone(empty(rule, name)?),
        "ip" => Selector::Ip(value(rule, "ip")?),
        "geo" => Selector::CountryCode(value(rule, "country_code")?),
        "service_token" => Selector::ServiceToken(value(rule, "token_id")?),
        "any_valid_service_token" => Selector::AnyValidServiceToken(empty(rule, name)?),
        "certificate" => Selector::Certificate(empty(rule, name)?),
        "common_name" => Selector::CommonName(value(rule, "common_name")?),
        "email" => Selector::Email(value(rule, "email")?),
        "email_domain" => Selector::EmailDomain(value(rule, "domain")?),
        "login_method" => Selector::LoginMethod(value(rule, "id")?),
        "group" => Selector::Group(value(rule, "id")?),
        known if NOT_SUPPORTED.contains(&known) || known == "cloudflare_account_member" => {
            return Err(Error::invalid(
                rule.at(),
                format!("selector {known} is not supported by this version"),
            ));
        }
        _ => return Err(Error::invalid(rule.at(), "unknown selector")),
    })
}

fn empty(rule: &mut Fields, name: &str) -> Result<Empty, Error> {
    rule.object(name).map(|_| Empty {})
}

/// Exactly what was read. A rule without a selector, which no service stores, is an empty object.
pub fn view(rules: &[Rule]) -> Value {
    rules.iter().map(view_rule).collect()
}

fn view_rule(Rule { selector }: &Rule) -> Value {
    match selector {
        Some(Selector::Everyone(Empty {})) => json!({"everyone": {}}),
        Some(Selector::Ip(ip)) => json!({"ip": {"ip": ip}}),
        Some(Selector::CountryCode(code)) => json!({"geo": {"country_code": code}}),
        Some(Selector::ServiceToken(id)) => json!({"service_token": {"token_id": id}}),
        Some(Selector::AnyValidServiceToken(Empty {})) => json!({"any_valid_service_token": {}}),
        Some(Selector::Certificate(Empty {})) => json!({"certificate": {}}),
        Some(Selector::CommonName(name)) => json!({"common_name": {"common_name": name}}),
        Some(Selector::Email(email)) => json!({"email": {"email": email}}),
        Some(Selector::EmailDomain(domain)) => json!({"email_domain": {"domain": domain}}),
        Some(Selector::LoginMethod(id)) => json!({"login_method": {"id": id}}),
        Some(Selector::Group(id)) => json!({"group": {"id": id}}),
        None => json!({}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn include(rules: &Value) -> Result<Vec<Rule>, Error> {
        let Value::Object(body) = json!({"include": rules}) else { panic!() };
        read(&mut Fields::body(body), "include")
    }

    #[test]
    fn a_refusal_says_which_rule_and_why() {
        for (rule, field, part) in [
            (json!({"ip": {"ip": 5}}), "include/1/ip/ip", "must be a string"),
            (json!({"ip": {}}), "include/1/ip/ip", "is required"),
            (json!({"ip": "10.0.0.0/8"}), "include/1/ip", "must be an object"),
            (json!({"okta": {"name": "x"}}), "include/1", "selector okta is not supported by this version"),
            (json!({"no_such": {}}), "include/1", "unknown selector"),
            (json!({"everyone": {}, "certificate": {}}), "include/1", "exactly one selector, not 2"),
            (json!({}), "include/1", "exactly one selector, not 0"),
            (json!("everyone"), "include/1", "must be an object"),
            (json!({"everyone": true}), "include/1/everyone", "must be an object"),
        ] {
            let error = include(&json!([{"everyone": {}}, rule])).unwrap_err();
            assert_eq!(error.violations()[0].field, field, "{rule}");
            assert!(error.message().contains(part), "{rule}: {}", error.message());
        }
    }

    #[test]
    fn removed_selectors_may_be_null() {
        let rules = include(&json!([{"ip": {"ip": "10.0.0.1", "x": 1}, "email": null}])).unwrap();
        assert_eq!(view(&rules), json!([{"ip": {"ip": "10.0.0.1"}}]));
        assert_eq!(include(&json!(null)).unwrap(), []);
    }

    fn any_rule() -> impl Strategy<Value = Value> {
        let text = "[^\u{0}]{0,20}";
        prop_oneof![
            Just(json!({"everyone": {}})),
            Just(json!({"any_valid_service_token": {}})),
            Just(json!({"certificate": {}})),
            text.prop_map(|it| json!({"ip": {"ip": it}})),
            text.prop_map(|it| json!({"geo": {"country_code": it}})),
            text.prop_map(|it| json!({"service_token": {"token_id": it}})),
            text.prop_map(|it| json!({"common_name": {"common_name": it}})),
            text.prop_map(|it| json!({"email": {"email": it}})),
            text.prop_map(|it| json!({"email_domain": {"domain": it}})),
            text.prop_map(|it| json!({"login_method": {"id": it}})),
            text.prop_map(|it| json!({"group": {"id": it}})),
        ]
    }

    proptest! {
        #[test]
        fn rules_come_back_as_they_were_given(rules in prop::collection::vec(any_rule(), 0..8)) {
            let rules = Value::Array(rules);
            prop_assert_eq!(view(&include(&rules).unwrap()), rules);
        }
    }
}

//! Decisions of the enforcement points, as the contract shows access requests, and whole.

use super::time;
use model::Error;
use proto::access_log::list_decisions_request::{Field, Filter};
use proto::access_log::{CredentialKind, Decision};
use serde_json::{Value, json};

/// What a query asks for.
#[derive(Debug, PartialEq)]
pub enum Wanted {
    /// All of these hold.
    Of(Vec<Filter>),
    /// What no machine has, such as an e-mail address.
    Nothing,
}

/// How the contract names what can be asked, and its operator.
const ASKED: [(&str, &str, Field); 4] = [
    ("allowed", "allowedOp", Field::Allowed),
    ("app_uid", "app_uidOp", Field::ApplicationId),
    ("country_code", "country_codeOp", Field::CountryCode),
    ("ray_id", "ray_idOp", Field::RayId),
];

/// What every decision here has: a machine asked, at an application that is protected by itself.
const SAME: [(&str, &str, &str); 3] = [
    ("app_type", "app_typeOp", "self_hosted"),
    ("idp", "idpOp", CONNECTION),
    ("non_identity", "non_identityOp", "true"),
];

/// What no decision here has.
const PEOPLE: [(&str, &str); 3] =
    [("email", "emailOp"), ("email_exact", "emailOp"), ("user_id", "user_idOp")];

/// How a machine is connected: by no identity provider.
const CONNECTION: &str = "nonidentity";

/// The contract's query.
pub fn read<'q>(get: impl Fn(&str) -> Option<&'q str>) -> Result<Wanted, Error> {
    let is_not = |operator: &str| match get(operator) {
        None | Some("eq") => Ok(false),
        Some("neq") => Ok(true),
        Some("contains") if operator == "emailOp" => Ok(false),
        Some(_) => Err(Error::invalid(operator, "must be eq or neq")),
    };
    let mut filters = Vec::new();
    for (name, operator, field) in ASKED {
        let is_not = is_not(operator)?;
        if let Some(value) = get(name) {
            filters.push(filter(name, field, value, is_not)?);
        }
    }
    let mut is_nothing = false;
    for (name, operator, all) in SAME {
        let is_not = is_not(operator)?;
        is_nothing |= get(name).is_some_and(|value| (value == all) == is_not);
    }
    for (name, operator) in PEOPLE {
        let is_not = is_not(operator)?;
        is_nothing |= get(name).is_some() && !is_not;
    }
    Ok(if is_nothing { Wanted::Nothing } else { Wanted::Of(filters) })
}

/// Our own: the same names without people, and the token's.
pub fn read_own<'q>(get: impl Fn(&str) -> Option<&'q str>) -> Result<Wanted, Error> {
    let own = [
        ("allowed", Field::Allowed),
        ("application_id", Field::ApplicationId),
        ("country_code", Field::CountryCode),
        ("ray_id", Field::RayId),
        ("token_id", Field::TokenId),
        ("client_id", Field::ClientId),
    ];
    let given = own.into_iter().filter_map(|(name, field)| Some((name, field, get(name)?)));
    let filters = given.map(|(name, field, value)| filter(name, field, value, false));
    filters.collect::<Result<_, _>>().map(Wanted::Of)
}

fn filter(name: &str, field: Field, value: &str, is_not: bool) -> Result<Filter, Error> {
    let value = match (field, value) {
        (Field::Allowed, "true" | "1") => "true".to_owned(),
        (Field::Allowed, "false" | "0") => "false".to_owned(),
        (Field::Allowed, _) => return Err(Error::invalid(name, "must be true or false")),
        (Field::CountryCode, _) => value.to_ascii_uppercase(),
        _ => value.to_owned(),
    };
    Ok(Filter { field: field.into(), value, is_not })
}

/// `fields`: only these, where something is named.
pub fn view(decision: &Decision, fields: Option<&Vec<String>>) -> Value {
    let mut shown = json!({
        "action": "login",
        "allowed": decision.allowed,
        "app_domain": decision.application_domain,
        "app_uid": decision.application_id,
        "connection": CONNECTION,
        "created_at": time(decision.decided_at_ms),
        "ip_address": decision.ip,
        "ray_id": decision.ray_id,
        "user_email": "",
    });
    if let (Some(fields), Value::Object(members)) = (fields, &mut shown) {
        members.retain(|name, _| fields.contains(name));
    }
    shown
}

pub fn view_own(decision: Decision) -> Value {
    let credential = match decision.credential() {
        CredentialKind::Unspecified | CredentialKind::None => "none",
        CredentialKind::Pair => "pair",
        CredentialKind::Session => "session",
    };
    let Decision {
        ray_id,
        decided_at_ms,
        account_id: _,
        application_id,
        application_domain,
        allowed,
        reason,
        policy_id,
        credential: _,
        token_id,
        client_id,
        client_secret_version,
        ip,
        country_code,
        method,
        host,
        path,
        gateway,
        duration_us,
        fallback,
    } = decision;
    json!({
        "ray_id": ray_id,
        "decided_at": time(decided_at_ms),
        "allowed": allowed,
        "reason": reason,
        "application_id": application_id,
        "application_domain": application_domain,
        "policy_id": policy_id,
        "credential": credential,
        "token_id": token_id,
        "client_id": client_id,
        "client_secret_version": client_secret_version,
        "ip_address": ip,
        "country_code": country_code,
        "method": method,
        "host": host,
        "path": path,
        "gateway": gateway,
        "duration_us": duration_us,
        "fallback": fallback,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Result<Wanted, Error> {
        let given: Vec<(&str, &str)> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        read(|name| given.iter().find(|(it, _)| *it == name).map(|(_, value)| *value))
    }

    fn of(field: Field, value: &str, is_not: bool) -> Wanted {
        Wanted::Of(vec![Filter { field: field.into(), value: value.to_owned(), is_not }])
    }

    #[test]
    fn every_parameter_of_the_contract_is_understood() {
        assert_eq!(asked("").unwrap(), Wanted::Of(Vec::new()));
        assert_eq!(asked("allowed=false&allowedOp=neq").unwrap(), of(Field::Allowed, "false", true));
        assert_eq!(asked("app_uid=a&app_uidOp=eq").unwrap(), of(Field::ApplicationId, "a", false));
        assert_eq!(asked("country_code=pt").unwrap(), of(Field::CountryCode, "PT", false));
        assert_eq!(asked("ray_id=0f&ray_idOp=neq").unwrap(), of(Field::RayId, "0f", true));
        for all in [
            "non_identity=true",
            "app_type=self_hosted",
            "idp=nonidentity",
            "idp=okta&idpOp=neq",
            "user_id=u&user_idOp=neq",
        ] {
            assert_eq!(asked(all).unwrap(), Wanted::Of(Vec::new()), "{all}");
        }
        for nothing in [
            "email=a@b",
            "email=a&emailOp=contains",
            "user_id=u",
            "non_identity=false",
            "app_type=saas",
            "idp=okta",
        ] {
            assert_eq!(asked(nothing).unwrap(), Wanted::Nothing, "{nothing}");
        }
        for wrong in ["allowed=maybe", "allowedOp=gt", "ray_idOp=contains"] {
            assert!(asked(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_access_request_has_the_nine_members_of_the_contract() {
        let decision = Decision { decided_at_ms: 1000, allowed: true, ..Decision::default() };
        let shown = view(&decision, None);
        let names: Vec<&str> = shown.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "action",
                "allowed",
                "app_domain",
                "app_uid",
                "connection",
                "created_at",
                "ip_address",
                "ray_id",
                "user_email"
            ]
        );
        assert_eq!(shown["created_at"], "1970-01-01T00:00:01Z");
        let few = view(&decision, Some(&vec!["ray_id".to_owned(), "allowed".to_owned()]));
        assert_eq!(few, json!({"allowed": true, "ray_id": ""}));
    }
}

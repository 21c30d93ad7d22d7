//! API tokens: their permissions are shown as the contract's policies over permission groups.

use super::fields::Fields;
use super::time;
use model::{Error, Timestamp};
use proto::token_registry::{ApiToken, CreateApiTokenRequest, Scope, UpdateApiTokenRequest};
use serde_json::{Map, Value, json};

/// Scope, id, name. An id never changes its meaning.
const GROUPS: [(Scope, &str, &str); 8] = [
    (Scope::ServiceTokensRead, "bb1a7307b18cc77f50d2aa81263ee7ef", "Access: Service Tokens Read"),
    (Scope::ServiceTokensWrite, "10795259e20060755fc26c32cac15cdc", "Access: Service Tokens Write"),
    (Scope::AppsAndPoliciesRead, "385fbc9cbf0865570aa63ed6bcc3f795", "Access: Apps and Policies Read"),
    (Scope::AppsAndPoliciesWrite, "b326974dfe3ab8aaa0ca29cfa161426b", "Access: Apps and Policies Write"),
    (Scope::NotificationsRead, "eef0f3b4019a5a75042d1f2412425774", "Notifications Read"),
    (Scope::NotificationsWrite, "a985e8ad0804c578f56055ea3b78a448", "Notifications Write"),
    (Scope::AuditLogsRead, "3b666ac815e6e233e2f546e19c7bed2b", "Access: Audit Logs Read"),
    (Scope::AccountAdmin, "c21f6bbbc61ac33b5cd5497ecec29673", "Account admin"),
];
const ACCOUNT: &str = "com.cloudflare.api.account";

/// The name that people know a scope by.
pub fn permission(scope: Scope) -> &'static str {
    GROUPS.iter().find(|(it, ..)| *it == scope).map_or("Account admin", |(_, _, name)| name)
}

/// All of a name and of a kind of resource.
pub fn permission_groups(name: Option<&str>, scope: Option<&str>) -> Vec<Value> {
    let wanted = GROUPS.iter().filter(|(_, _, it)| name.is_none_or(|name| name == *it));
    let wanted = wanted.filter(|_| scope.is_none_or(|scope| scope == ACCOUNT));
    wanted.map(|(_, id, name)| json!({"id": id, "name": name, "scopes": [ACCOUNT]})).collect()
}

pub fn verified(id: &str, expires_at_ms: Option<i64>) -> Value {
    match expires_at_ms {
        None => json!({"id": id, "status": "active"}),
        Some(at) => json!({"id": id, "status": "active", "expires_on": time(at)}),
    }
}

pub fn read_create(
    account_id: String,
    acting_id: String,
    fields: &mut Fields,
) -> Result<CreateApiTokenRequest, Error> {
    refuse_conditions(fields)?;
    let scopes = read_policies(&account_id, fields)?.ok_or_else(|| fields.missing("policies"))?;
    Ok(CreateApiTokenRequest {
        name: fields.required_text("name")?,
        scopes,
        expires_at_ms: fields.time("expires_on")?,
        enabled: read_status(fields)?,
        account_id,
        acting_id,
    })
}

/// Only what is given changes.
pub fn read_update(
    account_id: String,
    id: String,
    acting_id: String,
    fields: &mut Fields,
) -> Result<UpdateApiTokenRequest, Error> {
    refuse_conditions(fields)?;
    let scopes = read_policies(&account_id, fields)?.unwrap_or_default();
    Ok(UpdateApiTokenRequest {
        name: fields.text("name")?,
        scopes,
        // Nought would mean never.
        expires_at_ms: fields.time("expires_on")?.map(|at| at.max(1)),
        enabled: read_status(fields)?,
        account_id,
        id,
        acting_id,
    })
}

/// A restriction that nothing acts on would be believed in.
fn refuse_conditions(fields: &mut Fields) -> Result<(), Error> {
    for name in ["condition", "not_before"] {
        let given = fields.any(name).filter(|it| it.as_object().is_none_or(|it| !it.is_empty()));
        if given.is_some() {
            return Err(Error::invalid(fields.path(name), "is not supported: leave it out"));
        }
    }
    Ok(())
}

/// `expired` is what a client saw, not what it asks for.
fn read_status(fields: &mut Fields) -> Result<Option<bool>, Error> {
    match fields.text("status")?.as_deref() {
        None | Some("expired") => Ok(None),
        Some("active") => Ok(Some(true)),
        Some("disabled") => Ok(Some(false)),
        Some(_) => Err(Error::invalid(fields.path("status"), "must be active or disabled")),
    }
}

/// Everything that the policies allow. `None`: there are none.
fn read_policies(account_id: &str, fields: &mut Fields) -> Result<Option<Vec<i32>>, Error> {
    let Some(policies) = fields.list("policies")? else { return Ok(None) };
    let mut scopes = Vec::new();
    for policy in policies {
        let mut policy = Fields::of(policy)?;
        if policy.text("effect")?.is_some_and(|effect| effect != "allow") {
            return Err(Error::invalid(
                policy.path("effect"),
                "must be allow: what is not allowed is denied",
            ));
        }
        read_resources(account_id, &mut policy)?;
        let groups = policy.list("permission_groups")?.ok_or_else(|| policy.missing("permission_groups"))?;
        for group in groups {
            scopes.push(read_group(&mut Fields::of(group)?)?);
        }
    }
    if scopes.is_empty() {
        return Err(Error::invalid(fields.path("policies"), "must give at least one permission group"));
    }
    Ok(Some(scopes))
}

/// A token is for one account, which is said or left out.
fn read_resources(account_id: &str, policy: &mut Fields) -> Result<(), Error> {
    let Some(mut resources) = policy.object("resources")? else { return Ok(()) };
    for name in resources.given() {
        let whole = resources.any(&name).is_some_and(|it| it == "*");
        if !whole || name != format!("{ACCOUNT}.{account_id}") {
            let rule =
                format!("must be {{\"{ACCOUNT}.{account_id}\": \"*\"}}: a token is for one whole account");
            return Err(Error::invalid(policy.path("resources"), rule));
        }
    }
    Ok(())
}

/// By id, or by name where there is no id.
fn read_group(group: &mut Fields) -> Result<i32, Error> {
    let (id, name) = (group.text("id")?, group.text("name")?);
    let found = GROUPS.iter().find(|(_, known, title)| match (&id, &name) {
        (Some(id), _) => id == known,
        (None, Some(name)) => name == title,
        (None, None) => false,
    });
    let unknown =
        || Error::invalid(group.at(), "is no permission group: GET …/tokens/permission_groups lists them");
    found.map(|(scope, ..)| i32::from(*scope)).ok_or_else(unknown)
}

/// `value` is shown by the call that has just made it, and never again.
pub fn view(token: ApiToken, value: Option<String>, now: Timestamp) -> Value {
    let ApiToken {
        id,
        account_id,
        name,
        scopes,
        enabled,
        issued_at_ms,
        modified_at_ms,
        expires_at_ms,
        last_used_at_ms,
    } = token;
    let status = match (enabled, expires_at_ms) {
        (false, _) => "disabled",
        (true, Some(at)) if at <= now.as_millis() => "expired",
        (true, _) => "active",
    };
    let groups = GROUPS.iter().filter(|(scope, ..)| scopes.contains(&i32::from(*scope)));
    let groups: Vec<_> = groups.map(|(_, id, name)| json!({"id": id, "name": name})).collect();
    let resources = json!({format!("{ACCOUNT}.{account_id}"): "*"});
    let policies =
        json!([{"id": id, "effect": "allow", "resources": resources, "permission_groups": groups}]);
    let mut shown = Map::new();
    let mut show = |field: &str, value: Value| shown.insert(field.to_owned(), value);
    show("id", json!(id));
    show("name", json!(name));
    show("status", json!(status));
    show("issued_on", json!(time(issued_at_ms)));
    show("modified_on", json!(time(modified_at_ms)));
    for (field, at) in [("expires_on", expires_at_ms), ("last_used_on", last_used_at_ms)] {
        if let Some(at) = at {
            show(field, json!(time(at)));
        }
    }
    show("policies", policies);
    if let Some(value) = value {
        show("value", json!(value));
    }
    Value::Object(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINE: &str = "0123456789abcdef0123456789abcdef";

    fn read(body: Value) -> Result<CreateApiTokenRequest, String> {
        let Value::Object(body) = body else { panic!() };
        read_create(MINE.into(), String::new(), &mut Fields::body(body)).map_err(|it| it.message().to_owned())
    }

    fn with(policy: impl Into<Value>) -> Result<Vec<i32>, String> {
        read(json!({"name": "ci", "policies": [policy.into()]})).map(|it| it.scopes)
    }

    #[test]
    fn permissions_are_named_by_id_or_name_and_shown_as_they_were_given() {
        let resources = json!({format!("com.cloudflare.api.account.{MINE}"): "*"});
        let groups = json!([{"id": GROUPS[0].1}, {"name": "Notifications Write"}]);
        let scopes = with(json!({"effect": "allow", "resources": resources, "permission_groups": groups}));
        let token = ApiToken {
            scopes: scopes.unwrap(),
            enabled: true,
            account_id: MINE.into(),
            ..ApiToken::default()
        };
        let shown = view(token, None, Timestamp::from_millis(5));
        assert_eq!(shown["policies"][0]["permission_groups"][1]["name"], "Notifications Write");
        assert_eq!(shown["policies"][0]["resources"], resources);
        assert_eq!((&shown["status"], shown.get("value")), (&json!("active"), None));
    }

    #[test]
    fn a_restriction_that_nothing_keeps_is_refused() {
        let admin = json!([{"name": "Account admin"}]);
        assert!(with(json!({"effect": "deny", "permission_groups": admin})).unwrap_err().contains("effect"));
        let other = json!({format!("com.cloudflare.api.account.{}", "f".repeat(32)): "*"});
        assert!(with(json!({"resources": other, "permission_groups": admin})).is_err());
        let conditional = json!({"name": "ci", "policies": [{"permission_groups": admin}],
            "condition": {"request_ip": {"in": ["10.0.0.0/8"]}}});
        assert!(read(conditional).unwrap_err().starts_with("condition: is not supported"));
        assert!(with(json!({"permission_groups": []})).unwrap_err().starts_with("policies"));
        assert!(
            with(json!({"permission_groups": [{"name": "root"}]}))
                .unwrap_err()
                .contains("permission_groups/0")
        );
        assert!(read(json!({"name": "ci"})).unwrap_err().contains("policies: is required"));
    }

    #[test]
    fn every_scope_has_one_group() {
        for scope in (1..=8).map(|it| Scope::try_from(it).unwrap()) {
            assert_eq!(GROUPS.iter().filter(|(it, ..)| *it == scope).count(), 1, "{scope:?}");
        }
    }
}

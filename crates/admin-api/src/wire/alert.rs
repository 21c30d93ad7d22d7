//! Alert policies, their history, and what can be chosen.

use super::fields::{Fields, Item};
use super::time;
use model::Error;
use proto::notifier::update_alert_policy_request::TokenFilter;
use proto::notifier::{AlertPolicy, AlertPolicySpec, Delivery, Mechanisms, UpdateAlertPolicyRequest};
use serde_json::{Map, Value, json};

/// The only type there is.
pub const EXPIRING_TOKEN: &str = "expiring_service_token_alert";

pub fn read_create(fields: &mut Fields) -> Result<AlertPolicySpec, Error> {
    Ok(AlertPolicySpec {
        name: fields.required_text("name")?,
        description: fields.text("description")?.unwrap_or_default(),
        alert_type: fields.required_text("alert_type")?,
        enabled: fields.flag("enabled")?.ok_or_else(|| fields.missing("enabled"))?,
        mechanisms: Some(read_mechanisms(fields)?.ok_or_else(|| fields.missing("mechanisms"))?),
        token_ids: read_filters(fields)?.unwrap_or_default(),
        alert_interval: fields.text("alert_interval")?.unwrap_or_default(),
        settings_json: "{}".to_owned(),
    })
}

/// Only what is given changes; `null` takes a description, an interval or the filters away.
pub fn read_update(
    account_id: String,
    id: String,
    fields: &mut Fields,
) -> Result<UpdateAlertPolicyRequest, Error> {
    let unfiltered = fields.is_taken_away("filters").then(Vec::new);
    Ok(UpdateAlertPolicyRequest {
        account_id,
        id,
        name: fields.text("name")?,
        description: text_or_none(fields, "description")?,
        alert_type: fields.text("alert_type")?,
        enabled: fields.flag("enabled")?,
        mechanisms: read_mechanisms(fields)?,
        filter: read_filters(fields)?.or(unfiltered).map(|token_ids| TokenFilter { token_ids }),
        alert_interval: text_or_none(fields, "alert_interval")?,
        settings_json: None,
    })
}

fn text_or_none(fields: &mut Fields, name: &str) -> Result<Option<String>, Error> {
    let none = fields.is_taken_away(name).then(String::new);
    Ok(fields.text(name)?.or(none))
}

fn read_mechanisms(fields: &mut Fields) -> Result<Option<Mechanisms>, Error> {
    let Some(mut mechanisms) = fields.object("mechanisms")? else { return Ok(None) };
    let mut ids = |name: &str| -> Result<Vec<String>, Error> {
        mechanisms.list(name)?.unwrap_or_default().into_iter().map(read_id).collect()
    };
    let (email, webhooks, pagerduty) = (ids("email")?, ids("webhooks")?, ids("pagerduty")?);
    if !pagerduty.is_empty() {
        return Err(Error::invalid("mechanisms/pagerduty", "is not supported by this version"));
    }
    Ok(Some(Mechanisms { email, webhooks }))
}

fn read_id(item: Item) -> Result<String, Error> {
    Fields::of(item)?.required_text("id")
}

/// A filter that is not understood would widen the alert, so it is refused.
fn read_filters(fields: &mut Fields) -> Result<Option<Vec<String>>, Error> {
    let Some(mut filters) = fields.object("filters")? else { return Ok(None) };
    let token_ids = filters.texts("token_id")?.unwrap_or_default();
    if filters.given().is_empty() {
        Ok(Some(token_ids))
    } else {
        Err(Error::invalid(filters.at(), format!("{EXPIRING_TOKEN} has one filter: token_id")))
    }
}

pub fn view(policy: AlertPolicy) -> Value {
    let AlertPolicy { id, account_id: _, spec, created_at_ms, modified_at_ms } = policy;
    let AlertPolicySpec {
        name,
        description,
        alert_type,
        enabled,
        mechanisms,
        token_ids,
        alert_interval,
        settings_json: _,
    } = spec.unwrap_or_default();
    let mut shown = json!({
        "id": id,
        "name": name,
        "enabled": enabled,
        "alert_type": alert_type,
        "mechanisms": view_mechanisms(mechanisms.unwrap_or_default()),
        "created": time(created_at_ms),
        "modified": time(modified_at_ms),
    });
    if let Value::Object(shown) = &mut shown {
        if !description.is_empty() {
            shown.insert("description".to_owned(), json!(description));
        }
        if !token_ids.is_empty() {
            shown.insert("filters".to_owned(), json!({"token_id": token_ids}));
        }
        if !alert_interval.is_empty() {
            shown.insert("alert_interval".to_owned(), json!(alert_interval));
        }
    }
    shown
}

fn view_mechanisms(Mechanisms { email, webhooks }: Mechanisms) -> Value {
    let mut shown = Map::new();
    for (name, ids) in [("email", email), ("webhooks", webhooks)] {
        if !ids.is_empty() {
            shown.insert(name.to_owned(), ids.into_iter().map(|id| json!({"id": id})).collect());
        }
    }
    Value::Object(shown)
}

pub fn view_delivery(delivery: Delivery) -> Value {
    let Delivery {
        id,
        policy_id,
        name,
        description,
        alert_type,
        alert_body,
        mechanism,
        mechanism_type,
        sent_at_ms,
    } = delivery;
    json!({
        "id": id,
        "policy_id": policy_id,
        "name": name,
        "description": description,
        "alert_type": alert_type,
        "alert_body": alert_body,
        "mechanism": mechanism,
        "mechanism_type": mechanism_type,
        "sent": time(sent_at_ms),
    })
}

/// The types of alert, by product.
pub fn available() -> Value {
    json!({"Cloudflare Access": [{
        "type": EXPIRING_TOKEN,
        "display_name": "Expiring Access Service Token",
        "description": "A service token expires within seven days, will be disabled or deleted within seven days \
            because nobody uses it, or was.",
        "filter_options": [{
            "Key": "token_id",
            "ComparisonOperator": "==",
            "Optional": true,
            "AvailableValues": null,
        }],
    }]})
}

/// The kinds of destination.
pub fn eligible() -> Value {
    let kind = |kind: &str, can: bool| json!([{"type": kind, "eligible": can, "ready": can}]);
    json!({
        "email": kind("email", true),
        "pagerduty": kind("pagerduty", false),
        "webhooks": kind("webhook", true),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(changes: &Value) -> Result<AlertPolicySpec, Error> {
        let mut body = json!({
            "name": "n", "alert_type": EXPIRING_TOKEN, "enabled": true,
            "mechanisms": {"email": [{"id": "a@b.test"}], "pagerduty": [], "webhooks": [{"id": "w1"}]},
            "filters": {"token_id": ["t1"]},
        });
        for (field, value) in changes.as_object().unwrap() {
            body[field] = value.clone();
        }
        let Value::Object(body) = body else { panic!() };
        read_create(&mut Fields::body(body))
    }

    #[test]
    fn an_alert_policy_comes_back_as_it_was_given() {
        let shown = view(AlertPolicy { spec: Some(create(&json!({})).unwrap()), ..AlertPolicy::default() });
        assert_eq!(shown["mechanisms"], json!({"email": [{"id": "a@b.test"}], "webhooks": [{"id": "w1"}]}));
        assert_eq!(shown["filters"], json!({"token_id": ["t1"]}));
        assert_eq!(shown["created"], "1970-01-01T00:00:00Z");
        let all = create(&json!({"filters": null})).unwrap();
        assert!(view(AlertPolicy { spec: Some(all), ..AlertPolicy::default() }).get("filters").is_none());
    }

    #[test]
    fn null_takes_away_what_may_be_absent_and_what_is_absent_is_not_shown() {
        let Value::Object(body) = json!({"name": null, "description": null, "filters": null}) else {
            panic!()
        };
        let update = read_update("a".into(), "b".into(), &mut Fields::body(body)).unwrap();
        assert_eq!((update.name, update.description.as_deref()), (None, Some("")));
        assert_eq!((update.filter.map(|it| it.token_ids), update.alert_interval), (Some(Vec::new()), None));
        assert!(view(AlertPolicy::default()).get("description").is_none());
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        for (changes, field) in [
            (json!({"mechanisms": {"pagerduty": [{"id": "p"}]}}), "mechanisms/pagerduty"),
            (json!({"mechanisms": {"email": ["a@b.test"]}}), "mechanisms/email/0"),
            (json!({"mechanisms": null}), "mechanisms"),
            (json!({"enabled": null}), "enabled"),
            (json!({"filters": {"zones": ["z"]}}), "filters"),
        ] {
            assert_eq!(create(&changes).unwrap_err().violations()[0].field, field, "{changes}");
        }
    }
}

//! Alert policies: who is told of which tokens.

use crate::text::check_name;
use lettre::Address;
use model::{AccountId, Error, TokenId, Violation};
use std::collections::HashSet;
use std::hash::Hash;

/// The one alert type there is.
pub const EXPIRING_SERVICE_TOKEN: &str = "expiring_service_token_alert";

const MOST_RECIPIENTS: usize = 100;
const MOST_TOKENS: usize = 1000;
const LONGEST_DESCRIPTION: usize = 2000;
const LONGEST_SETTINGS: usize = 16 * 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertPolicy {
    pub id: String,
    pub account_id: String,
    pub spec: Spec,
    pub created_at_ms: i64,
    pub modified_at_ms: i64,
}

/// What an operator sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    pub name: String,
    pub description: String,
    pub alert_type: String,
    pub enabled: bool,
    /// Addresses, each once.
    pub emails: Vec<String>,
    /// Webhook ids, each once.
    pub webhooks: Vec<String>,
    /// Empty: every token of the account.
    pub token_ids: Vec<String>,
    pub alert_interval: String,
    pub settings_json: String,
}

impl AlertPolicy {
    /// Whether this policy tells of the token.
    pub fn covers(&self, account_id: &str, token_id: &str) -> bool {
        let Spec { enabled, token_ids, .. } = &self.spec;
        *enabled
            && self.account_id == account_id
            && (token_ids.is_empty() || token_ids.iter().any(|id| id == token_id))
    }
}

impl Spec {
    /// Names every broken rule at once, by the field's path in the wire contract. Whether the webhooks exist is the
    /// store's to say.
    pub fn checked(mut self) -> Result<Self, Error> {
        let mut violations = Vec::new();
        violations.extend(check_name(&self.name));
        let mut refuse = |field: String, rule: &str| {
            violations.push(Violation { field, rule: rule.to_owned() });
        };
        if self.description.len() > LONGEST_DESCRIPTION {
            refuse("description".to_owned(), "must not be longer than 2000 bytes");
        }
        if self.alert_type != EXPIRING_SERVICE_TOKEN {
            refuse("alert_type".to_owned(), "must be \"expiring_service_token_alert\"");
        }
        if self.emails.is_empty() && self.webhooks.is_empty() {
            refuse("mechanisms".to_owned(), "must name at least one e-mail address or webhook");
        }
        if self.emails.len() + self.webhooks.len() > MOST_RECIPIENTS {
            refuse("mechanisms".to_owned(), "must not name more than 100 recipients");
        }
        for (index, email) in self.emails.iter().enumerate() {
            if email.len() > 254 || email.parse::<Address>().is_err() {
                refuse(format!("mechanisms/email/{index}/id"), "must be an e-mail address");
            }
        }
        if self.token_ids.len() > MOST_TOKENS {
            refuse("filters/token_id".to_owned(), "must not name more than 1000 tokens");
        }
        for (index, id) in self.token_ids.iter().enumerate() {
            if id.parse::<TokenId>().is_err() {
                refuse(format!("filters/token_id/{index}"), "must be a service token's id (a UUID)");
            }
        }
        if !self.alert_interval.is_empty()
            && let Err(rule) = model::duration::parse(&self.alert_interval)
        {
            refuse("alert_interval".to_owned(), rule);
        }
        if !is_settings(&self.settings_json) {
            refuse("settings_json".to_owned(), "must be a JSON object of at most 16 KiB");
        }
        self.emails = each_once(self.emails);
        self.webhooks = each_once(self.webhooks);
        self.token_ids = each_once(self.token_ids);
        all_fine(violations).map(|()| self)
    }
}

fn is_settings(text: &str) -> bool {
    let is_object = || serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text).is_ok();
    text.is_empty() || (text.len() <= LONGEST_SETTINGS && is_object())
}

fn each_once<T: Eq + Hash + Clone>(list: Vec<T>) -> Vec<T> {
    let mut seen = HashSet::new();
    list.into_iter().filter(|item| seen.insert(item.clone())).collect()
}

/// One error for several fields; its text is the first one's.
pub fn all_fine(violations: Vec<Violation>) -> Result<(), Error> {
    match violations.first() {
        None => Ok(()),
        Some(Violation { field, rule }) => {
            Err(Error::invalid(field.clone(), rule.clone()).with_violations(violations))
        }
    }
}

/// An account's id, of the right shape.
pub fn check_account(account_id: &str) -> Result<(), Error> {
    account_id.parse::<AccountId>().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn broken(change: impl FnOnce(&mut Spec)) -> Vec<String> {
        let mut spec = fixture::spec(&["ops@example.com"], &[]);
        change(&mut spec);
        let fields = |error: Error| error.violations().iter().map(|v| v.field.clone()).collect();
        spec.checked().map_or_else(fields, |_| Vec::new())
    }

    #[test]
    fn fields_are_named_as_the_wire_contract_names_them() {
        assert_eq!(broken(|_| {}), Vec::<String>::new());
        assert_eq!(broken(|s| s.name = String::new()), ["name"]);
        assert_eq!(broken(|s| s.name = "x".repeat(5000)), ["name"]);
        assert_eq!(broken(|s| s.alert_type = "http_alert_origin_error".into()), ["alert_type"]);
        assert_eq!(broken(|s| s.emails.clear()), ["mechanisms"]);
        let emails = ["a@b.example", "not an address", "x@y\r\nBcc: z@b.example"];
        let two = broken(|s| s.emails = emails.map(str::to_owned).to_vec());
        assert_eq!(two, ["mechanisms/email/1/id", "mechanisms/email/2/id"]);
        assert_eq!(broken(|s| s.token_ids = vec!["build agent".into()]), ["filters/token_id/0"]);
        for interval in ["-1h", "soon"] {
            assert_eq!(broken(|s| s.alert_interval = interval.into()), ["alert_interval"]);
        }
        for settings in ["[]", "{", "1"] {
            assert_eq!(broken(|s| s.settings_json = settings.into()), ["settings_json"]);
        }
    }

    #[test]
    fn a_recipient_named_twice_is_named_once() {
        let spec = fixture::spec(&["a@b.example", "a@b.example"], &[]).checked().unwrap();
        assert_eq!(spec.emails, ["a@b.example"]);
    }

    #[test]
    fn a_policy_covers_its_own_accounts_tokens_only() {
        let mut policy = fixture::policy("a", &["x@y.example"], &[]);
        let own = policy.account_id.clone();
        assert!(policy.covers(&own, "t"));
        assert!(!policy.covers("another account", "t"));
        policy.spec.token_ids = vec!["other".into()];
        assert!(!policy.covers(&own, "t") && policy.covers(&own, "other"));
        policy.spec.enabled = false;
        assert!(!policy.covers(&own, "other"));
    }
}

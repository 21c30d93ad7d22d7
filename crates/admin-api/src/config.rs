//! What the operator decides.

use model::AccountId;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// Table `[admin_api]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the REST API is served, without TLS. Port 0 picks a free one.
    pub listen: SocketAddr,
    /// Where `/healthz`, `/readyz` and `/metrics` are answered. Unset: nowhere.
    pub operations: Option<SocketAddr>,
    /// Who may manage which account. The same token may be listed for several accounts.
    pub api_tokens: Vec<ApiToken>,
    /// The account of each zone id that clients name in place of an account. A zone that is not listed is taken for an
    /// account's id.
    pub zones: BTreeMap<String, String>,
    /// Most requests of one API token in five minutes; further ones are answered 429. 0: any number.
    pub requests_per_five_minutes: u32,
}

/// One API token, by digest: the token itself is written nowhere.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiToken {
    /// 32 lowercase hex digits.
    pub account_id: String,
    /// For the log.
    pub name: String,
    /// SHA-256 of the token, 64 hex digits.
    pub sha256: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8788)),
            operations: None,
            api_tokens: Vec::new(),
            zones: BTreeMap::new(),
            requests_per_five_minutes: 1200,
        }
    }
}

impl ApiToken {
    /// `None`: not 64 hex digits.
    pub(crate) fn digest(&self) -> Option<[u8; 32]> {
        let mut digest = [0; 32];
        hex::decode_to_slice(&self.sha256, &mut digest).ok()?;
        Some(digest)
    }
}

impl Config {
    /// Everything that is wrong, at once; empty: nothing.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.api_tokens.is_empty() {
            problems.push("api_tokens: at least one is needed, or nobody can manage anything".to_owned());
        }
        let mut seen = BTreeSet::new();
        for (index, token) in self.api_tokens.iter().enumerate() {
            if token.account_id.parse::<AccountId>().is_err() {
                problems.push(format!("api_tokens.{index}.account_id: must be 32 lowercase hex digits"));
            }
            if token.digest().is_none() {
                problems.push(format!("api_tokens.{index}.sha256: must be 64 hex digits"));
            }
            if token.name.is_empty() {
                problems.push(format!("api_tokens.{index}.name: must not be empty"));
            }
            if !seen.insert((&token.account_id, token.sha256.to_ascii_lowercase())) {
                problems.push(format!("api_tokens.{index}: is listed twice for the same account"));
            }
        }
        for (zone, account) in &self.zones {
            if [zone, account].into_iter().any(|id| id.parse::<AccountId>().is_err()) {
                problems.push(format!("zones.{zone}: zone and account must be 32 lowercase hex digits"));
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_problems_are_named_at_once() {
        let token = |account_id: &str, sha256: String| ApiToken {
            account_id: account_id.into(),
            name: "ci".into(),
            sha256,
        };
        let account = "a".repeat(32);
        let good = Config { api_tokens: vec![token(&account, "0f".repeat(32))], ..Config::default() };
        assert_eq!(good.problems(), Vec::<String>::new());
        assert_eq!(Config::default().problems().len(), 1);
        let bad = vec![
            token("acme", "0f".repeat(31)),
            token(&account, "AB".repeat(32)),
            token(&account, "ab".repeat(32)),
        ];
        assert_eq!(Config { api_tokens: bad, ..Config::default() }.problems().len(), 3);
        let zones = [("b".repeat(32), account), ("c".repeat(32), "acme".to_owned())].into();
        assert_eq!(Config { zones, ..good }.problems().len(), 1);
    }
}

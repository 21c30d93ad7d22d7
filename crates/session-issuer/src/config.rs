use serde::{Deserialize, Deserializer};
use service_kit::Callers;
use session_token::key_set::MAX_AGE;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// `[session_issuer]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where it listens for gRPC.
    pub listen: SocketAddr,
    /// Where it answers `/healthz` and `/readyz`.
    #[serde(default)]
    pub operations: Option<SocketAddr>,
    /// This replica's name, for people.
    #[serde(default = "default_name")]
    pub name: String,
    /// `postgres://…` or `sqlite:…`.
    pub database: String,
    /// `nats://…`.
    pub bus: String,
    /// File with 64 hex digits: the key under which private signing keys are stored.
    pub key_encryption_key: PathBuf,
    /// How long validators outside may use a key set that they have read, a Go duration: 5m to 168h, or 0 where there
    /// are none. A key signs only once they all know it.
    #[serde(default = "default_key_set_cache_lifetime", deserialize_with = "duration")]
    pub key_set_cache_lifetime: Duration,
    #[serde(default = "default_callers")]
    pub callers: Callers,
}

fn default_name() -> String {
    "session-issuer".to_owned()
}

/// An hour: what common libraries keep a key set for.
pub fn default_key_set_cache_lifetime() -> Duration {
    Duration::from_hours(1)
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    model::duration::parse(&text).map_err(serde::de::Error::custom)
}

/// Who may call what, unless the configuration says otherwise.
pub fn default_callers() -> Callers {
    const ISSUER: &str = "/sallyport.session_issuer.v1.SessionIssuer/";
    const FEED: &str = "/sallyport.change_feed.v1.ChangeFeed/";
    let of = |methods: &[&str], feed: &str| {
        let methods = methods.iter().map(|method| format!("{ISSUER}{method}"));
        methods.chain([format!("{FEED}{feed}")]).collect::<Vec<_>>()
    };
    // Everything but to obtain a session.
    let mut admin = of(
        &[
            "IntrospectSession",
            "RevokeApplicationSessions",
            "RevokeTokenSessions",
            "RevokeSession",
            "GetKeySet",
            "ListKeys",
            "GetKeySettings",
            "UpdateKeySettings",
            "RotateKey",
            "RevokeKey",
        ],
        "ListReplicas",
    );
    admin.push("/sallyport.audit.v1.AuditLog/ListAudit".to_owned());
    let edge = of(&["Exchange", "EndSession", "SignMetadata", "GetKeySet"], "*");
    Callers::of([("edge-gateway", edge), ("admin-api", admin)])
}

impl Config {
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = self.callers.problems();
        if self.bus.starts_with("memory:") {
            problems.push("session_issuer.bus: memory: serves one process only; give nats://…".to_owned());
        }
        if self.name.is_empty() || self.name.len() > 200 {
            problems.push("session_issuer.name: must have 1-200 characters".to_owned());
        }
        let lifetime = self.key_set_cache_lifetime;
        let lifetimes = MAX_AGE..=Duration::from_hours(168);
        if !lifetime.is_zero() && !lifetimes.contains(&lifetime) {
            problems.push("session_issuer.key_set_cache_lifetime: must be 0 or 5m to 168h".to_owned());
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_named_at_once() {
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            operations: None,
            name: String::new(),
            database: "sqlite::memory:".to_owned(),
            bus: "memory:".to_owned(),
            key_encryption_key: PathBuf::new(),
            key_set_cache_lifetime: Duration::from_mins(4),
            callers: default_callers(),
        };
        assert_eq!(config.problems().len(), 3);
    }

    #[test]
    fn validators_outside_are_given_an_hour_unless_told_otherwise() {
        let read = |more: &str| {
            let text = format!(
                r#"{{"listen":"127.0.0.1:1","database":"d","bus":"nats://n","key_encryption_key":"k"{more}}}"#
            );
            serde_json::from_str::<Config>(&text)
        };
        assert_eq!(read("").unwrap().key_set_cache_lifetime, Duration::from_hours(1));
        for (text, is_good) in
            [("0", true), ("0s", true), ("299s", false), ("5m", true), ("168h", true), ("169h", false)]
        {
            let config = read(&format!(r#","key_set_cache_lifetime":"{text}""#)).unwrap();
            assert_eq!(config.problems().is_empty(), is_good, "{text}");
        }
        assert!(read(r#","key_set_cache_lifetime":"soon""#).is_err());
    }
}

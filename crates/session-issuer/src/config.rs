use serde::Deserialize;
use service_kit::Callers;
use std::net::SocketAddr;
use std::path::PathBuf;

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
    #[serde(default = "default_callers")]
    pub callers: Callers,
}

fn default_name() -> String {
    "session-issuer".to_owned()
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
    let admin = of(
        &[
            "IntrospectSession",
            "RevokeApplicationSessions",
            "RevokeTokenSessions",
            "RevokeSession",
            "GetKeySet",
            "GetKeySettings",
            "UpdateKeySettings",
            "RotateKey",
        ],
        "ListReplicas",
    );
    Callers::of([("edge-gateway", of(&["Exchange", "GetKeySet"], "*")), ("admin-api", admin)])
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
            callers: default_callers(),
        };
        assert_eq!(config.problems().len(), 2);
    }
}

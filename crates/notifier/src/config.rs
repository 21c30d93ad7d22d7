use crate::mailer;
use serde::{Deserialize, Deserializer, de};
use service_kit::Callers;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// `[notifier]`. Holds passwords in URLs, so it has no `Debug`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where it listens for gRPC.
    pub listen: SocketAddr,
    /// Where it answers `/healthz` and `/readyz`.
    #[serde(default)]
    pub operations: Option<SocketAddr>,
    /// `postgres://…` or `sqlite:…`.
    pub database: String,
    /// File with 64 hex digits: the key under which webhook secrets are kept.
    pub secrets_key: PathBuf,
    /// `smtps://user:password@host`, `smtp+starttls://…`, `smtp://…` (encrypts if the server can, else clear text), or
    /// `file:///folder`.
    pub mailer: String,
    /// PEM file: further authorities that may sign the mail server's certificate.
    #[serde(default)]
    pub mailer_authority: Option<PathBuf>,
    /// Who the mail is from: `Sallyport <alerts@example.com>`.
    pub from: String,
    /// How often expiring tokens are looked for, a Go duration; 1s to 24h.
    #[serde(default = "default_scan_interval", deserialize_with = "duration")]
    pub scan_interval: Duration,
    /// Webhooks may lead to loopback and private addresses: for development.
    #[serde(default)]
    pub allow_private_webhooks: bool,
    /// `nats://…`, where enforcement points say what they decided. Unset: no access log is kept.
    #[serde(default)]
    pub bus: Option<String>,
    #[serde(default)]
    pub access_log: AccessLog,
    #[serde(default = "default_callers")]
    pub callers: Callers,
}

/// `[notifier.access_log]`: what is kept of decisions. The older goes first.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccessLog {
    /// How long, a Go duration; 1m to 2160h.
    #[serde(deserialize_with = "duration")]
    pub retention: Duration,
    /// How many, of all accounts together.
    pub max_rows: u32,
}

impl Default for AccessLog {
    fn default() -> Self {
        Self { retention: Duration::from_hours(24), max_rows: 1_000_000 }
    }
}

/// A minute.
pub fn default_scan_interval() -> Duration {
    Duration::from_mins(1)
}

/// Who may call what, unless the configuration says otherwise.
pub fn default_callers() -> Callers {
    Callers::new([(
        "admin-api",
        &[
            "/sallyport.notifier.v1.Notifier/*",
            "/sallyport.access_log.v1.AccessLog/*",
            "/sallyport.audit.v1.AuditLog/*",
        ],
    )])
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    model::duration::parse(&text).map_err(de::Error::custom)
}

impl Config {
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = self.callers.problems();
        if !(Duration::from_secs(1)..=Duration::from_hours(24)).contains(&self.scan_interval) {
            problems.push("notifier.scan_interval: must be 1s to 24h".to_owned());
        }
        if !(Duration::from_mins(1)..=Duration::from_hours(2160)).contains(&self.access_log.retention) {
            problems.push("notifier.access_log.retention: must be 1m to 2160h".to_owned());
        }
        if self.bus.as_ref().is_some_and(|bus| bus.starts_with("memory:")) {
            problems.push("notifier.bus: memory: serves one process only; give nats://…".to_owned());
        }
        if let Err(error) = mailer::check(&self.mailer, &self.from) {
            problems.push(format!("notifier.{}", error.message()));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(extra: &str) -> Result<Config, String> {
        let text = format!(
            "{{\"listen\":\"127.0.0.1:0\",\"database\":\"sqlite::memory:\",\"secrets_key\":\"/k\",\
             \"from\":\"Sallyport <alerts@example.com>\"{extra}}}"
        );
        serde_json::from_str(&text).map_err(|error| error.to_string())
    }

    #[test]
    fn every_problem_is_named_at_once() {
        assert_eq!(read(r#","mailer":"file:///tmp/outbox""#).unwrap().problems(), Vec::<String>::new());
        let wrong = r#","mailer":"http://mail","scan_interval":"10ms","callers":{"admin-api":["x"]}"#;
        let problems = read(wrong).unwrap().problems();
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(read(r#","mailer":"file:///tmp/o","scan_interval":"1y""#).is_err());
        assert!(read(r#","mailer":"file:///tmp/o","colour":"blue""#).is_err());
    }

    #[test]
    fn a_password_in_a_wrong_mailer_url_is_not_repeated() {
        let problems = read(r#","mailer":"smtpx://user:hunter2@host""#).unwrap().problems();
        assert!(!problems.is_empty() && !problems.concat().contains("hunter2"), "{problems:?}");
    }
}

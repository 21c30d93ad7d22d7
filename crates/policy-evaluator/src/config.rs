use serde::Deserialize;
use service_kit::Callers;
use std::net::SocketAddr;

/// `[policy_evaluator]`. No `Debug`: the database's URL may hold a password.
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
    #[serde(default = "default_callers")]
    pub callers: Callers,
}

fn default_name() -> String {
    "policy-evaluator".to_owned()
}

/// Who may call what, unless the configuration says otherwise.
pub fn default_callers() -> Callers {
    Callers::new([
        (
            "admin-api",
            &[
                "/sallyport.policy_evaluator.v1.PolicyEvaluator/*",
                "/sallyport.audit.v1.AuditLog/*",
                "/sallyport.change_feed.v1.ChangeFeed/ListReplicas",
            ],
        ),
        (
            "session-issuer",
            &[
                "/sallyport.policy_evaluator.v1.PolicyEvaluator/Evaluate",
                "/sallyport.policy_evaluator.v1.PolicyEvaluator/GetApplication",
                "/sallyport.policy_evaluator.v1.PolicyEvaluator/GetOrganization",
            ],
        ),
        ("edge-gateway", &["/sallyport.change_feed.v1.ChangeFeed/*"]),
    ])
}

impl Config {
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = self.callers.problems();
        if self.bus.starts_with("memory:") {
            problems.push("policy_evaluator.bus: memory: serves one process only; give nats://…".to_owned());
        }
        if self.name.is_empty() || self.name.len() > 200 {
            problems.push("policy_evaluator.name: must have 1-200 characters".to_owned());
        }
        problems
    }
}

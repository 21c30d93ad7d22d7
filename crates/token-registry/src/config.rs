use serde::Deserialize;
use service_kit::Callers;
use std::net::SocketAddr;
use std::path::PathBuf;

/// `[token_registry]`.
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
    /// `redis://…`; `memory:` serves one process.
    pub cache: String,
    /// `nats://…`.
    pub bus: String,
    /// File with 64 hex digits: the key of the secrets' keyed hash.
    pub pepper: PathBuf,
    /// The pepper before: its hashes stay good while it is listed.
    #[serde(default)]
    pub previous_pepper: Option<PathBuf>,
    #[serde(default = "default_callers")]
    pub callers: Callers,
}

fn default_name() -> String {
    "token-registry".to_owned()
}

/// Who may call what, unless the configuration says otherwise.
pub fn default_callers() -> Callers {
    const REGISTRY: &str = "/sallyport.token_registry.v1.TokenRegistry/";
    let of =
        |methods: &[&str]| methods.iter().map(|method| format!("{REGISTRY}{method}")).collect::<Vec<_>>();
    let feed = "/sallyport.change_feed.v1.ChangeFeed/";
    let mut admin = of(&[
        "CreateToken",
        "GetToken",
        "ListTokens",
        "UpdateToken",
        "RefreshToken",
        "RotateToken",
        "ListTokenSecrets",
        "FinishRotation",
        "UndoRotation",
        "DeleteToken",
    ]);
    admin.push(format!("{feed}ListReplicas"));
    admin.push("/sallyport.token_registry.v1.ApiTokens/*".to_owned());
    admin.push("/sallyport.audit.v1.AuditLog/ListAudit".to_owned());
    admin.push("/sallyport.audit.v1.RefusalLog/RecordRefusals".to_owned());
    Callers::of([
        ("admin-api", admin),
        ("session-issuer", of(&["AuthenticateToken", "GetToken"])),
        ("policy-evaluator", of(&["SetTokenReferences", "EndInactiveTokens"])),
        ("notifier", of(&["GetToken", "ListExpiringTokens", "ListEndedTokens", "ListUnusedTokens"])),
        ("edge-gateway", vec![format!("{feed}*")]),
    ])
}

impl Config {
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = self.callers.problems();
        if self.bus.starts_with("memory:") {
            problems.push("token_registry.bus: memory: serves one process only; give nats://…".to_owned());
        }
        if self.name.is_empty() || self.name.len() > 200 {
            problems.push("token_registry.name: must have 1-200 characters".to_owned());
        }
        problems
    }
}

//! Compiles `proto/` without a protoc on the machine.

use prost::Message as _;
use std::path::PathBuf;

const FILES: [&str; 8] = [
    "sallyport/change_feed/v1/change_feed.proto",
    "sallyport/token_registry/v1/token_registry.proto",
    "sallyport/token_registry/v1/api_tokens.proto",
    "sallyport/policy_evaluator/v1/policy_evaluator.proto",
    "sallyport/session_issuer/v1/session_issuer.proto",
    "sallyport/notifier/v1/notifier.proto",
    "sallyport/audit/v1/audit.proto",
    "sallyport/access_log/v1/access_log.proto",
];

/// Other people's, as far as they are read and said here. Not among the descriptors: no service of ours serves them by
/// reflection.
const FOREIGN: [&str; 1] = ["envoy/service/auth/v3/external_auth.proto"];

/// Messages that carry a secret: their `Debug` is written by hand, so that none reaches a log.
const SECRET_BEARING: [&str; 12] = [
    "sallyport.change_feed.v1.HeartbeatResponse",
    "sallyport.token_registry.v1.CreateTokenResponse",
    "sallyport.token_registry.v1.AuthenticateTokenRequest",
    "sallyport.token_registry.v1.UpdateTokenResponse",
    "sallyport.token_registry.v1.RotateTokenResponse",
    "sallyport.token_registry.v1.CreateApiTokenResponse",
    "sallyport.token_registry.v1.VerifyApiTokenRequest",
    "sallyport.token_registry.v1.RollApiTokenResponse",
    "sallyport.session_issuer.v1.ExchangeResponse",
    "sallyport.session_issuer.v1.IntrospectSessionRequest",
    "sallyport.session_issuer.v1.ExchangeRequest.ServiceTokenCredential",
    "sallyport.notifier.v1.CreateWebhookRequest",
];

/// The same of the foreign ones.
const FOREIGN_SECRETS: [&str; 2] =
    ["envoy.service.auth.v3.AttributeContext.HttpRequest", "envoy.config.core.v3.HeaderValue"];

#[expect(clippy::disallowed_methods, reason = "a build script has no other configuration")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Asked when it runs: a built script may serve another copy of the workspace.
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    println!("cargo:rerun-if-changed={}", root.display());
    let descriptors = protox::compile(FILES, [&root])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    let builder = tonic_prost_build::configure()
        .skip_debug(SECRET_BEARING.into_iter().chain(["sallyport.notifier.v1.UpdateWebhookRequest"]));
    builder.compile_fds(descriptors)?;
    // Headers carry credentials.
    let foreign = tonic_prost_build::configure().skip_debug(FOREIGN_SECRETS);
    foreign.compile_fds(protox::compile(FOREIGN, [&root])?)?;
    Ok(())
}

//! The session issuer as its own process.

fn main() -> std::process::ExitCode {
    service_kit::standalone::main::<session_issuer::SessionIssuer>()
}

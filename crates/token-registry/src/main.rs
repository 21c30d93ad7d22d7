//! The token registry as its own process.

fn main() -> std::process::ExitCode {
    service_kit::standalone::main::<token_registry::TokenRegistry>()
}

//! The edge gateway as its own process.

fn main() -> std::process::ExitCode {
    service_kit::standalone::main::<edge_gateway::EdgeGateway>()
}

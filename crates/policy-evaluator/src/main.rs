//! The policy evaluator as its own process.

fn main() -> std::process::ExitCode {
    service_kit::standalone::main::<policy_evaluator::PolicyEvaluator>()
}

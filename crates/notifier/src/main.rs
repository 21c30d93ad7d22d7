fn main() -> std::process::ExitCode {
    service_kit::standalone::main::<notifier::Notifier>()
}

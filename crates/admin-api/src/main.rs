//! `admin-api --config FILE`

fn main() -> std::process::ExitCode {
    service_kit::standalone::main::<admin_api::AdminApi>()
}

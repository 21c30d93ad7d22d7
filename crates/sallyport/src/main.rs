//! `sallyport`.

use clap::Parser as _;
use clap::error::ErrorKind;
use sallyport::cli::exit::{Code, Failure};
use sallyport::{Arguments, Command};
use std::process::ExitCode;

fn main() -> ExitCode {
    match Arguments::try_parse() {
        Ok(Arguments { command: Command::Dev(options) }) => dev(&options),
        Ok(Arguments { command: Command::Fleet(options) }) => sallyport::fleet::main(&options),
        Ok(Arguments { command: Command::Manage(command) }) => sallyport::cli::main(*command),
        Err(error) => misunderstood(&error),
    }
}

/// Help is no mistake; a mistake is told to programs as they are told everything else.
fn misunderstood(error: &clap::Error) -> ExitCode {
    let is_mistake = !matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if is_mistake && std::env::args_os().any(|argument| argument == "--json") {
        let text = error.render().to_string();
        let text = text.split("\n\n").next().unwrap_or_default();
        return Failure::new(Code::Usage, text.trim_start_matches("error: ")).report(true);
    }
    error.exit()
}

fn dev(options: &sallyport::dev::Options) -> ExitCode {
    match sallyport::dev::main(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sallyport: {error:#}");
            ExitCode::FAILURE
        }
    }
}

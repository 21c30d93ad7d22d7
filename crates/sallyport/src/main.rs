//! `sallyport`.

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Service authentication for machines: a service token opens an application, and a revocation closes it everywhere.
#[derive(Parser)]
#[command(name = "sallyport", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run everything on this machine, with a sample application behind the gateway and a token that opens it.
    Dev(sallyport::dev::Options),
}

fn main() -> ExitCode {
    let Command::Dev(options) = Arguments::parse().command;
    match sallyport::dev::main(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sallyport: {error:#}");
            ExitCode::FAILURE
        }
    }
}

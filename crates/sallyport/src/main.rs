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
    Dev(Box<sallyport::dev::Options>),
    /// Show every enforcement point: how far it has applied each change feed, and whether its lease is live.
    Fleet(sallyport::fleet::Options),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Dev(options) => dev(&options),
        Command::Fleet(options) => sallyport::fleet::main(&options),
    }
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

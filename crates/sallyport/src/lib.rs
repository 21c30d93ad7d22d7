//! The user's binary: every service in one process, or as processes of their own, and the commands that manage them.
//!
//! | module | holds |
//! |---|---|
//! | [`embedded`] | all services in one process, callee first: the architecture diagram, compiled |
//! | [`dev`] | `sallyport dev`: something that runs, from nothing, with a sample application |
//! | [`fleet`] | `sallyport fleet`: who enforces, and how far each has come |
//! | [`cli`] | everything else: tokens, applications, policies, sessions, over the REST API |

pub mod cli;
pub mod dev;
pub mod embedded;
pub mod fleet;

use clap::{Parser, Subcommand};

/// Service authentication for machines: a service token opens an application, and a revocation closes it everywhere.
#[derive(Parser, Debug)]
#[command(name = "sallyport", version, after_help = cli::exit::HELP)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run everything on this machine, with a sample application behind the gateway and a token that opens it.
    Dev(Box<dev::Options>),
    /// Show every enforcement point: how far it has applied each change feed, and whether its lease is live.
    Fleet(fleet::Options),
    #[command(flatten)]
    Manage(Box<cli::Command>),
}

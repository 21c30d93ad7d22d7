//! The commands that manage Sallyport over its REST API, for people and for scripts.
//!
//! | module | holds |
//! |---|---|
//! | `target`, `context` | whom to talk to, and where that is remembered |
//! | `client` | one call of the management API |
//! | `output`, `exit` | tables or JSON; failures and their codes |
//! | `lookup` | names or ids |
//! | `secret`, `private` | secrets in memory and on disk |
//! | the others | one noun each |
//!
//! To add a noun: its file with `Options` and `run`, and its line in [`Command`] and in [`run`]. Each command's help has an
//! example, which the tests parse.

mod alert;
mod api_token;
mod app;
mod audit;
mod client;
mod completion;
pub(crate) mod context;
mod credentials;
mod curl;
pub mod exit;
mod group;
mod key;
mod log;
mod login;
mod lookup;
mod output;
mod policy;
mod policy_test;
mod private;
mod progress;
mod rules;
pub(crate) mod secret;
mod session;
mod sessions;
mod target;
mod token;
mod whoami;

use clap::Subcommand;
use exit::{Failure, Outcome};
use std::process::ExitCode;

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Service tokens: what machines hold.
    Token(token::Options),
    /// Applications: what is protected.
    App(app::Options),
    /// Policies: who gets in, and what would happen.
    Policy(policy::Options),
    /// Groups: rules under one name.
    Group(group::Options),
    /// Sessions: end those of an application, or one.
    Session(session::Options),
    /// Alerts: who is told before a token expires.
    Alert(alert::Options),
    /// The keys that sign sessions.
    Key(key::Options),
    /// API tokens: what this program and other tools manage with.
    ApiToken(api_token::Options),
    /// Who changed what: service tokens and API tokens.
    Audit(audit::Options),
    /// What was decided at the gateways.
    Log(log::Options),
    /// Remember whom to talk to, after trying it.
    Login(login::Login),
    /// What is remembered of whom to talk to.
    Context(login::Options),
    /// Whom the commands talk to, and as what.
    Whoami(whoami::Whoami),
    /// Whether everything is as it should be: reach, clock, token, fleet.
    Doctor(whoami::Doctor),
    /// Call a protected URL with a service token.
    Curl(Box<curl::Options>),
    /// A completion script for a shell.
    Completion(completion::Options),
}

/// Runs the command. The exit codes are in `sallyport --help`.
pub fn main(command: Command) -> ExitCode {
    let is_json = command.is_json();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run(command)),
        Err(error) => Err(Failure::failed(format!("no runtime: {error}"))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(is_json),
    }
}

impl Command {
    fn is_json(&self) -> bool {
        match self {
            Self::Token(it) => it.common.json,
            Self::App(it) => it.common.json,
            Self::Policy(it) => it.common.json,
            Self::Group(it) => it.common.json,
            Self::Session(it) => it.common.json,
            Self::Alert(it) => it.common.json,
            Self::Key(it) => it.common.json,
            Self::ApiToken(it) => it.common.json,
            Self::Audit(it) => it.common.json,
            Self::Log(it) => it.common.json,
            Self::Login(it) => it.common.json,
            Self::Context(it) => it.common.json,
            Self::Whoami(it) => it.common.json,
            Self::Doctor(it) => it.common.json,
            Self::Curl(it) => it.common.json,
            Self::Completion(_) => false,
        }
    }
}

async fn run(command: Command) -> Outcome {
    match command {
        Command::Token(options) => token::run(options).await,
        Command::App(options) => app::run(options).await,
        Command::Policy(options) => policy::run(options).await,
        Command::Group(options) => group::run(options).await,
        Command::Session(options) => session::run(options).await,
        Command::Alert(options) => alert::run(options).await,
        Command::Key(options) => key::run(options).await,
        Command::ApiToken(options) => api_token::run(options).await,
        Command::Audit(options) => audit::run(options).await,
        Command::Log(options) => log::run(options).await,
        Command::Login(options) => login::login(options).await,
        Command::Context(options) => login::run(options),
        Command::Whoami(options) => whoami::whoami(options).await,
        Command::Doctor(options) => whoami::doctor(options).await,
        Command::Curl(options) => curl::run(*options).await,
        Command::Completion(options) => completion::run(&options),
    }
}

#[cfg(test)]
mod tests;

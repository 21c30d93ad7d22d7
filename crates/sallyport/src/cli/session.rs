//! `sallyport session`: ending sessions.

use super::client::{Change, Client};
use super::exit::Outcome;
use super::lookup::{self, APP, confirm};
use super::output::Out;
use super::target::Common;
use super::token::Sure;
use clap::{Args, Subcommand};
use reqwest::Method;

#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// End every session of an application. Tokens stay good: who has one may begin a new session.
    #[command(after_help = "Example:\n  $ sallyport session revoke billing --yes")]
    Revoke {
        /// The application: its name, domain, id or audience tag.
        app: String,
        #[command(flatten)]
        change: Change,
        #[command(flatten)]
        sure: Sure,
    },
}

pub async fn run(Options { common, verb: Verb::Revoke { app, change, sure } }: Options) -> Outcome {
    let out = Out::new(common.json);
    let client = Client::new(&common, out)?;
    let app = lookup::find(&client, &APP, &app).await?;
    confirm(sure.yes, "end every session of", lookup::name(&app))?;
    let path = ["access", "apps", lookup::id(&app), "revoke_tokens"];
    let revoked = client.change(Method::POST, &path, None, &change).await?;
    out.object(&revoked.result, &[])?;
    out.note(&format!("every session of {} has ended", lookup::name(&app)));
    revoked.settle(&out)
}

//! `sallyport session`: ending sessions.

use super::client::{Change, Client, Root};
use super::exit::Outcome;
use super::lookup::{self, APP, confirm};
use super::output::Out;
use super::secret::Secret;
use super::target::Common;
use super::token::Sure;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// End every session of an application, or one. Tokens stay good: who has one may begin a new session.
    #[command(
        after_help = "Example:\n  $ sallyport session revoke billing --yes\n  $ sallyport session revoke --session-file session.txt --yes"
    )]
    Revoke {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        change: Change,
        #[command(flatten)]
        sure: Sure,
    },
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct Which {
    /// The application whose sessions all end: its name, domain, id or audience tag.
    app: Option<String>,
    /// One session, by its id: `sid` within its claim `sallyport`.
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// One session, by itself: a file that holds nothing but the JWT; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    session_file: Option<PathBuf>,
}

pub async fn run(Options { common, verb: Verb::Revoke { which, change, sure } }: Options) -> Outcome {
    let out = Out::new(common.json);
    let client = Client::new(&common, out)?;
    let Which { app, session, session_file } = which;
    let one = match (session, session_file) {
        (Some(id), _) => Some(json!({"session_id": id})),
        (None, Some(file)) => Some(json!({"session_jwt": Secret::from_file(&file)?.expose()})),
        (None, None) => None,
    };
    let Some(one) = one else {
        return revoke_all(&client, &app.unwrap_or_default(), &change, &sure, &out).await;
    };
    confirm(sure.yes, "end the session", named(&one).unwrap_or("in the file"))?;
    let query = [change.wait.query()];
    let path = ["sessions", "revoke"];
    let revoked = client.call(Root::Ours, Method::POST, &path, &query, Some(&one)).await?;
    out.object(&revoked.result, &[])?;
    out.note(&format!("session {} has ended", named(&revoked.result).unwrap_or_default()));
    revoked.settle(&out)
}

async fn revoke_all(client: &Client, app: &str, change: &Change, sure: &Sure, out: &Out) -> Outcome {
    let app = lookup::find(client, &APP, app).await?;
    confirm(sure.yes, "end every session of", lookup::name(&app))?;
    let path = ["access", "apps", lookup::id(&app), "revoke_tokens"];
    let revoked = client.change(Method::POST, &path, None, change).await?;
    out.object(&revoked.result, &[])?;
    out.note(&format!("every session of {} has ended", lookup::name(&app)));
    revoked.settle(out)
}

fn named(of: &Value) -> Option<&str> {
    of.get("session_id").and_then(Value::as_str)
}

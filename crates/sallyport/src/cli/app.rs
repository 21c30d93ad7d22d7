//! `sallyport app`: protected applications.

use super::client::{Change, Client, Root, set};
use super::exit::{Failure, Outcome};
use super::lookup::{self, APP, POLICY, confirm};
use super::output::{Column, Out, text, time};
use super::secret::text_of;
use super::target::Common;
use super::token::Sure;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// All of them, or those whose name or domain contains a text.
    #[command(after_help = "Example:\n  $ sallyport app list --search internal")]
    List {
        #[arg(long)]
        search: Option<String>,
    },
    /// One of them, with its policies.
    #[command(after_help = "Example:\n  $ sallyport app show billing.internal.example.com")]
    Show(Which),
    /// Protect a host, or a path of it. Nobody gets in until a policy says so.
    #[command(
        after_help = "Example:\n  $ sallyport app create --domain billing.internal.example.com --name billing"
    )]
    Create {
        /// Host and perhaps path, without a scheme.
        #[arg(long, required_unless_present = "file")]
        domain: Option<String>,
        /// [default: the domain].
        #[arg(long)]
        name: Option<String>,
        /// How long a session lives: a Go duration [default: 24h].
        #[arg(long, value_name = "DURATION")]
        session_duration: Option<String>,
        /// A reusable policy, by name or id. May be given several times; the order counts.
        #[arg(long, value_name = "POLICY")]
        policy: Vec<String>,
        /// The API's object as JSON, from a file or - for standard input; the flags are added to it.
        #[arg(long)]
        file: Option<PathBuf>,
        #[command(flatten)]
        change: Change,
    },
    /// Show or choose what signs its sessions. RS256 is what every validator knows; ES256 signs faster and is shorter.
    #[command(after_help = "Example:\n  $ sallyport app signature billing --algorithm ES256")]
    Signature {
        #[command(flatten)]
        which: Which,
        /// For sessions from now on; those that there are stay good. Without it the choice is shown.
        #[arg(long, value_parser = ["RS256", "ES256"])]
        algorithm: Option<String>,
        #[command(flatten)]
        change: Change,
    },
    /// Protect it no more: its sessions end, and its URLs are nobody's.
    #[command(after_help = "Example:\n  $ sallyport app delete billing --yes")]
    Delete {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        change: Change,
        #[command(flatten)]
        sure: Sure,
    },
}

#[derive(Args, Debug)]
struct Which {
    /// Its name, domain, id or audience tag.
    app: String,
}

const LIST: [Column; 5] = [
    text("NAME", "/name"),
    text("DOMAIN", "/domain"),
    text("ID", "/id"),
    text("POLICIES", "/policies"),
    time("UPDATED", "/updated_at"),
];
const OBJECT: [Column; 8] = [
    text("NAME", "/name"),
    text("ID", "/id"),
    text("AUDIENCE", "/aud"),
    text("DESTINATIONS", "/self_hosted_domains"),
    text("SESSIONS LIVE", "/session_duration"),
    text("POLICIES", "/policies"),
    time("CREATED", "/created_at"),
    time("UPDATED", "/updated_at"),
];

pub async fn run(Options { common, verb }: Options) -> Outcome {
    let out = Out::new(common.json);
    let client = Client::new(&common, out)?;
    match verb {
        Verb::List { search } => {
            let query: Vec<(&str, &str)> = search.iter().map(|it| ("search", it.as_str())).collect();
            out.list(&client.list(APP.path, &query).await?, &LIST)
        }
        Verb::Show(Which { app }) => out.object(&lookup::find(&client, &APP, &app).await?, &OBJECT),
        Verb::Create { domain, name, session_duration, policy, file, change } => {
            let mut body = object_of(file.as_deref())?;
            if body.get("type").is_none() {
                set(&mut body, "type", json!("self_hosted"));
            }
            for (member, value) in
                [("domain", domain), ("name", name), ("session_duration", session_duration)]
            {
                if let Some(value) = value {
                    set(&mut body, member, json!(value));
                }
            }
            let mut ids = Vec::new();
            for policy in policy {
                ids.push(json!(lookup::id(&lookup::find(&client, &POLICY, &policy).await?)));
            }
            if !ids.is_empty() {
                set(&mut body, "policies", Value::Array(ids));
            }
            let created = client.change(Method::POST, APP.path, Some(&body), &change).await?;
            out.object(&created.result, &OBJECT)?;
            created.settle(&out)
        }
        Verb::Signature { which: Which { app }, algorithm, change } => {
            let app = lookup::find(&client, &APP, &app).await?;
            signature(&client, lookup::id(&app), algorithm, &change).await
        }
        Verb::Delete { which: Which { app }, change, sure } => {
            let app = lookup::find(&client, &APP, &app).await?;
            confirm(sure.yes, "delete", lookup::name(&app))?;
            let path: Vec<&str> = APP.path.iter().copied().chain([lookup::id(&app)]).collect();
            let deleted = client.change(Method::DELETE, &path, None, &change).await?;
            deleted_one(&client, &deleted.result)?;
            deleted.settle(&out)
        }
    }
}

/// Chosen if an algorithm is given, else shown.
async fn signature(client: &Client, id: &str, algorithm: Option<String>, change: &Change) -> Outcome {
    let path = ["apps", id, "session_signature"];
    let columns = [text("ALGORITHM", "/algorithm")];
    let (method, query, body) = match algorithm {
        Some(algorithm) => (Method::PUT, vec![change.wait.query()], Some(json!({"algorithm": algorithm}))),
        None => (Method::GET, Vec::new(), None),
    };
    let answer = client.call(Root::Ours, method, &path, &query, body.as_ref()).await?;
    client.out.object(&answer.result, &columns)?;
    if body.is_some() { answer.settle(&client.out) } else { Ok(()) }
}

/// The API answers a deletion with the id alone.
pub fn deleted_one(client: &Client, result: &Value) -> Outcome {
    client.out.object(result, &[text("DELETED", "/id")])
}

/// What a file holds; without one, an empty object.
pub fn object_of(file: Option<&Path>) -> Outcome<Value> {
    let Some(file) = file else { return Ok(json!({})) };
    let value: Value = serde_json::from_str(&text_of(file)?)
        .map_err(|error| Failure::usage(format!("{} is not JSON: {error}", file.display())))?;
    if value.is_object() {
        Ok(value)
    } else {
        Err(Failure::usage(format!("{} must hold a JSON object", file.display())))
    }
}

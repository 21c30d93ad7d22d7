//! `sallyport group`: rules under one name.

use super::app::{deleted_one, object_of};
use super::client::{Change, Client, set};
use super::exit::Outcome;
use super::lookup::{self, GROUP, confirm};
use super::output::{Column, Out, text, time};
use super::rules::Rules;
use super::target::Common;
use super::token::Sure;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::json;
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
    /// All of them, or those whose name contains a text.
    #[command(after_help = "Example:\n  $ sallyport group list")]
    List {
        #[arg(long)]
        search: Option<String>,
    },
    /// One of them.
    #[command(after_help = "Example:\n  $ sallyport group show offices")]
    Show {
        /// Its name or id.
        group: String,
    },
    /// Make a group that policies may name.
    #[command(
        after_help = "Example:\n  $ sallyport group create offices --include ip=192.0.2.0/24 --include ip=198.51.100.0/24"
    )]
    Create {
        /// What to call it.
        name: String,
        #[command(flatten)]
        rules: Rules,
        /// The API's object as JSON, from a file or - for standard input; the flags are added to it.
        #[arg(long)]
        file: Option<PathBuf>,
        #[command(flatten)]
        change: Change,
    },
    /// Take it away. It is refused while a policy names it.
    #[command(after_help = "Example:\n  $ sallyport group delete offices --yes")]
    Delete {
        /// Its name or id.
        group: String,
        #[command(flatten)]
        change: Change,
        #[command(flatten)]
        sure: Sure,
    },
}

const LIST: [Column; 3] = [text("NAME", "/name"), text("ID", "/id"), time("UPDATED", "/updated_at")];
const OBJECT: [Column; 6] = [
    text("NAME", "/name"),
    text("ID", "/id"),
    text("INCLUDE", "/include"),
    text("REQUIRE", "/require"),
    text("EXCLUDE", "/exclude"),
    time("UPDATED", "/updated_at"),
];

pub async fn run(Options { common, verb }: Options) -> Outcome {
    let out = Out::new(common.json);
    let client = Client::new(&common, out)?;
    match verb {
        Verb::List { search } => {
            let query: Vec<(&str, &str)> = search.iter().map(|it| ("search", it.as_str())).collect();
            out.list(&client.list(GROUP.path, &query).await?, &LIST)
        }
        Verb::Show { group } => out.object(&lookup::find(&client, &GROUP, &group).await?, &OBJECT),
        Verb::Create { name, rules, file, change } => {
            let mut body = object_of(file.as_deref())?;
            set(&mut body, "name", json!(name));
            rules.add_to(&mut body, &client).await?;
            let created = client.change(Method::POST, GROUP.path, Some(&body), &change).await?;
            out.object(&created.result, &OBJECT)?;
            created.settle(&out)
        }
        Verb::Delete { group, change, sure } => {
            let group = lookup::find(&client, &GROUP, &group).await?;
            confirm(sure.yes, "delete", lookup::name(&group))?;
            let path: Vec<&str> = GROUP.path.iter().copied().chain([lookup::id(&group)]).collect();
            let deleted = client.change(Method::DELETE, &path, None, &change).await?;
            deleted_one(&client, &deleted.result)?;
            deleted.settle(&out)
        }
    }
}

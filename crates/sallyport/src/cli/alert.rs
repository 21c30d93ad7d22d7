//! `sallyport alert`: who is told before a service token expires.

use super::app::deleted_one;
use super::client::{Client, set};
use super::exit::{Failure, Outcome};
use super::lookup::{self, ALERT, TOKEN, WEBHOOK, confirm};
use super::output::{Column, Out, text, time};
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
    /// All of them.
    #[command(after_help = "Example:\n  $ sallyport alert list")]
    List,
    /// Tell people and webhooks before tokens expire, and of those that are ended because nobody uses them.
    #[command(
        after_help = "Example:\n  $ sallyport alert create expiring --email ops@example.com --webhook pager --token deploy-bot"
    )]
    Create {
        /// What to call it.
        name: String,
        /// A mail address. May be given several times.
        #[arg(long, required_unless_present = "webhook")]
        email: Vec<String>,
        /// A webhook by name, URL or id. May be given several times.
        #[arg(long)]
        webhook: Vec<String>,
        /// Only for this service token, by name or id. May be given several times [default: all].
        #[arg(long)]
        token: Vec<String>,
    },
    /// Tell nobody any more.
    #[command(after_help = "Example:\n  $ sallyport alert delete expiring --yes")]
    Delete {
        /// Its name or id.
        alert: String,
        #[command(flatten)]
        sure: Sure,
    },
    /// Where alerts are posted.
    #[command(subcommand)]
    Webhook(WebhookVerb),
}

#[derive(Subcommand, Debug)]
enum WebhookVerb {
    /// All of them.
    #[command(after_help = "Example:\n  $ sallyport alert webhook list")]
    List,
    /// Add one. A test message is sent; a destination that refuses it is not added.
    #[command(
        after_help = "Example:\n  $ sallyport alert webhook create pager --url https://hooks.example.com/sallyport --secret-file secret.txt"
    )]
    Create {
        /// What to call it.
        name: String,
        #[arg(long)]
        url: String,
        /// A file with the secret that is sent along, or - for standard input.
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
    },
    /// Take it away.
    #[command(after_help = "Example:\n  $ sallyport alert webhook delete pager --yes")]
    Delete {
        /// Its name, URL or id.
        webhook: String,
        #[command(flatten)]
        sure: Sure,
    },
}

const LIST: [Column; 5] = [
    text("NAME", "/name"),
    text("ID", "/id"),
    text("ENABLED", "/enabled"),
    text("TOLD", "/mechanisms"),
    time("MODIFIED", "/modified"),
];
const WEBHOOKS: [Column; 5] = [
    text("NAME", "/name"),
    text("ID", "/id"),
    text("URL", "/url"),
    time("LAST SUCCESS", "/last_success"),
    time("LAST FAILURE", "/last_failure"),
];
const MADE: [Column; 1] = [text("ID", "/id")];

pub async fn run(Options { common, verb }: Options) -> Outcome {
    let out = Out::new(common.json);
    let client = Client::new(&common, out)?;
    match verb {
        Verb::List => out.list(&client.list(ALERT.path, &[]).await?, &LIST),
        Verb::Create { name, email, webhook, token } => {
            let mut webhooks = Vec::new();
            for webhook in webhook {
                let webhook = lookup::find(&client, &WEBHOOK, &webhook).await?;
                webhooks.push(json!({"id": lookup::id(&webhook)}));
            }
            let mut body = json!({
                "name": name,
                "alert_type": "expiring_service_token_alert",
                "enabled": true,
                "mechanisms": {
                    "email": email.iter().map(|it| json!({"id": it})).collect::<Value>(),
                    "webhooks": webhooks,
                },
            });
            let mut tokens = Vec::new();
            for token in token {
                tokens.push(json!(lookup::id(&lookup::find(&client, &TOKEN, &token).await?)));
            }
            if !tokens.is_empty() {
                set(&mut body, "filters", json!({"token_id": tokens}));
            }
            out.object(&client.post(ALERT.path, &body).await?.result, &MADE)
        }
        Verb::Delete { alert, sure } => {
            let alert = lookup::find(&client, &ALERT, &alert).await?;
            delete(&client, ALERT.path, &alert, &sure).await
        }
        Verb::Webhook(WebhookVerb::List) => out.list(&client.list(WEBHOOK.path, &[]).await?, &WEBHOOKS),
        Verb::Webhook(WebhookVerb::Create { name, url, secret_file }) => {
            if reqwest::Url::parse(&url).is_ok_and(|url| url.password().is_some()) {
                return Err(Failure::usage("a URL with a password is a secret: give --secret-file"));
            }
            let mut body = json!({"name": name, "url": url});
            if let Some(file) = secret_file {
                set(&mut body, "secret", json!(Secret::from_file(&file)?.expose()));
            }
            out.object(&client.post(WEBHOOK.path, &body).await?.result, &MADE)
        }
        Verb::Webhook(WebhookVerb::Delete { webhook, sure }) => {
            let webhook = lookup::find(&client, &WEBHOOK, &webhook).await?;
            delete(&client, WEBHOOK.path, &webhook, &sure).await
        }
    }
}

async fn delete(client: &Client, path: &[&str], object: &Value, sure: &Sure) -> Outcome {
    confirm(sure.yes, "delete", lookup::name(object))?;
    let path: Vec<&str> = path.iter().copied().chain([lookup::id(object)]).collect();
    let deleted = client.call(super::client::Root::Contract, Method::DELETE, &path, &[], None).await?;
    deleted_one(client, &deleted.result)
}

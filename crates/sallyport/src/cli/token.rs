//! `sallyport token`: service tokens.

use super::client::{Change, Client, body};
use super::credentials::{self, Format};
use super::exit::{Failure, Outcome};
use super::lookup::{self, TOKEN, confirm};
use super::output::{Column, Out, text, time};
use super::target::Common;
use clap::{Args, Subcommand};
use model::{Clock as _, SystemClock, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};

mod rotation;

#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Make a service token. Its secret is shown now, and never again.
    #[command(
        after_help = "Example:\n  $ sallyport token create deploy-bot --duration 720h --output env > deploy-bot.env"
    )]
    Create {
        /// What to call it.
        name: String,
        /// How long it lives: a Go duration, or forever [default: 8760h].
        #[arg(long)]
        duration: Option<String>,
        /// How the secret is printed.
        #[arg(long, value_enum, default_value = "text")]
        output: Format,
    },
    /// All of them, or those whose name contains a text.
    #[command(after_help = "Example:\n  $ sallyport token list --search deploy")]
    List {
        #[arg(long)]
        search: Option<String>,
    },
    /// One of them.
    #[command(after_help = "Example:\n  $ sallyport token show deploy-bot --json")]
    Show(Which),
    /// Let it live for one year from now.
    #[command(after_help = "Example:\n  $ sallyport token refresh deploy-bot")]
    Refresh {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        change: Change,
    },
    /// Let it live for a given time from now.
    #[command(after_help = "Example:\n  $ sallyport token extend deploy-bot --duration 2160h")]
    Extend {
        #[command(flatten)]
        which: Which,
        /// A Go duration, or forever.
        #[arg(long)]
        duration: String,
        #[command(flatten)]
        change: Change,
    },
    /// Make a new secret. The old one ends at once, or after an overlap.
    #[command(
        after_help = "Example:\n  $ sallyport token rotate deploy-bot --overlap 1h --output k8s-secret | kubectl apply -f -"
    )]
    Rotate {
        #[command(flatten)]
        which: Which,
        /// How long the old secret stays good: a Go duration such as 1h or 30m.
        #[arg(long, value_name = "DURATION")]
        overlap: Option<String>,
        /// How the secret is printed.
        #[arg(long, value_enum, default_value = "text")]
        output: Format,
        #[command(flatten)]
        change: Change,
        #[command(flatten)]
        sure: Sure,
    },
    /// Its secrets, by version: which work, and when and where each was last used.
    #[command(after_help = "Example:\n  $ sallyport token secrets deploy-bot")]
    Secrets(Which),
    /// End the overlap of a rotation now: the old secret and its sessions.
    #[command(after_help = "Example:\n  $ sallyport token finish-rotation deploy-bot --yes")]
    FinishRotation {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        change: Change,
        #[command(flatten)]
        sure: Sure,
    },
    /// Take a rotation back while the old secret works: the new secret and its sessions end now.
    #[command(after_help = "Example:\n  $ sallyport token undo-rotation deploy-bot --yes")]
    UndoRotation {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        change: Change,
        #[command(flatten)]
        sure: Sure,
    },
    /// Refuse it everywhere until it is enabled again, and end its sessions.
    #[command(after_help = "Example:\n  $ sallyport token disable deploy-bot --yes")]
    Disable {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        change: Change,
        #[command(flatten)]
        sure: Sure,
    },
    /// Accept it again.
    #[command(after_help = "Example:\n  $ sallyport token enable deploy-bot")]
    Enable {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        change: Change,
    },
    /// End it and its sessions for ever.
    #[command(after_help = "Example:\n  $ sallyport token delete deploy-bot --yes")]
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
    /// Its name, id or Client ID.
    token: String,
}

#[derive(Args, Debug)]
pub struct Sure {
    /// Do not ask.
    #[arg(long)]
    pub yes: bool,
}

const LIST: [Column; 6] = [
    text("NAME", "/name"),
    text("ID", "/id"),
    text("ENABLED", "/enabled"),
    time("EXPIRES", "/expires_at"),
    time("LAST SEEN", "/last_seen_at"),
    text("VERSION", "/client_secret_version"),
];
pub(super) const OBJECT: [Column; 11] = [
    text("NAME", "/name"),
    text("ID", "/id"),
    text("CLIENT ID", "/client_id"),
    text("ENABLED", "/enabled"),
    text("DURATION", "/duration"),
    time("EXPIRES", "/expires_at"),
    text("SECRET VERSION", "/client_secret_version"),
    time("OLD SECRET ENDS", "/previous_client_secret_expires_at"),
    time("LAST SEEN", "/last_seen_at"),
    time("CREATED", "/created_at"),
    time("UPDATED", "/updated_at"),
];

pub async fn run(Options { common, verb }: Options) -> Outcome {
    let out = Out::new(common.json);
    let client = Client::new(&common, out)?;
    match verb {
        Verb::Create { name, duration, output } => {
            let body = body([("name", Some(json!(name))), ("duration", duration.map(Value::from))]);
            let created = client.post(TOKEN.path, &body).await?;
            show_secret(out, output, &created.result)?;
            created.settle(&out)
        }
        Verb::List { search } => {
            let query: Vec<(&str, &str)> = search.iter().map(|it| ("search", it.as_str())).collect();
            out.list(&client.list(TOKEN.path, &query).await?, &LIST)
        }
        Verb::Show(which) => {
            let token = find(&client, &which).await?;
            out.object(&token, &OBJECT)?;
            rotation::say(&client, &token).await
        }
        Verb::Secrets(which) => rotation::list(&client, &find(&client, &which).await?).await,
        Verb::FinishRotation { which, change, sure } => {
            let token = find(&client, &which).await?;
            confirm(sure.yes, "end the old secret of", lookup::name(&token))?;
            rotation::finish(&client, &token, &change).await
        }
        Verb::UndoRotation { which, change, sure } => {
            let token = find(&client, &which).await?;
            confirm(sure.yes, "end the new secret, and restore the old one, of", lookup::name(&token))?;
            rotation::undo(&client, &token, &change).await
        }
        Verb::Refresh { which, change } => {
            let token = find(&client, &which).await?;
            act(&client, &token, Some("refresh"), Method::POST, None, &change).await
        }
        Verb::Extend { which, duration, change } => {
            let token = find(&client, &which).await?;
            act(&client, &token, None, Method::PUT, Some(json!({"duration": duration})), &change).await
        }
        Verb::Rotate { which, overlap, output, change, sure } => {
            let until =
                overlap.as_deref().map(|it| end_of("--overlap", it, SystemClock.now())).transpose()?;
            let token = find(&client, &which).await?;
            if until.is_none() {
                confirm(sure.yes, "end the old secret of", lookup::name(&token))?;
            }
            let body = body([("previous_client_secret_expires_at", until.map(|it| json!(it.to_string())))]);
            let path = path(&token, Some("rotate"));
            let rotated = client.change(Method::POST, &path, Some(&body), &change).await?;
            show_secret(out, output, &rotated.result)?;
            rotated.settle(&out)
        }
        Verb::Disable { which, change, sure } => {
            let token = find(&client, &which).await?;
            confirm(sure.yes, "disable", lookup::name(&token))?;
            act(&client, &token, None, Method::PUT, Some(json!({"enabled": false})), &change).await
        }
        Verb::Enable { which, change } => {
            let token = find(&client, &which).await?;
            act(&client, &token, None, Method::PUT, Some(json!({"enabled": true})), &change).await
        }
        Verb::Delete { which, change, sure } => {
            let token = find(&client, &which).await?;
            confirm(sure.yes, "delete", lookup::name(&token))?;
            act(&client, &token, None, Method::DELETE, None, &change).await
        }
    }
}

async fn find(client: &Client, Which { token }: &Which) -> Outcome<Value> {
    lookup::find(client, &TOKEN, token).await
}

fn path<'a>(token: &'a Value, verb: Option<&'a str>) -> Vec<&'a str> {
    TOKEN.path.iter().copied().chain([lookup::id(token)]).chain(verb).collect()
}

async fn act(
    client: &Client,
    token: &Value,
    verb: Option<&str>,
    method: Method,
    body: Option<Value>,
    change: &Change,
) -> Outcome {
    let answer = client.change(method, &path(token, verb), body.as_ref(), change).await?;
    client.out.object(&answer.result, &OBJECT)?;
    answer.settle(&client.out)
}

fn show_secret(out: Out, format: Format, token: &Value) -> Outcome {
    if format == Format::Text && !out.is_json {
        out.object(token, &OBJECT)?;
    }
    credentials::show(if out.is_json { Format::Json } else { format }, token)?;
    if format == Format::Text {
        out.note("The secret is not shown again.");
    }
    Ok(())
}

/// So long after now; `flag` is the one that says how long.
pub fn end_of(flag: &str, duration: &str, now: Timestamp) -> Outcome<Timestamp> {
    let length = model::duration::parse(duration)
        .map_err(|why| Failure::usage(format!("{flag} {duration}: {why}")))?;
    Ok(now.after(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overlap_is_a_time_from_now() {
        let now = Timestamp::from_millis(0);
        assert_eq!(end_of("--overlap", "1h30m", now).unwrap().to_string(), "1970-01-01T01:30:00Z");
        assert!(end_of("--overlap", "soon", now).unwrap_err().message.contains("--overlap soon"));
    }
}

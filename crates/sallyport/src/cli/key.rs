//! `sallyport key`: the keys that sign sessions.

use super::client::{Change, Client, Root};
use super::exit::Outcome;
use super::lookup::confirm;
use super::output::{Column, Out, text, time};
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
    /// The keys, what each does now, and until when it verifies sessions.
    #[command(after_help = "Example:\n  $ sallyport key list")]
    List,
    /// When the signing key was rotated, and when it will be.
    #[command(after_help = "Example:\n  $ sallyport key schedule")]
    Schedule,
    /// Sign with the next key from now on. Sessions under the old one live on.
    #[command(after_help = "Example:\n  $ sallyport key rotate")]
    Rotate {
        /// Even while validators that keep the key set may not know the next key.
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        change: Change,
    },
    /// End a key and every session under it, because it is no secret any more.
    #[command(after_help = "Example:\n  $ sallyport key revoke current --yes")]
    Revoke {
        /// The key's id, or `current` for the one that signs now.
        kid: String,
        #[command(flatten)]
        change: Change,
        #[command(flatten)]
        sure: Sure,
    },
}

const KEYS: [Column; 6] = [
    text("KEY", "/kid"),
    text("ALGORITHM", "/algorithm"),
    text("STATUS", "/status"),
    time("CREATED", "/created_at"),
    time("SIGNS SINCE", "/signs_since"),
    time("VERIFIES UNTIL", "/verifies_until"),
];
const SETTINGS: [Column; 3] = [
    time("LAST ROTATION", "/last_key_rotation_at"),
    text("DAYS TO THE NEXT", "/days_until_next_rotation"),
    text("INTERVAL IN DAYS", "/key_rotation_interval_days"),
];
const REVOKED: [Column; 5] = [
    text("REVOKED", "/kid"),
    time("AT", "/revoked_at"),
    time("GONE OUTSIDE", "/dropped_outside_at"),
    text("SIGNS NOW", "/signing_kid"),
    time("KNOWN OUTSIDE", "/signing_kid_known_outside_at"),
];

pub async fn run(Options { common, verb }: Options) -> Outcome {
    let out = Out::new(common.json);
    let client = Client::new(&common, out)?;
    match verb {
        Verb::List => out.list(&client.list_own(&["keys"]).await?, &KEYS),
        Verb::Schedule => out.object(&client.get(&["access", "keys"], &[]).await?, &SETTINGS),
        Verb::Rotate { force, change } => {
            let force = ("force", if force { "true" } else { "false" });
            let query = [force, change.wait.query()];
            let path = ["access", "keys", "rotate"];
            let rotated = client.call(Root::Contract, Method::POST, &path, &query, None).await?;
            out.object(&rotated.result, &SETTINGS)?;
            rotated.settle(&out)
        }
        Verb::Revoke { kid, change, sure } => {
            confirm(sure.yes, "end the key and every session under", &kid)?;
            let path = ["keys", &kid, "revoke"];
            let revoked = client.call(Root::Ours, Method::POST, &path, &[change.wait.query()], None).await?;
            out.object(&revoked.result, &REVOKED)?;
            revoked.settle(&out)
        }
    }
}

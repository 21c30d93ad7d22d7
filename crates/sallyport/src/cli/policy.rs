//! `sallyport policy`: who gets in, and what would happen.

use super::app::{deleted_one, object_of};
use super::client::{Change, Client, Root, body, set};
use super::exit::{Code, Failure, Outcome};
use super::lookup::{self, APP, POLICY, TOKEN, confirm};
use super::output::{Column, Out, emit, text, time};
use super::policy_test;
use super::rules::Rules;
use super::target::Common;
use super::token::Sure;
use clap::{Args, Subcommand, ValueEnum};
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
    /// The policies of an application in their order, or the reusable ones.
    #[command(after_help = "Example:\n  $ sallyport policy list --app billing")]
    List(Within),
    /// One of them.
    #[command(after_help = "Example:\n  $ sallyport policy show robots --app billing --json")]
    Show {
        /// Its name or id.
        policy: String,
        #[command(flatten)]
        within: Within,
    },
    /// Add a policy to an application, or make a reusable one.
    #[command(
        after_help = "Example:\n  $ sallyport policy create robots --app billing --include service-token=deploy-bot --require ip=10.0.0.0/8"
    )]
    Create {
        /// What to call it.
        name: String,
        #[command(flatten)]
        within: Within,
        /// What it decides.
        #[arg(long, value_enum, default_value = "service-auth")]
        decision: Decision,
        #[command(flatten)]
        rules: Rules,
        /// Its place among the application's policies [default: the last].
        #[arg(long, requires = "app")]
        precedence: Option<u32>,
        /// The API's object as JSON, from a file or - for standard input; the flags are added to it.
        #[arg(long)]
        file: Option<PathBuf>,
        #[command(flatten)]
        change: Change,
    },
    /// Take it away.
    #[command(after_help = "Example:\n  $ sallyport policy delete robots --app billing --yes")]
    Delete {
        /// Its name or id.
        policy: String,
        #[command(flatten)]
        within: Within,
        #[command(flatten)]
        change: Change,
        #[command(flatten)]
        sure: Sure,
    },
    /// Would this token, from this address, get in, and why? Nothing is sent to the application.
    #[command(
        after_help = "It ends with 4 when it would not.\n\nExample:\n  $ sallyport policy test billing --token deploy-bot --ip 10.1.2.3"
    )]
    Test {
        /// The application: its name, domain, id or audience tag.
        app: String,
        /// A service token by name, id or Client ID [default: none].
        #[arg(long)]
        token: Option<String>,
        /// The client's address [default: unknown].
        #[arg(long)]
        ip: Option<String>,
        /// The client's country: two letters [default: unknown].
        #[arg(long)]
        country: Option<String>,
        /// The common name of a verified client certificate [default: none].
        #[arg(long)]
        common_name: Option<String>,
    },
}

#[derive(Args, Debug)]
struct Within {
    /// The application: its name, domain, id or audience tag [default: reusable policies].
    #[arg(long)]
    app: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Decision {
    /// Machines get in.
    #[value(alias = "non_identity", alias = "non-identity")]
    ServiceAuth,
    /// People get in.
    Allow,
    /// Nobody whom it names gets in.
    Deny,
    /// Everybody gets in, unjudged.
    Bypass,
}

impl Decision {
    const fn on_the_wire(self) -> &'static str {
        match self {
            Self::ServiceAuth => "non_identity",
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Bypass => "bypass",
        }
    }
}

const LIST: [Column; 6] = [
    text("PRECEDENCE", "/precedence"),
    text("NAME", "/name"),
    text("ID", "/id"),
    text("DECISION", "/decision"),
    text("REUSABLE", "/reusable"),
    time("UPDATED", "/updated_at"),
];
const OBJECT: [Column; 9] = [
    text("NAME", "/name"),
    text("ID", "/id"),
    text("DECISION", "/decision"),
    text("PRECEDENCE", "/precedence"),
    text("INCLUDE", "/include"),
    text("REQUIRE", "/require"),
    text("EXCLUDE", "/exclude"),
    text("APPLICATIONS", "/app_count"),
    time("UPDATED", "/updated_at"),
];

pub async fn run(Options { common, verb }: Options) -> Outcome {
    let out = Out::new(common.json);
    let client = Client::new(&common, out)?;
    match verb {
        Verb::List(within) => {
            let path = within.path(&client).await?;
            out.list(&client.list(&refs(&path), &[]).await?, &LIST)
        }
        Verb::Show { policy, within } => {
            let path = within.path(&client).await?;
            out.object(&lookup::find_at(&client, &POLICY, &refs(&path), &policy).await?, &OBJECT)
        }
        Verb::Create { name, within, decision, rules, precedence, file, change } => {
            let mut body = object_of(file.as_deref())?;
            set(&mut body, "name", json!(name));
            if file.is_none() || body.get("decision").is_none() {
                set(&mut body, "decision", json!(decision.on_the_wire()));
            }
            if let Some(precedence) = precedence {
                set(&mut body, "precedence", json!(precedence));
            }
            rules.add_to(&mut body, &client).await?;
            let path = within.path(&client).await?;
            let created = client.change(Method::POST, &refs(&path), Some(&body), &change).await?;
            out.object(&created.result, &OBJECT)?;
            created.settle(&out)
        }
        Verb::Delete { policy, within, change, sure } => {
            let path = within.path(&client).await?;
            let policy = lookup::find_at(&client, &POLICY, &refs(&path), &policy).await?;
            confirm(sure.yes, "delete", lookup::name(&policy))?;
            let path: Vec<&str> = refs(&path).into_iter().chain([lookup::id(&policy)]).collect();
            let deleted = client.change(Method::DELETE, &path, None, &change).await?;
            deleted_one(&client, &deleted.result)?;
            deleted.settle(&out)
        }
        Verb::Test { app, token, ip, country, common_name } => {
            let app = lookup::find(&client, &APP, &app).await?;
            let token = match token {
                Some(token) => Some(lookup::find(&client, &TOKEN, &token).await?),
                None => None,
            };
            let body = body([
                ("token_id", token.as_ref().map(|it| json!(lookup::id(it)))),
                ("ip", ip.map(Value::from)),
                ("country_code", country.map(Value::from)),
                ("common_name", common_name.map(Value::from)),
            ]);
            let path = ["apps", lookup::id(&app), "policy_test"];
            let verdict = client.call(Root::Ours, Method::POST, &path, &[], Some(&body)).await?.result;
            emit(&if out.is_json { format!("{verdict}\n") } else { policy_test::render(&verdict) })?;
            let is_admitted = verdict.get("admitted") == Some(&Value::Bool(true));
            if is_admitted { Ok(()) } else { Err(Failure::new(Code::Forbidden, "it would not be admitted")) }
        }
    }
}

impl Within {
    async fn path(&self, client: &Client) -> Outcome<Vec<String>> {
        let Some(app) = &self.app else { return Ok(POLICY.path.iter().map(|it| (*it).to_owned()).collect()) };
        let app = lookup::find(client, &APP, app).await?;
        Ok(["access", "apps", lookup::id(&app), "policies"].map(str::to_owned).into())
    }
}

fn refs(path: &[String]) -> Vec<&str> {
    path.iter().map(String::as_str).collect()
}

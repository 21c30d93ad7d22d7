//! `sallyport login` and `sallyport context`: what is remembered of whom to talk to.

use super::client::Client;
use super::context::{Context, Contexts};
use super::exit::{Code, Failure, Outcome};
use super::lookup::confirm;
use super::output::{Column, Out, text};
use super::secret::{Secret, ServiceToken, standard_input};
use super::target::{self, Common, Target, environment};
use super::token::Sure;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

#[derive(Args, Debug)]
#[command(
    after_help = "The API token is read from standard input, or from --api-token-file.\n\nExample:\n  $ sallyport login prod --admin https://admin.example.com --account 0123456789abcdef0123456789abcdef < api-token.txt"
)]
pub struct Login {
    /// What to call it.
    #[arg(default_value = "default")]
    name: String,
    #[command(flatten)]
    pub common: Common,
}

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
    #[command(after_help = "Example:\n  $ sallyport context list")]
    List,
    /// Make one the current one.
    #[command(after_help = "Example:\n  $ sallyport context use staging")]
    Use { name: String },
    /// One of them, without its secrets.
    #[command(after_help = "Example:\n  $ sallyport context show prod")]
    Show {
        /// [default: the current one].
        name: Option<String>,
    },
    /// Remember a service token for `sallyport curl`: as `token create --output env` prints it, on standard input.
    #[command(after_help = "Example:\n  $ sallyport context service-token prod < deploy-bot.env")]
    ServiceToken {
        /// [default: the current one].
        name: Option<String>,
    },
    /// Forget one and its API token.
    #[command(after_help = "Example:\n  $ sallyport context delete staging --yes")]
    Delete {
        name: String,
        #[command(flatten)]
        sure: Sure,
    },
}

const COLUMNS: [Column; 5] = [
    text("CURRENT", "/current"),
    text("NAME", "/name"),
    text("ADMIN", "/admin"),
    text("ACCOUNT", "/account"),
    text("SERVICE TOKEN", "/service_token"),
];

/// Tries the API token before it remembers it.
pub async fn login(Login { name, common }: Login) -> Outcome {
    let out = Out::new(common.json);
    let missing = |what: &str| Failure::usage(format!("{what} is needed to log in"));
    let set = |name: &str| environment(name).filter(|value| !value.is_empty());
    let admin = common.admin.clone().or_else(|| set("SALLYPORT_ADMIN")).ok_or_else(|| missing("--admin"))?;
    let admin = target::url(&admin)?;
    let account =
        common.account.clone().or_else(|| set("SALLYPORT_ACCOUNT")).ok_or_else(|| missing("--account"))?;
    let mut contexts = Contexts::read(environment)?;
    let api_token = match &common.api_token_file {
        Some(file) => Secret::from_file(file)?,
        None => Secret::read(&standard_input("API token")?, "standard input")?,
    };
    if admin.scheme() == "http" && !is_here(&admin) {
        out.note("warning: the API token crosses the network unencrypted: use https");
    }
    let address = admin.as_str().trim_end_matches('/').to_owned();
    let target = Target {
        origin: format!("context {name}"),
        admin,
        account: account.clone(),
        api_token: api_token.clone(),
    };
    Client::of(target, out)?.verify().await?;
    let service_token = contexts.contexts.remove(&name).and_then(|it| it.service_token);
    let context = Context { admin: address, account, api_token, service_token };
    let shown = view(&name, &context, true);
    contexts.contexts.insert(name.clone(), context);
    contexts.current = Some(name);
    contexts.write(environment)?;
    out.object(&shown, &COLUMNS)
}

fn is_here(admin: &reqwest::Url) -> bool {
    let host = admin.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|it| it.is_loopback())
}

pub fn run(Options { common, verb }: Options) -> Outcome {
    let out = Out::new(common.json);
    let mut contexts = Contexts::read(environment)?;
    let is_current = |contexts: &Contexts, name: &str| contexts.current.as_deref() == Some(name);
    match verb {
        Verb::List => {
            let view =
                |(name, context): (&String, &Context)| view(name, context, is_current(&contexts, name));
            out.list(&contexts.contexts.iter().map(view).collect::<Vec<_>>(), &COLUMNS)
        }
        Verb::Show { name } => {
            let (name, context) = contexts.chosen(name.or(common.context).as_deref())?;
            out.object(&view(&name, context, is_current(&contexts, &name)), &COLUMNS)
        }
        Verb::Use { name } => {
            let shown = view(&name, contexts.named(&name)?, true);
            contexts.current = Some(name);
            contexts.write(environment)?;
            out.object(&shown, &COLUMNS)
        }
        Verb::ServiceToken { name } => {
            let (name, _) = contexts.chosen(name.or(common.context).as_deref())?;
            let token = ServiceToken::parse(&standard_input("Service token")?)?;
            let is_current = is_current(&contexts, &name);
            let context = contexts.contexts.get_mut(&name);
            let context =
                context.ok_or_else(|| Failure::new(Code::NotFound, format!("there is no context {name}")))?;
            context.service_token = Some(token);
            let shown = view(&name, context, is_current);
            contexts.write(environment)?;
            out.object(&shown, &COLUMNS)
        }
        Verb::Delete { name, sure } => {
            let shown = view(&name, contexts.named(&name)?, false);
            confirm(sure.yes, "forget", &name)?;
            contexts.contexts.remove(&name);
            if is_current(&contexts, &name) {
                contexts.current = None;
            }
            contexts.write(environment)?;
            out.object(&shown, &COLUMNS)
        }
    }
}

/// Without secrets.
fn view(name: &str, context: &Context, is_current: bool) -> Value {
    json!({
        "name": name,
        "current": is_current,
        "admin": context.admin,
        "account": context.account,
        "service_token": context.service_token.as_ref().map(|it| &it.client_id),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_is_shown_without_its_secrets() {
        let context = Context {
            admin: "https://a.test".into(),
            account: "0a".into(),
            api_token: Secret::new("spat_secret"),
            service_token: Some(ServiceToken {
                client_id: "1.access".into(),
                client_secret: Secret::new("spst_secret"),
            }),
        };
        let shown = view("prod", &context, true).to_string();
        assert!(shown.contains("1.access") && !shown.contains("_secret"), "{shown}");
    }

    #[test]
    fn only_this_machine_is_here() {
        for (url, here) in [
            ("http://127.0.0.1:1", true),
            ("http://[::1]:1", true),
            ("http://localhost:1", true),
            ("http://10.0.0.1", false),
            ("http://localhost.example.com", false),
        ] {
            assert_eq!(is_here(&reqwest::Url::parse(url).unwrap()), here, "{url}");
        }
    }
}

//! Whom to talk to, about which account, and with which API token.

use super::context::{Context, Contexts};
use super::exit::{Failure, Outcome};
use super::secret::{Secret, ServiceToken};
use clap::Args;
use reqwest::Url;
use serde::Deserialize;
use std::path::{Path, PathBuf};

const DATA_DIR: &str = ".data";

/// What every command that talks to the management API takes.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Connection and output")]
pub struct Common {
    /// A context that `sallyport login` has made [env: `SALLYPORT_CONTEXT`] [default: the current one].
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// The management API: http://host:port [env: `SALLYPORT_ADMIN`].
    #[arg(long, global = true, value_name = "URL")]
    pub admin: Option<String>,
    /// The account's id [env: `SALLYPORT_ACCOUNT`].
    #[arg(long, global = true, value_name = "ID")]
    pub account: Option<String>,
    /// A file that holds an API token of the account [env: `SALLYPORT_API_TOKEN` or `SALLYPORT_API_TOKEN_FILE`].
    #[arg(long, global = true, value_name = "FILE")]
    pub api_token_file: Option<PathBuf>,
    /// What `sallyport dev` runs on this data directory [default: .data, where there is no context].
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// The API's own result on one line, for programs; a failure as one JSON object on standard error.
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Debug)]
pub struct Target {
    /// What chose it: a context's name, a data directory, or nothing but flags and the environment.
    pub origin: String,
    pub admin: Url,
    pub account: String,
    pub api_token: Secret,
}

/// What is read of `dev.json`.
#[derive(Deserialize)]
struct Remembered {
    account_id: String,
    api_token: Secret,
    /// The gateway's and the management API's.
    ports: Option<(u16, u16)>,
}

/// Names a place as a whole.
struct Place {
    origin: String,
    context: Context,
}

impl Place {
    fn of_data_dir(data_dir: &Path) -> Outcome<Self> {
        let file = data_dir.join("dev.json");
        let wrong = |why: &str| Failure::usage(format!("{}: {why}", file.display()));
        let text = std::fs::read(&file).map_err(|error| wrong(&error.to_string()))?;
        let remembered: Remembered = serde_json::from_slice(&text).map_err(|_| wrong("not well-formed"))?;
        let (_, port) = remembered.ports.ok_or_else(|| wrong("sallyport dev has not run on it yet"))?;
        let context = Context {
            admin: format!("http://127.0.0.1:{port}"),
            account: remembered.account_id,
            api_token: remembered.api_token,
            service_token: None,
        };
        Ok(Self { origin: format!("data directory {}", data_dir.display()), context })
    }

    fn of_context(name: Option<&str>, contexts: &Contexts) -> Outcome<Self> {
        let (name, context) = contexts.chosen(name)?;
        Ok(Self { origin: format!("context {name}"), context: context.clone() })
    }

    /// Named on the command line.
    fn named(common: &Common, environment: impl Fn(&str) -> Option<String>) -> Outcome<Option<Self>> {
        match (&common.data_dir, &common.context) {
            (Some(_), Some(_)) => Err(Failure::usage("--data-dir and --context name two places: give one")),
            (Some(data_dir), None) => Self::of_data_dir(data_dir).map(Some),
            (None, Some(name)) => Self::of_context(Some(name), &Contexts::read(environment)?).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// Where nothing was named: the context of the environment, the current one, or what runs here for development.
    fn usual(environment: impl Fn(&str) -> Option<String>) -> Outcome<Option<Self>> {
        // Without a home there are no contexts.
        let contexts = if super::context::path(&environment).is_ok() {
            Contexts::read(&environment)?
        } else {
            Contexts::default()
        };
        let name = environment("SALLYPORT_CONTEXT");
        if name.is_some() || contexts.current.is_some() {
            return Self::of_context(name.as_deref(), &contexts).map(Some);
        }
        let data_dir = Path::new(DATA_DIR);
        if data_dir.join("dev.json").exists() { Self::of_data_dir(data_dir).map(Some) } else { Ok(None) }
    }
}

/// Flags come before the environment, and the environment before the current context. A place's API token is never sent to
/// an address that was named elsewhere.
///
/// # Errors
/// What is missing or malformed: all of it is the caller's to mend.
pub fn resolve(common: &Common, environment: impl Fn(&str) -> Option<String>) -> Outcome<Target> {
    let environment = |name: &str| environment(name).filter(|value| !value.is_empty());
    let named = Place::named(common, environment)?;
    let is_named = named.is_some();
    let unless_named = |name: &str| if is_named { None } else { environment(name) };
    let address = common.admin.clone().or_else(|| unless_named("SALLYPORT_ADMIN"));
    let place = match named {
        None if address.is_none() => Place::usual(environment)?,
        named => named,
    };
    let (origin, context) = match place {
        Some(Place { origin, context }) => (origin, Some(context)),
        None => ("flags and environment".to_owned(), None),
    };
    let of_place = if address.is_none() { context.as_ref().map(|it| it.api_token.clone()) } else { None };
    let Some(address) = address.or_else(|| context.as_ref().map(|it| it.admin.clone())) else {
        return Err(Failure::usage(
            "whom to ask? `sallyport login` remembers it; or give --admin, --account and --api-token-file; or run \
             `sallyport dev` here",
        ));
    };
    let account = common.account.clone().or_else(|| unless_named("SALLYPORT_ACCOUNT"));
    let account = account.or_else(|| context.map(|it| it.account));
    let account =
        account.ok_or_else(|| Failure::usage("an account is needed: --account or SALLYPORT_ACCOUNT"))?;
    let given = given_token(common, unless_named)?;
    let api_token = given.or(of_place).ok_or_else(|| {
        Failure::usage(
            "an API token is needed: --api-token-file, SALLYPORT_API_TOKEN or SALLYPORT_API_TOKEN_FILE",
        )
    })?;
    Ok(Target { origin, admin: url(&address)?, account, api_token })
}

fn given_token(common: &Common, environment: impl Fn(&str) -> Option<String>) -> Outcome<Option<Secret>> {
    if let Some(file) = &common.api_token_file {
        return Secret::from_file(file).map(Some);
    }
    match (environment("SALLYPORT_API_TOKEN"), environment("SALLYPORT_API_TOKEN_FILE")) {
        (Some(token), _) => Secret::read(&token, "SALLYPORT_API_TOKEN").map(Some),
        (None, Some(file)) => Secret::from_file(Path::new(&file)).map(Some),
        (None, None) => Ok(None),
    }
}

/// The service token of the named or usual context.
pub fn service_token(
    common: &Common,
    environment: impl Fn(&str) -> Option<String>,
) -> Outcome<Option<ServiceToken>> {
    let environment = |name: &str| environment(name).filter(|value| !value.is_empty());
    let place = match Place::named(common, environment)? {
        None => Place::usual(environment)?,
        named => named,
    };
    Ok(place.and_then(|it| it.context.service_token))
}

/// # Errors
/// What is wrong about it may be a password: it is not repeated.
pub fn url(admin: &str) -> Outcome<Url> {
    let wrong = || Failure::usage("the management API's address must be like http://host:port");
    let mut url = Url::parse(admin).map_err(|_| wrong())?;
    let is_plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !is_plain || url.fragment().is_some() {
        return Err(wrong());
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

/// The process's environment; what is not UTF-8 is not there.
pub fn environment(name: &str) -> Option<String> {
    std::env::var_os(name).and_then(|value| value.into_string().ok())
}

#[cfg(test)]
#[path = "target_tests.rs"]
mod tests;

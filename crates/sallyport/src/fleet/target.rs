//! Whom to ask, and with which API token. Flags come first, then the environment, then the current context, then what
//! `sallyport dev` remembers.

use super::Options;
use crate::cli::context;
use anyhow::{Context as _, Result, bail};
use reqwest::Url;
use serde::Deserialize;
use std::path::Path;
use zeroize::Zeroizing;

const PATH: &str = "/sallyport/v1/fleet";
const DATA_DIR: &str = ".data";

/// Where to send what.
pub struct Target {
    pub url: Url,
    pub token: Zeroizing<String>,
}

/// What is read of `dev.json`.
#[derive(Deserialize)]
struct Remembered {
    api_token: String,
    /// The gateway's and the management API's.
    ports: Option<(u16, u16)>,
}

impl Remembered {
    fn read(data_dir: &Path) -> Result<Self> {
        let file = data_dir.join("dev.json");
        let text = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is not readable", file.display()))
    }

    fn admin(&self) -> Result<String> {
        let (_, port) = self.ports.context("sallyport dev has not run on this data directory yet")?;
        Ok(format!("http://127.0.0.1:{port}"))
    }
}

/// # Errors
/// What is missing or malformed: all of it is the caller's to mend.
pub fn find(options: &Options, environment: impl Fn(&str) -> Option<String>) -> Result<Target> {
    let environment = |name: &str| environment(name).filter(|value| !value.is_empty());
    // Asked for by name, it comes before the environment.
    let named = options.data_dir.as_deref().map(Remembered::read).transpose()?;
    let mut token = match (&options.api_token_file, &named) {
        (Some(file), _) => Some(read_token(file)?),
        (None, Some(named)) => Some(Zeroizing::new(named.api_token.clone())),
        (None, None) => match (environment("SALLYPORT_API_TOKEN"), environment("SALLYPORT_API_TOKEN_FILE")) {
            (Some(token), _) => Some(Zeroizing::new(token)),
            (None, Some(file)) => Some(read_token(Path::new(&file))?),
            (None, None) => None,
        },
    };
    let admin = match (&options.admin, &named) {
        (Some(admin), _) => Some(admin.clone()),
        (None, Some(named)) => Some(named.admin()?),
        (None, None) => environment("SALLYPORT_ADMIN"),
    };
    // Its token goes to its own address alone, as that of the data directory.
    let admin = if let Some(admin) = admin {
        admin
    } else if let Some((admin, api_token)) = context::current(environment)? {
        token.get_or_insert(Zeroizing::new(api_token.expose().to_owned()));
        admin
    } else {
        let nothing = "give --admin and --api-token-file, or run sallyport dev here";
        let default = Remembered::read(Path::new(DATA_DIR)).context(nothing)?;
        let admin = default.admin()?;
        // Only there: a development token is not sent to an address that somebody else named.
        token.get_or_insert(Zeroizing::new(default.api_token));
        admin
    };
    let Some(token) = token else {
        bail!("an API token is needed: --api-token-file, SALLYPORT_API_TOKEN or SALLYPORT_API_TOKEN_FILE");
    };
    Ok(Target { url: url(&admin)?, token })
}

fn read_token(file: &Path) -> Result<Zeroizing<String>> {
    let text = std::fs::read_to_string(file);
    let text = Zeroizing::new(text.with_context(|| format!("cannot read {}", file.display()))?);
    let token = text.trim();
    if token.is_empty() || token.contains(char::is_whitespace) {
        bail!("{} must hold one API token and nothing else", file.display());
    }
    Ok(Zeroizing::new(token.to_owned()))
}

fn url(admin: &str) -> Result<Url> {
    // What is wrong about it may be a password: it is not repeated.
    let wrong = "the management API's address must be like http://host:port";
    let mut url = Url::parse(admin).context(wrong)?;
    let is_plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !is_plain {
        bail!(wrong);
    }
    let path = format!("{}{PATH}", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url)
}

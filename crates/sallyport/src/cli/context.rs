//! `contexts.toml`: named places to talk to, each an address, an account and its API token.

use super::exit::{Code, Failure, Outcome};
use super::private;
use super::secret::{Secret, ServiceToken};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use zeroize::Zeroizing;

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contexts {
    /// The one that is meant when none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    #[serde(default)]
    pub contexts: BTreeMap<String, Context>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    pub admin: String,
    pub account: String,
    pub api_token: Secret,
    /// What `curl` sends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_token: Option<ServiceToken>,
}

/// `$XDG_CONFIG_HOME/sallyport/contexts.toml`.
pub fn path(environment: impl Fn(&str) -> Option<String>) -> Outcome<PathBuf> {
    Ok(private::folder("XDG_CONFIG_HOME", ".config", environment)?.join("contexts.toml"))
}

/// Address and API token of the current context, for commands that need no account.
///
/// # Errors
/// The file is not readable, or others may read it.
pub fn current(environment: impl Fn(&str) -> Option<String>) -> anyhow::Result<Option<(String, Secret)>> {
    // Without a home there are no contexts.
    if path(&environment).is_err() {
        return Ok(None);
    }
    let told = |failure: Failure| anyhow::anyhow!(failure.message);
    let contexts = Contexts::read(&environment).map_err(told)?;
    let name = environment("SALLYPORT_CONTEXT");
    if name.is_none() && contexts.current.is_none() {
        return Ok(None);
    }
    let (_, context) = contexts.chosen(name.as_deref()).map_err(told)?;
    Ok(Some((context.admin.clone(), context.api_token.clone())))
}

impl Contexts {
    /// None is the same as an empty file.
    ///
    /// # Errors
    /// Others may read it, or it is not readable.
    pub fn read(environment: impl Fn(&str) -> Option<String>) -> Outcome<Self> {
        let path = path(environment)?;
        let Some(text) = private::read(&path)? else { return Ok(Self::default()) };
        // The parser's own words would quote the line, and a secret with it.
        toml::from_str(&text).map_err(|_| Failure::failed(format!("{} is not well-formed", path.display())))
    }

    pub fn write(&self, environment: impl Fn(&str) -> Option<String>) -> Outcome {
        let text = toml::to_string(self).map(Zeroizing::new);
        let text =
            text.map_err(|error| Failure::failed(format!("the contexts cannot be written: {error}")))?;
        private::write(&path(environment)?, &text)
    }

    pub fn named(&self, name: &str) -> Outcome<&Context> {
        self.contexts.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.contexts.keys().map(String::as_str).collect();
            let known = if known.is_empty() {
                "none; `sallyport login` makes one".to_owned()
            } else {
                known.join(", ")
            };
            Failure::new(Code::NotFound, format!("there is no context {name} (there are: {known})"))
        })
    }

    /// The named one, or the current one, and its name.
    pub fn chosen(&self, name: Option<&str>) -> Outcome<(String, &Context)> {
        let name = name.or(self.current.as_deref());
        let name =
            name.ok_or_else(|| Failure::new(Code::NotFound, "there is no current context: sallyport login"))?;
        Ok((name.to_owned(), self.named(name)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn contexts_come_back_as_they_were_written_and_only_from_a_private_file() {
        let place = tempfile::tempdir().unwrap();
        let home = place.path().to_str().unwrap().to_owned();
        let environment = |name: &str| (name == "XDG_CONFIG_HOME").then(|| home.clone());
        assert_eq!(Contexts::read(environment).unwrap(), Contexts::default());
        let service_token = ServiceToken { client_id: "a.access".into(), client_secret: Secret::new("s") };
        let context = Context {
            admin: "https://admin.example.com".into(),
            account: "0a".into(),
            api_token: Secret::new("spat_x"),
            service_token: Some(service_token),
        };
        let mut all = Contexts { current: Some("prod".into()), ..Contexts::default() };
        all.contexts.insert("prod".into(), context.clone());
        all.contexts.insert("a b.c".into(), Context { service_token: None, ..context });
        all.write(environment).unwrap();
        assert_eq!(Contexts::read(environment).unwrap(), all);
        assert_eq!(all.chosen(None).unwrap().0, "prod");
        assert_eq!(all.chosen(Some("nobody")).unwrap_err().code, Code::NotFound);
        let path = path(environment).unwrap();
        std::fs::write(&path, "api_token = spat_x").unwrap();
        let malformed = Contexts::read(environment).unwrap_err().message;
        assert!(malformed.contains("not well-formed") && !malformed.contains("spat_x"), "{malformed}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(Contexts::read(environment).unwrap_err().message.contains("chmod 600"));
    }
}

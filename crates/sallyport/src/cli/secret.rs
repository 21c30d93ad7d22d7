//! Secrets in memory, and how they come in: from a file, standard input or the environment, never as an argument.

use super::exit::{Failure, Outcome};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::fmt;
use std::io::{IsTerminal as _, Read as _};
use std::path::Path;
use zeroize::Zeroizing;

/// Wiped when dropped, and not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A single word.
    pub fn read(text: &str, origin: &str) -> Outcome<Self> {
        let word = text.trim();
        if word.is_empty() || word.contains(char::is_whitespace) || word.contains(char::is_control) {
            return Err(Failure::usage(format!("{origin} must hold one secret and nothing else")));
        }
        Ok(Self::new(word))
    }

    /// `-` is standard input.
    pub fn from_file(file: &Path) -> Outcome<Self> {
        Self::read(&text_of(file)?, &file.display().to_string())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

/// The text of a file, or of standard input for `-`.
pub fn text_of(file: &Path) -> Outcome<Zeroizing<String>> {
    if file == Path::new("-") {
        return standard_input("");
    }
    let text = std::fs::read_to_string(file);
    text.map(Zeroizing::new)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", file.display())))
}

/// Everything on standard input. Somebody at a terminal is told what is waited for.
pub fn standard_input(wanted: &str) -> Outcome<Zeroizing<String>> {
    let mut input = std::io::stdin();
    if input.is_terminal() && !wanted.is_empty() {
        eprintln!("{wanted} (it will be seen; end with Ctrl-D):");
    }
    let mut text = Zeroizing::new(String::new());
    input.read_to_string(&mut text).map_err(|error| Failure::usage(format!("standard input: {error}")))?;
    Ok(text)
}

/// A Client ID and its Client Secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceToken {
    pub client_id: String,
    pub client_secret: Secret,
}

const ID: &str = "CF_ACCESS_CLIENT_ID";
const SECRET: &str = "CF_ACCESS_CLIENT_SECRET";

impl ServiceToken {
    /// What `token create` prints with `--output env`, `dotenv` or `json`.
    pub fn parse(text: &str) -> Outcome<Self> {
        if let Ok(object) = serde_json::from_str::<Value>(text) {
            let member = |name: &str| object.get(name).and_then(Value::as_str);
            return Self::of(member("client_id"), member("client_secret"));
        }
        let value = |name: &str| {
            text.lines().find_map(|line| {
                let line = line.trim();
                let line = line.strip_prefix("export ").unwrap_or(line);
                Some(
                    line.strip_prefix(name)?.trim_start().strip_prefix('=')?.trim().trim_matches(['"', '\'']),
                )
            })
        };
        Self::of(value(ID), value(SECRET))
    }

    fn of(client_id: Option<&str>, client_secret: Option<&str>) -> Outcome<Self> {
        match (client_id, client_secret) {
            (Some(client_id), Some(client_secret)) if !client_id.is_empty() && !client_secret.is_empty() => {
                Ok(Self { client_id: client_id.to_owned(), client_secret: Secret::new(client_secret) })
            }
            _ => Err(Failure::usage(format!(
                "a service token is {ID}=… and {SECRET}=…, or JSON with both members"
            ))),
        }
    }

    /// From the variables, or files that they name.
    pub fn from_environment(environment: impl Fn(&str) -> Option<String>) -> Outcome<Option<Self>> {
        let Some(client_id) = environment(ID) else { return Ok(None) };
        let client_secret = match (environment(SECRET), environment("CF_ACCESS_CLIENT_SECRET_FILE")) {
            (Some(secret), _) => Secret::read(&secret, SECRET)?,
            (None, Some(file)) => Secret::from_file(Path::new(&file))?,
            (None, None) => {
                return Err(Failure::usage(format!("{ID} is set, and neither {SECRET} nor {SECRET}_FILE")));
            }
        };
        Ok(Some(Self { client_id, client_secret }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_token_is_read_as_it_was_printed() {
        for text in [
            "export CF_ACCESS_CLIENT_ID='a.access'\nexport CF_ACCESS_CLIENT_SECRET='s'\n",
            "# a comment\nCF_ACCESS_CLIENT_SECRET=s\nCF_ACCESS_CLIENT_ID=\"a.access\"",
            r#"{"id": "1", "client_id": "a.access", "client_secret": "s"}"#,
        ] {
            let token = ServiceToken::parse(text).unwrap();
            assert_eq!((token.client_id.as_str(), token.client_secret.expose()), ("a.access", "s"), "{text}");
            assert!(!format!("{token:?}").contains("\"s\""));
        }
        for wrong in ["", "{}", "CF_ACCESS_CLIENT_ID=a", "CF_ACCESS_CLIENT_ID_X=a\nCF_ACCESS_CLIENT_SECRET=s"]
        {
            assert!(ServiceToken::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_secret_is_one_word() {
        assert_eq!(Secret::read(" word\n", "x").unwrap().expose(), "word");
        for wrong in ["", " \n", "two words", "a\x1bb"] {
            assert!(Secret::read(wrong, "x").is_err());
        }
    }
}

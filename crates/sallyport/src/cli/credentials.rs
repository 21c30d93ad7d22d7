//! How a new secret is handed over.

use super::exit::{Failure, Outcome};
use super::output;
use clap::ValueEnum;
use serde_json::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// The API's own object.
    Json,
    /// For `eval` and `source`: export lines.
    Env,
    /// For tools that read .env files.
    Dotenv,
    /// A manifest for `kubectl apply`.
    K8sSecret,
}

pub fn show(format: Format, token: &Value) -> Outcome {
    output::emit(&render(format, token)?)
}

fn render(format: Format, token: &Value) -> Outcome<String> {
    let member = |name: &str| {
        let value = token.get(name).and_then(Value::as_str);
        // It goes into shells and manifests: what is not plain is not quoted but refused.
        let is_plain = |it: &&str| {
            !it.is_empty() && it.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        value.filter(is_plain).ok_or_else(|| Failure::failed(format!("the API answered without a {name}")))
    };
    let (id, secret) = (member("client_id")?, member("client_secret")?);
    Ok(match format {
        Format::Text => format!("\nCF-Access-Client-Id: {id}\nCF-Access-Client-Secret: {secret}\n"),
        Format::Json => format!("{token}\n"),
        Format::Env => {
            format!("export CF_ACCESS_CLIENT_ID='{id}'\nexport CF_ACCESS_CLIENT_SECRET='{secret}'\n")
        }
        Format::Dotenv => format!("CF_ACCESS_CLIENT_ID={id}\nCF_ACCESS_CLIENT_SECRET={secret}\n"),
        Format::K8sSecret => {
            let name = resource_name(token.get("name").and_then(Value::as_str).unwrap_or_default());
            format!(
                "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}\ntype: Opaque\nstringData:\n  \
                 CF_ACCESS_CLIENT_ID: \"{id}\"\n  CF_ACCESS_CLIENT_SECRET: \"{secret}\"\n"
            )
        }
    })
}

/// What Kubernetes takes as a name: at most 63 small letters, digits and inner dashes.
fn resource_name(name: &str) -> String {
    let letter = |it: char| if it.is_ascii_alphanumeric() { it.to_ascii_lowercase() } else { '-' };
    let name: String = name.chars().map(letter).take(63).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "service-token".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::secret::ServiceToken;
    use serde_json::json;

    fn token() -> Value {
        json!({"name": "Deploy Bot!", "client_id": "0a.access", "client_secret": "spst_x1"})
    }

    #[test]
    fn what_is_printed_can_be_read_back() {
        for format in [Format::Env, Format::Dotenv, Format::Json] {
            let printed = render(format, &token()).unwrap();
            let read = ServiceToken::parse(&printed).unwrap();
            assert_eq!(
                (read.client_id.as_str(), read.client_secret.expose()),
                ("0a.access", "spst_x1"),
                "{printed}"
            );
        }
    }

    #[test]
    fn a_manifest_has_a_name_that_kubernetes_takes() {
        let printed = render(Format::K8sSecret, &token()).unwrap();
        assert!(
            printed.contains("\n  name: deploy-bot\n") && printed.contains("SECRET: \"spst_x1\"\n"),
            "{printed}"
        );
        assert_eq!(resource_name("++"), "service-token");
        assert_eq!(resource_name(&"x".repeat(80)).len(), 63);
    }

    #[test]
    fn nothing_gets_out_of_its_quotes() {
        for evil in ["a'; rm -rf ~; '", "a\nb", "", "$(x)"] {
            let token = json!({"name": "n", "client_id": evil, "client_secret": "s"});
            for format in [Format::Env, Format::Dotenv, Format::K8sSecret, Format::Text] {
                assert!(render(format, &token).is_err(), "{evil}");
            }
        }
    }
}

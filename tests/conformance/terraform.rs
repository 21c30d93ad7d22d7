//! The official Terraform provider: what it says to the API, replayed; and itself, where it is at hand.
//!
//! `terraform/calls.json` holds the calls of provider 5.22 for `terraform/everything.tf`, in their order: apply, plan, apply what
//! has changed, plan, destroy; each with the answer from which it concluded that nothing differs. `*` stands for a value of its
//! own time, `{7}` for an id: the same wherever it stands.

use crate::in_a_world;
use harness::upstream::Upstream;
use harness::{World, client};
use http::Method;
use serde_json::{Map, Value};
use std::collections::HashMap;
use tokio::process::Command;

const CALLS: &str = include_str!("terraform/calls.json");
const EVERYTHING: &str = "tests/conformance/terraform/everything.tf";

/// What the placeholders stand for.
struct Names(HashMap<String, String>);

impl Names {
    async fn of(world: &World, hook: &Upstream) -> Self {
        let domain = world.issuer().trim_start_matches("http://").to_owned();
        let authority = client::python("authority.py", &[]).await;
        let known = [
            ("account", world.rest.account_id.clone()),
            ("auth_domain", domain),
            ("authority", authority),
            ("hook", format!("{}/", hook.url())),
        ];
        Self(known.map(|(name, value)| (name.to_owned(), value)).into())
    }

    fn filled(&self, text: &str) -> String {
        let fill =
            |text: String, (name, value): (&String, &String)| text.replace(&format!("{{{name}}}"), value);
        self.0.iter().fold(text.to_owned(), fill)
    }

    fn filled_in(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.filled(text).into(),
            Value::Array(items) => items.iter().map(|item| self.filled_in(item)).collect(),
            Value::Object(members) => {
                let member = |(name, value): (&String, &Value)| (name.clone(), self.filled_in(value));
                members.iter().map(member).collect::<Map<_, _>>().into()
            }
            other => other.clone(),
        }
    }

    /// Every difference; an id that is met for the first time is learned.
    fn differences(&mut self, at: &str, expected: &Value, found: &Value) -> Vec<String> {
        match (expected, found) {
            (Value::String(any), found) if any == "*" && !found.is_null() => Vec::new(),
            (Value::String(expected), Value::String(found)) if self.is_new(expected) => {
                self.0.insert(expected.trim_matches(['{', '}']).to_owned(), found.clone());
                Vec::new()
            }
            (Value::String(expected), Value::String(found)) if self.filled(expected) == *found => Vec::new(),
            (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
                let pairs = expected.iter().zip(found).enumerate();
                pairs.flat_map(|(index, (a, b))| self.differences(&format!("{at}/{index}"), a, b)).collect()
            }
            (Value::Object(expected), Value::Object(found)) => {
                let mut names: Vec<&String> = expected.keys().chain(found.keys()).collect();
                names.sort();
                names.dedup();
                let member = |of: &Map<String, Value>, name: &str| of.get(name).cloned().unwrap_or_default();
                let mut all = Vec::new();
                for name in names {
                    let (at, a, b) = (format!("{at}/{name}"), member(expected, name), member(found, name));
                    all.extend(self.differences(&at, &a, &b));
                }
                all
            }
            (expected, found) if expected == found => Vec::new(),
            (expected, found) => vec![format!("{at}: {found}, not {expected}")],
        }
    }

    fn is_new(&self, text: &str) -> bool {
        let name = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
        name.is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()) && !self.0.contains_key(name))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_provider_reads_is_what_it_wrote() {
    let hook = Upstream::start().await;
    in_a_world(Some(Upstream::start().await), &[], async |world| {
        let mut names = Names::of(world, &hook).await;
        let calls: Vec<Value> = serde_json::from_str(CALLS).unwrap();
        for call in &calls {
            let line = call["call"].as_str().unwrap();
            let (method, path) = line.split_once(' ').unwrap();
            let path = format!("/client/v4{}", names.filled(path));
            let request =
                world.rest.client.call(world.rest.address, method.parse::<Method>().unwrap(), &path);
            let request = request.header("authorization", &format!("Bearer {}", world.rest.api_token));
            let body = call.get("body").map(|body| names.filled_in(body));
            let reply = body.iter().fold(request, harness::http::Call::json).send().await;
            let status = u16::try_from(call["status"].as_u64().unwrap()).unwrap();
            assert_eq!(reply.status, status, "{line}: {reply:?}");
            let envelope = reply.json();
            world.secrets.note_all(&envelope);
            let differences = names.differences("", &call["result"], &envelope["result"]);
            assert_eq!(differences, Vec::<String>::new(), "{line}");
        }
        println!("{} calls of the Terraform provider, no difference", calls.len());
    })
    .await;
}

/// With `TERRAFORM_PROVIDER`: the provider's program. Terraform itself is on the path.
#[tokio::test(flavor = "multi_thread")]
async fn the_provider_itself_has_nothing_to_change_in_a_second_plan() {
    let Some(provider) = std::env::var_os("TERRAFORM_PROVIDER") else {
        println!("TERRAFORM_PROVIDER is not set: its calls are replayed, it does not run");
        return;
    };
    let (hook, folder) = (Upstream::start().await, tempfile::tempdir().unwrap());
    std::os::unix::fs::symlink(provider, folder.path().join("terraform-provider-cloudflare")).unwrap();
    let root = folder.path().display();
    let overrides = format!(
        "provider_installation {{\n  dev_overrides {{ \"cloudflare/cloudflare\" = \"{root}\" }}\n}}\n"
    );
    std::fs::write(folder.path().join("terraform.rc"), overrides).unwrap();
    std::fs::copy(harness::root().join(EVERYTHING), folder.path().join("everything.tf")).unwrap();
    in_a_world(Some(Upstream::start().await), &[], async |world| {
        let names = Names::of(world, &hook).await;
        let terraform = async |arguments: &[&str], changed: bool| {
            let mut command = Command::new("terraform");
            command.args(arguments).arg("-no-color").current_dir(folder.path());
            command
                .env("TF_CLI_CONFIG_FILE", folder.path().join("terraform.rc"))
                .env("CHECKPOINT_DISABLE", "1");
            command.env("CLOUDFLARE_BASE_URL", format!("http://{}/client/v4", world.rest.address));
            command.env("CLOUDFLARE_API_TOKEN", &world.rest.api_token);
            for (variable, name) in [
                ("TF_VAR_account_id", "account"),
                ("TF_VAR_auth_domain", "auth_domain"),
                ("TF_VAR_authority", "authority"),
                ("TF_VAR_hook", "hook"),
            ] {
                command.env(variable, &names.0[name]);
            }
            client::run("terraform", {
                command.env("TF_VAR_changed", changed.to_string());
                command
            })
            .await
        };
        for changed in [false, true] {
            terraform(&["apply", "-auto-approve"], changed).await;
            // Anything to do is exit code 2.
            terraform(&["plan", "-detailed-exitcode"], changed).await;
        }
        terraform(&["destroy", "-auto-approve"], true).await;
    })
    .await;
}

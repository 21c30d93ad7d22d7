//! `sallyport api-token`: what the management API is called with.

use super::app::deleted_one;
use super::client::{Answer, Client, Root, body};
use super::exit::{Failure, Outcome};
use super::lookup::{self, API_TOKEN, confirm};
use super::output::{Column, Out, emit, text, time};
use super::target::Common;
use super::token::{Sure, end_of};
use clap::{Args, Subcommand};
use model::{Clock as _, SystemClock};
use reqwest::Method;
use serde_json::{Value, json};

#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Make an API token. Its value is shown now, and never again.
    #[command(
        after_help = "Example:\n  $ sallyport api-token create auditor --permission audit-logs-read --expires-in 720h > api-token.txt"
    )]
    Create {
        /// What to call it.
        name: String,
        /// What it may do: a permission's name, or a part of it that fits one alone. May be given several times.
        #[arg(long, required = true)]
        permission: Vec<String>,
        /// How long it is good: a Go duration [default: until it is revoked].
        #[arg(long, value_name = "DURATION")]
        expires_in: Option<String>,
    },
    /// All of them. Those of the service's configuration are not among them.
    #[command(after_help = "Example:\n  $ sallyport api-token list")]
    List,
    /// One of them.
    #[command(after_help = "Example:\n  $ sallyport api-token show auditor")]
    Show(Which),
    /// Refuse it until it is enabled again.
    #[command(after_help = "Example:\n  $ sallyport api-token disable auditor --yes")]
    Disable {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        sure: Sure,
    },
    /// Accept it again.
    #[command(after_help = "Example:\n  $ sallyport api-token enable auditor")]
    Enable(Which),
    /// Give it a new value, which is shown now and never again. The old one ends at once.
    #[command(after_help = "Example:\n  $ sallyport api-token roll auditor --yes > api-token.txt")]
    Roll {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        sure: Sure,
    },
    /// End it for ever.
    #[command(after_help = "Example:\n  $ sallyport api-token revoke auditor --yes")]
    Revoke {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        sure: Sure,
    },
}

#[derive(Args, Debug)]
struct Which {
    /// Its name or id.
    token: String,
}

const LIST: [Column; 6] = [
    text("NAME", "/name"),
    text("ID", "/id"),
    text("STATUS", "/status"),
    text("PERMISSIONS", "/policies/0/permission_groups"),
    time("EXPIRES", "/expires_on"),
    time("LAST USED", "/last_used_on"),
];
const OBJECT: [Column; 8] = [
    text("NAME", "/name"),
    text("ID", "/id"),
    text("STATUS", "/status"),
    text("PERMISSIONS", "/policies/0/permission_groups"),
    time("EXPIRES", "/expires_on"),
    time("LAST USED", "/last_used_on"),
    time("ISSUED", "/issued_on"),
    time("MODIFIED", "/modified_on"),
];

pub async fn run(Options { common, verb }: Options) -> Outcome {
    let out = Out::new(common.json);
    let client = Client::new(&common, out)?;
    match verb {
        Verb::Create { name, permission, expires_in } => {
            let ends = expires_in.as_deref();
            let ends = ends.map(|it| end_of("--expires-in", it, SystemClock.now())).transpose()?;
            let known = client.list(&["tokens", "permission_groups"], &[]).await?;
            let groups = permission.iter().map(|it| group(it, &known)).collect::<Outcome<Vec<_>>>()?;
            let resource = format!("com.cloudflare.api.account.{}", client.target.account);
            let policies =
                json!([{"effect": "allow", "resources": {resource: "*"}, "permission_groups": groups}]);
            let body = body([
                ("name", Some(json!(name))),
                ("policies", Some(policies)),
                ("expires_on", ends.map(|it| json!(it.to_string()))),
            ]);
            let created = client.post(API_TOKEN.path, &body).await?.result;
            show_value(out, created.get("value"), &created)
        }
        Verb::List => out.list(&client.list(API_TOKEN.path, &[]).await?, &LIST),
        Verb::Show(which) => out.object(&find(&client, &which).await?, &OBJECT),
        Verb::Disable { which, sure } => {
            let token = find(&client, &which).await?;
            confirm(sure.yes, "disable", lookup::name(&token))?;
            set_status(&client, &token, "disabled").await
        }
        Verb::Enable(which) => set_status(&client, &find(&client, &which).await?, "active").await,
        Verb::Roll { which, sure } => {
            let token = find(&client, &which).await?;
            confirm(sure.yes, "end the value of", lookup::name(&token))?;
            let rolled = call(&client, Method::PUT, &token, Some("value"), Some(&json!({}))).await?.result;
            show_value(out, Some(&rolled), &json!({"id": lookup::id(&token), "value": rolled}))
        }
        Verb::Revoke { which, sure } => {
            let token = find(&client, &which).await?;
            confirm(sure.yes, "revoke", lookup::name(&token))?;
            let revoked = call(&client, Method::DELETE, &token, None, None).await?;
            deleted_one(&client, &revoked.result)
        }
    }
}

async fn find(client: &Client, Which { token }: &Which) -> Outcome<Value> {
    lookup::find(client, &API_TOKEN, token).await
}

async fn set_status(client: &Client, token: &Value, status: &str) -> Outcome {
    let changed = call(client, Method::PUT, token, None, Some(&json!({"status": status}))).await?;
    client.out.object(&changed.result, &OBJECT)
}

/// These are asked of the registry on every call: there is no propagation to wait for.
async fn call(
    client: &Client,
    method: Method,
    token: &Value,
    verb: Option<&str>,
    body: Option<&Value>,
) -> Outcome<Answer> {
    let path: Vec<&str> = API_TOKEN.path.iter().copied().chain([lookup::id(token)]).chain(verb).collect();
    client.call(Root::Contract, method, &path, &[], body).await
}

/// The value alone, so that it can go straight into a file; or `object`, which has it.
fn show_value(out: Out, value: Option<&Value>, object: &Value) -> Outcome {
    let value = value.and_then(Value::as_str);
    let value = value.ok_or_else(|| Failure::failed("the API answered without a value"))?;
    emit(&if out.is_json { format!("{object}\n") } else { format!("{value}\n") })?;
    out.note("The value is not shown again.");
    Ok(())
}

/// By its name, or by words of it that no other has: `service-tokens-read`.
fn group(wanted: &str, known: &[Value]) -> Outcome<Value> {
    let found: Vec<&Value> = known.iter().filter(|it| plain(lookup::name(it)) == plain(wanted)).collect();
    let found = if found.is_empty() {
        // Whole words: `read` is none of `thread`.
        let words = format!("-{}-", plain(wanted));
        known.iter().filter(|it| format!("-{}-", plain(lookup::name(it))).contains(&words)).collect()
    } else {
        found
    };
    if let [one] = found.as_slice() {
        return Ok(json!({"id": lookup::id(one)}));
    }
    let names: Vec<&str> = known.iter().map(lookup::name).collect();
    Err(Failure::usage(format!("{wanted} is not one permission of: {}", names.join(", "))))
}

/// `Access: Service Tokens Read` as `access-service-tokens-read`.
fn plain(text: &str) -> String {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_is_named_shortly_and_never_guessed() {
        let of = |id: &str, name: &str| json!({"id": id, "name": name});
        let known = [
            of("1", "Access: Service Tokens Read"),
            of("2", "Access: Service Tokens Write"),
            of("3", "Account admin"),
            of("4", "Notifications Read"),
        ];
        for (wanted, id) in [
            ("service-tokens-read", "1"),
            ("Access: Service Tokens Write", "2"),
            ("Account admin", "3"),
            ("admin", "3"),
            ("notifications read", "4"),
        ] {
            assert_eq!(group(wanted, &known).unwrap(), json!({"id": id}), "{wanted}");
        }
        for wrong in ["service-tokens", "nothing", "access", "read", "adm", "", ":"] {
            let failure = group(wrong, &known).unwrap_err();
            assert!(failure.message.ends_with("Account admin, Notifications Read"), "{failure:?}");
        }
    }

    #[test]
    fn a_token_is_shown_with_its_permissions_and_without_its_value() {
        let token = json!({"id": "1", "name": "auditor", "status": "active", "value": "spat_x",
            "policies": [{"permission_groups": [{"id": "a", "name": "Notifications Read"}, {"id": "b", "name": "Account admin"}]}]});
        let shown = Out::new(false).render_list(&[token], &LIST);
        assert!(shown.contains("Notifications Read, Account admin  -"), "{shown}");
        assert!(!shown.contains("spat_"));
    }
}

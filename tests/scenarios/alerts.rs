//! Item 10: a week before a token expires, one message per token and recipient. Across restarts: [`crate::operator`].

use crate::worlds::{Scenario, scenarios};
use harness::upstream::{Seen, Upstream};
use harness::{Token, World, until};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

pub fn all() -> Vec<Scenario> {
    scenarios![Shared:
        every_recipient_gets_one_mail_per_expiring_token,
        a_webhook_is_called_once_with_its_secret,
        a_refreshed_token_is_nobodys_concern,
        a_disabled_alert_policy_says_nothing,
    ]
}

/// Several times as long as the notifier's pause.
pub const SOON: Duration = Duration::from_mins(1);

/// The mails to an address, whole.
pub fn mails_to(world: &World, address: &str) -> Vec<String> {
    let folder = Path::new(world.text("outbox"));
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mails = files.filter(|path| path.extension().is_some_and(|it| it == "eml"));
    let to = format!("To: {address}");
    mails
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .filter(|mail| mail.lines().any(|line| line == to))
        .collect()
}

/// Waits for the first, and returns what is there then.
pub async fn mail_comes_to(world: &World, address: &str) -> Vec<String> {
    until(&format!("a mail to {address}"), SOON, || async {
        let mails = mails_to(world, address);
        (!mails.is_empty()).then_some(mails)
    })
    .await
}

pub async fn watch(world: &World, tokens: &[&Token], mechanisms: &Value) -> Value {
    watch_if(world, tokens, mechanisms, true).await
}

async fn watch_if(world: &World, tokens: &[&Token], mechanisms: &Value, enabled: bool) -> Value {
    let ids: Vec<&str> = tokens.iter().map(|token| token.id.as_str()).collect();
    let body = json!({
        "name": world.unique(), "alert_type": "expiring_service_token_alert", "enabled": enabled,
        "mechanisms": mechanisms, "filters": {"token_id": ids},
    });
    let reply = world.rest.post("alerting/v3/policies", &body).await;
    let id = reply.result(reply.status)["id"].as_str().unwrap().to_owned();
    let shown = world.rest.get(&format!("alerting/v3/policies/{id}")).await.result(200);
    assert_eq!((&shown["name"], &shown["mechanisms"]), (&body["name"], mechanisms));
    shown
}

fn to(address: &str) -> Value {
    json!({"email": [{"id": address}]})
}

/// When this returns, every notifier has looked for expiring tokens at least once since the call.
async fn another_scan(world: &World) {
    for _ in 0..2 {
        let (probe, address) =
            (world.token_with(json!({"duration": "24h"})).await, format!("{}@example.test", world.unique()));
        watch(world, &[&probe], &to(&address)).await;
        mail_comes_to(world, &address).await;
    }
}

async fn every_recipient_gets_one_mail_per_expiring_token(world: &World) {
    let tokens = [
        world.token_with(json!({"duration": "167h"})).await,
        world.token_with(json!({"duration": "2h"})).await,
    ];
    let later = world.token_with(json!({"duration": "170h"})).await;
    let addresses = [format!("{}@example.test", world.unique()), format!("{}@example.test", world.unique())];
    let both = json!({"email": [{"id": addresses[0]}, {"id": addresses[1]}]});
    let policy = watch(world, &[&tokens[0], &tokens[1], &later], &both).await;
    for address in &addresses {
        until("both mails", SOON, || async { (mails_to(world, address).len() >= 2).then_some(()) }).await;
    }
    another_scan(world).await;
    for address in &addresses {
        let mails = mails_to(world, address);
        assert_eq!(mails.len(), 2, "{mails:?}");
        for token in &tokens {
            assert_eq!(mails.iter().filter(|mail| mail.contains(&token.name)).count(), 1, "{mails:?}");
        }
        assert!(mails.iter().all(|mail| !mail.contains(&later.name) && !mail.contains("spst_")));
    }
    let history = world.rest.get("alerting/v3/history").await.result(200);
    let ours: Vec<&Value> =
        history.as_array().unwrap().iter().filter(|it| it["policy_id"] == policy["id"]).collect();
    assert_eq!(ours.len(), 4, "{ours:?}");
    assert!(
        ours.iter()
            .all(|it| it["mechanism_type"] == json!("email") && it["alert_type"] == policy["alert_type"])
    );
}

async fn a_webhook_is_called_once_with_its_secret(world: &World) {
    let (receiver, secret) = (Upstream::start().await, format!("{}-webhook-secret", world.unique()));
    world.secrets.note(&secret);
    let body = json!({"name": world.unique(), "url": format!("{}/hook", receiver.url()), "secret": secret});
    let id = world.rest.post("alerting/v3/destinations/webhooks", &body).await.result(201)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("alerting/v3/destinations/webhooks/{id}");
    let shown = world.rest.get(&path).await.result(200);
    assert!(shown["type"] == json!("generic") && shown.get("secret").is_none(), "{shown}");
    let test = receiver.all();
    assert_eq!(test.len(), 1, "a test message on creation: {test:?}");
    assert_eq!(test[0].header("cf-webhook-auth"), Some(secret.as_str()));

    let token = world.token_with(json!({"duration": "50h"})).await;
    let policy = watch(world, &[&token], &json!({"webhooks": [{"id": id}]})).await;
    let calls = || receiver.all().into_iter().skip(1).collect::<Vec<Seen>>();
    until("the webhook is called", SOON, || async { (!calls().is_empty()).then_some(()) }).await;
    another_scan(world).await;
    let calls = calls();
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert_eq!((calls[0].method.as_str(), calls[0].target.as_str()), ("POST", "/hook"));
    assert_eq!(calls[0].header("cf-webhook-auth"), Some(secret.as_str()));
    let sent: Value = serde_json::from_str(&calls[0].body).unwrap();
    assert_eq!((&sent["alert_type"], &sent["policy_id"]), (&policy["alert_type"], &policy["id"]));
    assert_eq!((&sent["policy_name"], &sent["account_id"]), (&policy["name"], &json!(world.rest.account_id)));
    assert!(
        sent["text"].is_string()
            && sent["ts"].is_i64()
            && sent["data"].to_string().contains(&token.client_id),
        "{sent}"
    );
    assert!(world.rest.get(&path).await.result(200)["last_success"].is_string());
    world.rest.delete(&path).await.failure(409);
}

async fn a_refreshed_token_is_nobodys_concern(world: &World) {
    let token = world.token_with(json!({"duration": "24h"})).await;
    world.rest.command(&format!("{}/refresh", token.path())).await.result(200);
    let (known, address) =
        (world.token_with(json!({"duration": "24h"})).await, format!("{}@example.test", world.unique()));
    watch(world, &[&token, &known], &to(&address)).await;
    mail_comes_to(world, &address).await;
    // Also the one that was told of: nothing more is said about it.
    world.rest.command(&format!("{}/refresh", known.path())).await.result(200);
    another_scan(world).await;
    let mails = mails_to(world, &address);
    assert!(mails.len() == 1 && mails[0].contains(&known.name), "{mails:?}");
}

async fn a_disabled_alert_policy_says_nothing(world: &World) {
    let (token, address) =
        (world.token_with(json!({"duration": "24h"})).await, format!("{}@example.test", world.unique()));
    let policy = watch_if(world, &[&token], &to(&address), false).await;
    another_scan(world).await;
    assert_eq!(mails_to(world, &address), Vec::<String>::new());
    let path = format!("alerting/v3/policies/{}", policy["id"].as_str().unwrap());
    world.rest.put(&path, &json!({"enabled": true})).await.result(200);
    mail_comes_to(world, &address).await;
    world.rest.delete(&path).await.result(200);
    world.rest.get(&path).await.failure(404);
}

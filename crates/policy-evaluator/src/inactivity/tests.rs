use super::*;
use crate::store::{Write, Writes as _};
use model::{AccountId, SystemClock};
use prost::Message as _;
use std::sync::Arc;
use token_registry::pepper::Peppers;

fn organization(account: &str, settings: &str) -> Organization {
    Organization {
        account_id: account.into(),
        auth_domain: "team.example.com".into(),
        settings_json: settings.into(),
        ..Organization::default()
    }
}

#[test]
fn only_what_is_on_and_complete_is_said() {
    let said =
        |settings: &str| request(&organization("a", settings)).map(|it| (it.threshold_days, it.action()));
    let on = r#"{"service_token_inactivity":{"enabled":true,"inactivity_threshold_days":90,"action":"delete"},"x":1}"#;
    assert_eq!(said(on), Some((90, InactivityAction::Delete)));
    assert_eq!(said(&on.replace("delete", "disable")), Some((90, InactivityAction::Disable)));
    assert_eq!(said(&on.replace("90", "90.0")), Some((90, InactivityAction::Delete)));
    for silent in [
        &on.replace("90", "90.5"),
        "",
        "{}",
        r#"{"service_token_inactivity":null}"#,
        &on.replace("true", "false"),
        &on.replace("delete", "keep"),
        &on.replace("90", "-1"),
        &on.replace("\"enabled\":true,", ""),
    ] {
        assert_eq!(said(silent), None, "{silent}");
    }
}

/// The registry hears of each account whose setting is on, in the name of this service.
#[tokio::test]
async fn the_registry_is_told_of_each_account_that_wants_it() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Arc::new(SystemClock));
    let open = async |name: &str| {
        let url = format!("sqlite:{}", directory.path().join(name).display());
        Database::connect(&url, 4).await.unwrap()
    };
    let tokens = open("tokens.db").await;
    let deps = token_registry::Deps {
        database: tokens.clone(),
        cache: cache::connect("memory:", clock.clone()).await.unwrap(),
        bus: bus::connect("memory:").await.unwrap(),
        clock: clock.clone(),
        peppers: Peppers::new(&[7; 32], None),
        name: "token-registry".into(),
    };
    let routes = token_registry::build(deps).await.unwrap().routes;
    let channel = GrpcChannel::local(routes, token_registry::default_callers(), "policy-evaluator");
    let database = open("evaluator.db").await;
    database.migrate(&database::migrations::POLICY_EVALUATOR).await.unwrap();
    let on =
        r#"{"service_token_inactivity":{"enabled":true,"inactivity_threshold_days":30,"action":"disable"}}"#;
    let accounts = [on, "{}", on].map(|settings| (AccountId::random().to_string(), settings));
    for (account, settings) in &accounts {
        let spec = organization(account, settings).encode_to_vec();
        let team_host = format!("{account}.example.com");
        let write = Write::PutOrganization { account: account.clone(), team_host, spec, at_ms: 1 };
        database::with!(&database, |pool| {
            pool.acquire().await.unwrap().write(&write).await.unwrap();
        });
    }
    let inactivity = Inactivity::new(database, TokenRegistryClient::new(channel));
    inactivity.state().await.unwrap();
    inactivity.state().await.unwrap();
    let mut told: Vec<String> = database::with!(&tokens, |pool| {
        database::sqlx::query_scalar("SELECT account_id FROM inactivity_rules").fetch_all(pool).await.unwrap()
    });
    told.sort();
    let mut wanted = [accounts[0].0.clone(), accounts[2].0.clone()];
    wanted.sort();
    assert_eq!(told, wanted);
}

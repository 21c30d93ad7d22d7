//! Unused tokens end when the organization says so. Their age is written into the database: nobody waits for a month.

use crate::alerts::{mails_to, watch};
use crate::worlds::{Run, Scenario};
use database::Database;
use database::sqlx::{self, AssertSqlSafe};
use harness::process::Signal;
use harness::upstream::Upstream;
use harness::{Place, Token, Topology, World, wait};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

const HOUR: i64 = 3_600_000;

pub fn all() -> Vec<Scenario> {
    vec![Scenario {
        name: "unused_tokens_are_disabled_once_the_organization_has_said_so_for_a_day",
        run: Run::Alone(|topology| Box::pin(unused_tokens_are_disabled(topology))),
    }]
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The registry's own.
async fn registry_database(world: &World) -> Database {
    let url = match world.topology {
        Topology::OneProcess => {
            let is_it = |path: &PathBuf| path.ends_with("token-registry.sqlite");
            format!("sqlite:{}", files(&world.data_dir).into_iter().find(is_it).unwrap().display())
        }
        Topology::Distributed => {
            let of_registry = |path: &PathBuf| {
                path.file_name().is_some_and(|it| it.to_string_lossy().starts_with("token-registry"))
                    && path.extension().is_some_and(|it| it == "toml")
            };
            let config = files(&world.data_dir).into_iter().find(of_registry).unwrap();
            let text = std::fs::read_to_string(config).unwrap();
            let line = text.lines().find(|line| line.starts_with("database")).unwrap();
            line.split('"').nth(1).unwrap().to_owned()
        }
    };
    Database::connect(&url, 1).await.unwrap()
}

async fn run(database: &Database, statement: String) -> u64 {
    database::with!(database, |pool| {
        sqlx::query(AssertSqlSafe(statement)).execute(pool).await.unwrap().rows_affected()
    })
}

async fn unused_tokens_are_disabled(topology: Topology) {
    let place = Place::new(topology);
    let mut world = place.start(Some(Upstream::start().await), &[]).await.unwrap();
    let api_token = world.rest.api_token.clone();
    let (app, named) = world.opened().await;
    let (unused, young, soon) = (world.token().await, world.token().await, world.token().await);
    let address = format!("{}@example.test", world.unique());
    let policy = watch(&world, &[&unused, &young, &named, &soon], &json!({"email": [{"id": address}]})).await;
    let wanted = json!({"enabled": true, "inactivity_threshold_days": 30, "action": "disable"});
    let reply = world.rest.patch("access/organizations", &json!({"service_token_inactivity": wanted})).await;
    assert_eq!(reply.json()["messages"], json!([]), "it is acted on");
    assert_eq!(reply.result(200)["service_token_inactivity"], wanted);

    let database = registry_database(&world).await;
    let now = wait::now().as_millis();
    let account = world.rest.account_id.clone();
    for (token, days) in [(&unused, 40), (&named, 40), (&soon, 25)] {
        let old = now - days * 24 * HOUR;
        let statement = format!(
            "UPDATE tokens SET created_at_ms = {old}, updated_at_ms = {old} WHERE id = '{}'",
            token.id
        );
        assert_eq!(run(&database, statement).await, 1);
    }
    let rule = format!(
        "INSERT INTO inactivity_rules (account_id, threshold_days, action, since_ms, stated_at_ms, acted_at_ms)
         VALUES ('{account}', 30, 'disable', {}, {}, 0)
         ON CONFLICT (account_id) DO UPDATE SET since_ms = excluded.since_ms, stated_at_ms = excluded.stated_at_ms",
        now - 25 * HOUR,
        now - HOUR / 4
    );
    run(&database, rule).await;
    database.close().await;
    assert_eq!(world.stop(Signal::INT).await, Vec::<String>::new());
    drop(world);

    let mut world = place.start(Some(Upstream::start().await), &[]).await.unwrap();
    let enabled = async |path: String| world.rest.get(&path).await.result(200)["enabled"] == true;
    wait::until("the unused token is disabled", Duration::from_mins(1), async || {
        (!enabled(unused.path()).await).then_some(())
    })
    .await;
    assert!(enabled(named.path()).await && enabled(young.path()).await);
    for gateway in &world.gateways {
        assert_eq!(gateway.get(&app.domain).pair(&named).send().await.status, 200);
        assert_eq!(gateway.get(&app.domain).pair(&unused).send().await.refused(401), "TOKEN_DISABLED");
    }
    // Whoever asked to be told of these tokens is told once that one has ended, and once that another will.
    let mail_of = |token: &Token, words: &str| {
        let mails = mails_to(&world, &address);
        mails.iter().filter(|mail| mail.contains(&token.id) && mail.contains(words)).count()
    };
    wait::until("the end and the warning are told", Duration::from_mins(1), async || {
        (mail_of(&unused, "was disabled") > 0 && mail_of(&soon, "will be disabled") > 0).then_some(())
    })
    .await;
    assert_eq!((mail_of(&unused, "was disabled"), mail_of(&soon, "will be disabled")), (1, 1));
    assert_eq!((mail_of(&named, ""), mail_of(&young, "")), (0, 0));
    let history = world.rest.get("alerting/v3/history").await.result(200);
    let told = history.as_array().unwrap().iter().filter(|it| {
        it["policy_id"] == policy["id"] && it["alert_body"].as_str().unwrap().contains("was disabled")
    });
    assert_eq!(told.count(), 1, "{history}");
    let records = world.rest.get("audit_logs?actor.id=inactivity").await.result(200);
    let records: Vec<&Value> = records.as_array().unwrap().iter().collect();
    assert!(records.len() == 1 && records[0].to_string().contains(&unused.id), "{records:?}");
    assert_eq!(world.stop(Signal::TERM).await, Vec::<String>::new());
    assert_eq!(place.leftovers(&api_token), Vec::<String>::new());
}

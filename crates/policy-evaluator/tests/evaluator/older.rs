//! A database of an older version: its schema, and what it had stored.

use crate::world::World;
use database::Database;
use database::migrations::{CHANGE_FEED, POLICY_EVALUATOR};
use database::sqlx;
use local_servers::{Postgres, Search};
use model::{AccountId, ApplicationId};
use prost::Message as _;
use proto::change_feed::ListEntriesRequest;
use proto::policy_evaluator as wire;
use std::collections::{BTreeMap, BTreeSet};

/// Before `recorded_at_ms`.
const OLDER: i64 = 4;
/// More than are told in one transaction.
const APPLICATIONS: usize = 120;

fn spec(number: usize) -> wire::ApplicationSpec {
    wire::ApplicationSpec {
        settings_json: format!(
            r#"{{"custom_deny_message": "ask {number}", "allow_iframe": true, "enable_binding_cookie": true,
                "cors_headers": {{"allowed_origins": ["https://a.example"]}}}}"#
        ),
        ..crate::words::application(&format!("app-{number}.example.com"))
    }
}

/// Rows as the older version wrote them, and nothing of them in the feed.
async fn store_applications(url: &str) -> BTreeMap<String, usize> {
    let database = Database::connect(url, 2).await.unwrap();
    database.migrate(&CHANGE_FEED).await.unwrap();
    database.migrate(&POLICY_EVALUATOR.up_to(OLDER)).await.unwrap();
    let account = AccountId::random().to_string();
    let mut ids = BTreeMap::new();
    for number in 0..APPLICATIONS {
        let id = ApplicationId::random().to_string();
        database::with!(&database, |pool| {
            let row = sqlx::query(
                "INSERT INTO applications (id, account_id, aud, name, spec, created_at_ms, updated_at_ms)
                 VALUES ($1, $2, $3, $4, $5, $6, $6)",
            );
            let row =
                row.bind(&id).bind(&account).bind(format!("{number:064}")).bind(format!("app {number}"));
            row.bind(spec(number).encode_to_vec()).bind(1_000_i64).execute(pool).await.unwrap();
        });
        ids.insert(id, number);
    }
    database.close().await;
    ids
}

/// What the feed says of each application, in order, once it has said something of all of them.
async fn told(world: &World) -> Vec<wire::ApplicationState> {
    let told = async {
        loop {
            let request = ListEntriesRequest { after: 0, page_size: 0 };
            let entries = world.feed().list_entries(request).await.unwrap().into_inner().entries;
            if entries.len() >= APPLICATIONS {
                let state = |entry: &proto::change_feed::Entry| {
                    wire::ApplicationState::decode(entry.state.as_slice()).unwrap()
                };
                return entries.iter().map(state).collect();
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_mins(1), told).await.unwrap()
}

/// Two evaluators on one database tell each application once, with what its settings say.
async fn judge(worlds: [World; 2], ids: &BTreeMap<String, usize>) {
    for world in &worlds {
        let states = told(world).await;
        assert_eq!(states.len(), APPLICATIONS, "each once");
        let mut seen = BTreeSet::new();
        for state in states {
            let settings = state.request_settings.unwrap();
            let id = state.application.unwrap().id;
            assert_eq!(settings.custom_deny_message, format!("ask {}", ids[&id]));
            assert!(settings.allow_iframe && settings.enable_binding_cookie);
            assert_eq!(settings.cors_headers.unwrap().allowed_origins, ["https://a.example"]);
            seen.insert(id);
        }
        assert_eq!(seen.len(), APPLICATIONS);
    }
    for world in worlds {
        world.stop().await;
    }
}

#[tokio::test]
async fn applications_of_an_older_version_are_told_with_their_settings_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("older.db").display());
    let ids = store_applications(&url).await;
    judge([World::on(&url).await, World::on(&url).await], &ids).await;
}

#[tokio::test]
async fn applications_of_an_older_version_are_told_with_their_settings_on_postgresql() {
    let mut server = Postgres::throwaway(&Search::workspace()).await.unwrap();
    let url = server.create_database("older", "older", None).await.unwrap();
    let ids = store_applications(&url).await;
    judge([World::on(&url).await, World::on(&url).await], &ids).await;
    server.server.stop().await.unwrap();
}

//! A replica's start with many entries: loaded page by page over gRPC, from either database, beside one `SELECT`.

pub mod starting;

use crate::owner::{Owner, Site, deleted};
use crate::report::{Figure, Figures, grouped};
use crate::series::{median, now};
use anyhow::{Context as _, Result, ensure};
use database::{Database, failed, sqlx};
use model::TokenId;
use prost::Message as _;
use starting::Started;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// How often it is started on each database, in turn with the floor; the median counts.
const STARTS: usize = 3;
const PATIENCE: Duration = Duration::from_mins(3);

pub fn measure(entries: u32) -> Result<Figures> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        eprintln!("snapshot: starting PostgreSQL …");
        let site = Site::open().await?;
        let sqlite = format!("sqlite:{}", site.folder.path().join("snapshot.sqlite").display());
        let mut rows = Vec::new();
        for (name, url) in [("PostgreSQL", site.database("snapshot").await?), ("SQLite", sqlite)] {
            let owner = Owner::open(&url, "memory:", &site.pki).await?;
            eprintln!("snapshot: adding {} entries to {name} …", grouped(f64::from(entries)));
            fill(&owner.database, entries).await?;
            rows.extend(starts(name, &owner, site.folder.path(), entries).await?);
            owner.close().await?;
        }
        site.close().await?;
        let title = format!("Start of a replica, a feed of {} live tokens", grouped(f64::from(entries)));
        Ok(Figures { name: "snapshot", title, rows })
    })
}

async fn starts(name: &str, owner: &Owner, folder: &Path, entries: u32) -> Result<[Figure; 5]> {
    let way = folder.join("way.json");
    std::fs::write(&way, serde_json::to_vec(&owner.way)?)?;
    let (mut floors, mut started) = (Vec::new(), Vec::new());
    for turn in 0..STARTS {
        eprintln!("snapshot: start {} of {STARTS}, {name} …", turn + 1);
        floors.push(read_all(&owner.database, entries).await?.as_secs_f64());
        started.push(start(&way).await?);
    }
    let of = |read: fn(&Started) -> f64| median(&started.iter().map(read).collect::<Vec<_>>());
    let ratios: Vec<f64> =
        floors.iter().zip(&started).map(|(floor, it)| it.seconds / floor.max(1e-9)).collect();
    let entry = |bytes: f64| bytes / f64::from(entries);
    Ok([
        Figure::new(format!("floor  SELECT of all rows, {name}"), "s", median(&floors), ""),
        Figure::new(format!("path   until the first lease, {name}"), "s", of(|it| it.seconds), "under 5"),
        Figure::new(format!("  path / floor, {name}"), "times", median(&ratios), ""),
        Figure::new(format!("  memory of an entry, {name}"), "bytes", entry(of(|it| it.kept)), ""),
        Figure::new(format!("  the same at the most, {name}"), "bytes", entry(of(|it| it.peak)), ""),
    ])
}

/// The whole table at once, in this process.
async fn read_all(database: &Database, entries: u32) -> Result<Duration> {
    let begun = now();
    let rows: Vec<(String, i64, Vec<u8>)> = database::with!(database, |pool| {
        sqlx::query_as("SELECT object, position, state FROM feed_objects")
            .fetch_all(pool)
            .await
            .map_err(failed)?
    });
    let took = now().since(begun);
    ensure!(u32::try_from(rows.len()) == Ok(entries), "{} rows were read", rows.len());
    Ok(took)
}

/// This program again, as one replica.
async fn start(way: &Path) -> Result<Started> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg("--starting-replica")
        .arg(way)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true);
    let output =
        tokio::time::timeout(PATIENCE, command.output()).await.context("a replica did not end")??;
    ensure!(output.status.success(), "a replica failed");
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Objects as the registry writes them, beyond the head, without the entries that led to them: those are compacted.
pub async fn fill(database: &Database, entries: u32) -> Result<()> {
    let insert = database.choose(
        "INSERT INTO feed_objects (object, position, state, keep_until_ms)
         SELECT 'token/' || gen_random_uuid(), n + (SELECT position FROM feed_head), $2, $3
         FROM generate_series(1, $1) n",
        "WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < $1),
         drawn AS MATERIALIZED (SELECT n, lower(hex(randomblob(16))) AS id FROM counted)
         INSERT INTO feed_objects (object, position, state, keep_until_ms)
         SELECT 'token/' || substr(id, 1, 8) || '-' || substr(id, 9, 4) || '-' || substr(id, 13, 4) || '-'
             || substr(id, 17, 4) || '-' || substr(id, 21), n + (SELECT position FROM feed_head), $2, $3
         FROM drawn",
    );
    let state = deleted(TokenId::random());
    database::with!(database, |pool| {
        let filled = sqlx::query(insert).bind(i64::from(entries)).bind(state.encode_to_vec());
        filled.bind(state.expires_at_ms).execute(pool).await.context("filling the feed")?;
        let head = sqlx::query("UPDATE feed_head SET position = position + $1").bind(i64::from(entries));
        head.execute(pool).await?;
        sqlx::query("ANALYZE").execute(pool).await?;
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use change_feed::source::Source as _;
    use change_feed::{Feed, Settings};
    use database::migrations::CHANGE_FEED;
    use model::SystemClock;
    use std::sync::Arc;

    #[tokio::test]
    async fn a_filled_feed_is_one_that_a_replica_can_load() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("feed.sqlite").display());
        let database = Database::connect(&url, 2).await.unwrap();
        database.migrate(&CHANGE_FEED).await.unwrap();
        let bus = bus::connect("memory:").await.unwrap();
        let feed = Feed::open("tests", database.clone(), bus, Arc::new(SystemClock), Settings::default());
        let feed = Arc::new(feed.await.unwrap());
        fill(&database, 3).await.unwrap();
        let page = feed.objects(String::new()).await.unwrap();
        assert_eq!((page.head, page.objects.len(), page.has_more), (3, 3, false));
        let id = |object: &str| object.strip_prefix("token/").unwrap().parse::<TokenId>();
        assert!(page.objects.iter().all(|entry| id(&entry.object).is_ok()));
        read_all(&database, 3).await.unwrap();
    }
}

//! The token registry's file: many tokens at once, and one row read alone.

use anyhow::{Context as _, Result, bail};
use database::migrations::{CHANGE_FEED, TOKEN_REGISTRY};
use database::{Database, sqlx};
use model::{AccountId, Clock as _, SystemClock, Timestamp, TokenDuration};
use std::path::Path;

/// Rows as the registry writes them, except that nobody knows their secrets.
const FILL: &str = "
    WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < $1),
    drawn AS MATERIALIZED (
        SELECT n, lower(hex(randomblob(16))) AS id, lower(hex(randomblob(16))) AS client_id FROM counted
    )
    INSERT INTO tokens (id, account_id, name, client_id, duration, enabled, created_at_ms, updated_at_ms,
        expires_at_ms, secret_version, secret_digest, pepper_id, revoked_as_of, changed_at_position)
    SELECT substr(id, 1, 8) || '-' || substr(id, 9, 4) || '-' || substr(id, 13, 4) || '-' || substr(id, 17, 4) || '-'
        || substr(id, 21), $2, 'machine ' || n, client_id || '.access', $3, TRUE, $4, $4, $5, 1, randomblob(32),
        '0000000000000000', 0, 0
    FROM drawn";

/// The row by which a Client ID is judged.
const READ: &str = "SELECT id, account_id, name, enabled, expires_at_ms, secret_version, secret_digest, pepper_id,
    previous_digest, previous_pepper_id, previous_version, previous_expires_at_ms FROM tokens WHERE client_id = $1";

/// The registry's file in a folder of databases.
pub async fn open(databases: &Path) -> Result<Database> {
    let url = format!("sqlite:{}", databases.join("token-registry.sqlite").display());
    let database = Database::connect(&url, 4).await?;
    database.migrate(&CHANGE_FEED).await?;
    database.migrate(&TOKEN_REGISTRY).await?;
    Ok(database)
}

/// Adds `count` tokens that live for a year, in one statement.
pub async fn fill(databases: &Path, account: AccountId, count: u32) -> Result<()> {
    let database = open(databases).await?;
    fill_open(&database, account, count).await?;
    database.close().await;
    Ok(())
}

/// The same in a database that is open.
pub async fn fill_open(database: &Database, account: AccountId, count: u32) -> Result<()> {
    let (now, duration) = (SystemClock.now(), TokenDuration::parse(TokenDuration::DEFAULT)?);
    let Database::Sqlite(pool) = database else { bail!("the registry's file is not SQLite") };
    let filled = sqlx::query(FILL)
        .bind(i64::from(count))
        .bind(account.to_string())
        .bind(duration.as_str())
        .bind(Timestamp::as_millis(now))
        .bind(duration.expiry(now).as_millis());
    filled.execute(pool).await.context("filling the registry")?;
    Ok(())
}

/// Reads one row by its Client ID, as a floor: an index and a row, nothing judged.
pub async fn read(database: &Database, client_id: &str) -> Result<()> {
    let Database::Sqlite(pool) = database else { bail!("the registry's file is not SQLite") };
    sqlx::query(READ).bind(client_id).fetch_one(pool).await.context("reading a token")?;
    Ok(())
}

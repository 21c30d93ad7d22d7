//! The statements that a change makes, in one transaction of their own, without anybody who asks for it.

use crate::owner::deleted;
use audit::{AuditConnection as _, Record};
use change_feed::store::Sql;
use change_feed::{Appended, Change, FeedConnection as _, Store as _};
use database::migrations::{AUDIT, CHANGE_FEED, TOKEN_REGISTRY};
use database::sqlx::Row as _;
use database::{Database, failed, sqlx};
use model::{AccountId, Clock as _, Error, SystemClock, TokenId};
use prost::Message as _;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const INSERT: &str =
    "INSERT INTO tokens (id, account_id, name, client_id, duration, enabled, created_at_ms, updated_at_ms,
        expires_at_ms, secret_version, secret_digest, pepper_id, revoked_as_of, changed_at_position)
    SELECT $1, $2, $3, $4, '8760h', TRUE, $5, $5, $6, 1, $7, '0000000000000000', 0, 0
    WHERE NOT EXISTS (SELECT 1 FROM deleted_tokens WHERE id = $1)
        AND NOT EXISTS (SELECT 1 FROM deleted_tokens WHERE client_id = $4)";
const READ: &str =
    "SELECT tokens.*, (SELECT MAX(last_seen_at_ms) FROM token_usage WHERE token_id = tokens.id)
    AS last_seen_at_ms FROM tokens WHERE id = $1 AND account_id = $2";
const UPDATE: &str = "UPDATE tokens SET name = $2, duration = '8760h', enabled = FALSE, updated_at_ms = $3,
    revoked_as_of = $4, changed_at_position = $4 WHERE id = $1";
const NO_PREVIOUS: &str =
    "UPDATE tokens SET previous_digest = NULL, previous_pepper_id = NULL, previous_version = NULL
    WHERE id = $1";
const REFERRERS: &str = "SELECT referrer, referrer_name FROM token_references WHERE token_id = $1 ORDER BY referrer_name LIMIT 20";
const BURY: &str = "INSERT INTO deleted_tokens (id, client_id, deleted_at_ms) VALUES ($1, $2, $3)";
const DELETE: [&str; 2] = ["DELETE FROM tokens WHERE id = $1", "DELETE FROM token_usage WHERE token_id = $1"];

/// A database of its own: nobody follows its feed.
pub struct Floor {
    database: Database,
    account: String,
}

impl Floor {
    pub async fn open(database: Database, account: AccountId) -> Result<Self, Error> {
        for migrations in [&CHANGE_FEED, &TOKEN_REGISTRY, &AUDIT] {
            database.migrate(migrations).await?;
        }
        Sql { database: database.clone(), clock: Arc::new(SystemClock) }.open().await?;
        Ok(Self { database, account: account.to_string() })
    }

    pub const fn database(&self) -> &Database {
        &self.database
    }

    /// The new token's id.
    pub async fn create(&self) -> Result<TokenId, Error> {
        let (id, now) = (TokenId::random(), SystemClock.now());
        let text = id.to_string();
        let client_id = format!("{}.access", text.replace('-', ""));
        database::transaction!(&self.database, |tx| {
            sqlx::query(INSERT)
                .bind(&text)
                .bind(&self.account)
                .bind("benchmark")
                .bind(&client_id)
                .bind(now.as_millis())
                .bind(now.after(Duration::from_hours(8760)).as_millis())
                .bind([1_u8; 32].as_slice())
                .execute(&mut *tx)
                .await
                .map_err(failed)?;
            tx.audit(self.record("create", &text, None, Some(shown())), now).await?;
        });
        Ok(id)
    }

    pub async fn read(&self, id: &TokenId) -> Result<(), Error> {
        database::with!(&self.database, |pool| {
            let row = sqlx::query(READ).bind(id.to_string()).bind(&self.account).fetch_one(pool).await;
            row.map_err(failed)?;
        });
        Ok(())
    }

    pub async fn update(&self, id: &TokenId) -> Result<(), Error> {
        let (text, now) = (id.to_string(), SystemClock.now());
        let mut appended = Appended::default();
        database::transaction!(&self.database, |tx| {
            let position = i64::try_from(tx.next_position().await?).unwrap_or(i64::MAX);
            let row = sqlx::query(READ).bind(&text).bind(&self.account).fetch_one(&mut *tx).await;
            row.map_err(failed)?;
            let updated =
                sqlx::query(UPDATE).bind(&text).bind("changed").bind(now.as_millis()).bind(position);
            updated.execute(&mut *tx).await.map_err(failed)?;
            sqlx::query(NO_PREVIOUS).bind(&text).execute(&mut *tx).await.map_err(failed)?;
            tx.record(&mut appended, change(*id), now).await?;
            tx.audit(self.record("update", &text, Some(shown()), Some(shown())), now).await?;
        });
        Ok(())
    }

    pub async fn delete(&self, id: &TokenId) -> Result<(), Error> {
        let (text, now) = (id.to_string(), SystemClock.now());
        let mut appended = Appended::default();
        database::transaction!(&self.database, |tx| {
            tx.next_position().await?;
            let row = sqlx::query(READ).bind(&text).bind(&self.account).fetch_one(&mut *tx).await;
            let client_id: String = row.map_err(failed)?.try_get("client_id").map_err(failed)?;
            sqlx::query(REFERRERS).bind(&text).fetch_all(&mut *tx).await.map_err(failed)?;
            let buried = sqlx::query(BURY).bind(&text).bind(client_id).bind(now.as_millis());
            buried.execute(&mut *tx).await.map_err(failed)?;
            for statement in DELETE {
                sqlx::query(statement).bind(&text).execute(&mut *tx).await.map_err(failed)?;
            }
            tx.record(&mut appended, change(*id), now).await?;
            tx.audit(self.record("delete", &text, Some(shown()), None), now).await?;
        });
        Ok(())
    }

    fn record<'a>(
        &'a self,
        operation: &'static str,
        object_id: &'a str,
        before: Option<Value>,
        after: Option<Value>,
    ) -> Record<'a> {
        Record {
            account_id: &self.account,
            operation,
            object_kind: "service_token",
            object_id,
            before,
            after,
        }
    }
}

fn change(id: TokenId) -> Change {
    Change {
        object: format!("token/{id}"),
        state: Some(deleted(id).encode_to_vec()),
        keep_until: Some(SystemClock.now().after(Duration::from_hours(24 * 31))),
    }
}

/// As long as what is recorded of a token.
fn shown() -> Value {
    json!({
        "name": "benchmark",
        "client_id": format!("{}.access", "0".repeat(32)),
        "duration": "8760h",
        "enabled": true,
        "expires_at": "2027-01-01T00:00:00.000Z",
        "client_secret_version": 1,
        "previous_client_secret_expires_at": null,
    })
}

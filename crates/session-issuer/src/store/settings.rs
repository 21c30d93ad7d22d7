//! How often an account's key rotates, and when it last did.

use super::Store;
use super::audited::of_settings;
use audit::AuditConnection as _;
use change_feed::FeedConnection as _;
use database::failed;
use database::sqlx;
use model::{AccountId, Error, Timestamp};
use std::time::Duration;

const FIND: &str = "SELECT key_rotation_interval_days, last_key_rotation_at_ms, team_domain FROM key_settings
    WHERE account_id = $1";

database::row! {
    struct SettingsRow {
        key_rotation_interval_days: i64,
        last_key_rotation_at_ms: i64,
        team_domain: String,
    }
}

/// An account's key settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// 21-365.
    pub interval_days: u32,
    /// Creation counts as the first rotation.
    pub last_rotation_at: Timestamp,
    /// Common name of its keys' certificates.
    pub team_domain: String,
}

impl Settings {
    /// When the key has signed for as long as it should.
    pub fn due_at(&self) -> Timestamp {
        self.last_rotation_at.after(Duration::from_hours(u64::from(self.interval_days) * 24))
    }
}

impl TryFrom<SettingsRow> for Settings {
    type Error = Error;

    fn try_from(row: SettingsRow) -> Result<Self, Error> {
        let SettingsRow { key_rotation_interval_days, last_key_rotation_at_ms, team_domain } = row;
        Ok(Self {
            interval_days: u32::try_from(key_rotation_interval_days).map_err(Error::internal)?,
            last_rotation_at: Timestamp::from_millis(last_key_rotation_at_ms),
            team_domain,
        })
    }
}

impl Store {
    /// None: the account has no keys yet.
    pub async fn find_settings(&self, account: AccountId) -> Result<Option<Settings>, Error> {
        let row: Option<SettingsRow> = database::with!(&self.database, |pool| {
            sqlx::query_as(FIND).bind(account.to_string()).fetch_optional(pool).await.map_err(failed)?
        });
        row.map(Settings::try_from).transpose()
    }

    /// Of an account that has keys.
    pub async fn set_interval(&self, account: AccountId, days: u32) -> Result<(), Error> {
        let now = self.clock.now();
        database::transaction!(&self.database, |tx| {
            tx.next_position().await?;
            let row: SettingsRow =
                sqlx::query_as(FIND).bind(account.to_string()).fetch_one(&mut *tx).await.map_err(failed)?;
            let before = Settings::try_from(row)?;
            sqlx::query("UPDATE key_settings SET key_rotation_interval_days = $2 WHERE account_id = $1")
                .bind(account.to_string())
                .bind(i64::from(days))
                .execute(&mut *tx)
                .await
                .map_err(failed)?;
            let after = Settings { interval_days: days, ..before.clone() };
            tx.audit(of_settings(&account.to_string(), &before, &after), now).await?;
        });
        Ok(())
    }
}

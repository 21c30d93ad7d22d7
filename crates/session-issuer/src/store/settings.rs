//! How often an account's key rotates, and when it last did.

use super::Store;
use database::failed;
use database::sqlx;
use model::{AccountId, Error, Timestamp};

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
            sqlx::query_as(
                "SELECT key_rotation_interval_days, last_key_rotation_at_ms, team_domain FROM key_settings
                 WHERE account_id = $1",
            )
            .bind(account.to_string())
            .fetch_optional(pool)
            .await
            .map_err(failed)?
        });
        row.map(Settings::try_from).transpose()
    }

    /// Of an account that has keys.
    pub async fn set_interval(&self, account: AccountId, days: u32) -> Result<(), Error> {
        database::with!(&self.database, |pool| {
            sqlx::query("UPDATE key_settings SET key_rotation_interval_days = $2 WHERE account_id = $1")
                .bind(account.to_string())
                .bind(i64::from(days))
                .execute(pool)
                .await
                .map(drop)
                .map_err(failed)
        })
    }

    /// Accounts whose key has signed for as long as it should.
    pub async fn due_for_rotation(&self) -> Result<Vec<AccountId>, Error> {
        let accounts: Vec<String> = database::with!(&self.database, |pool| {
            sqlx::query_scalar(
                "SELECT account_id FROM key_settings
                 WHERE last_key_rotation_at_ms + key_rotation_interval_days * 86400000 <= $1
                 ORDER BY last_key_rotation_at_ms LIMIT 100",
            )
            .bind(self.clock.now().as_millis())
            .fetch_all(pool)
            .await
            .map_err(failed)?
        });
        accounts.iter().map(|account| account.parse()).collect()
    }
}

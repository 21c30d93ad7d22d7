//! The SQL. Every change that enforcement points must know is one transaction with its feed entry.

mod audited;
#[cfg(test)]
mod conformance;
mod key_lives;
mod keys;
mod revoked_keys;
mod settings;
mod stored_key;
mod upkeep;

use audit::AuditConnection as _;
use change_feed::{Appended, Change, FeedConnection as _};
use database::Database;
use model::{AccountId, ApplicationId, Clock, Error, SessionId, Timestamp, TokenId};
use prost::Message as _;
use proto::session_issuer::RevocationState;
use std::fmt;
use std::sync::Arc;

pub use keys::{GRACE, Turned};
pub use revoked_keys::RevokedKey;
pub use settings::Settings;
pub use stored_key::{NewKey, StoredKey};

/// The issuer's tables.
#[derive(Clone)]
pub struct Store {
    database: Database,
    clock: Arc<dyn Clock>,
}

/// Whose sessions end.
#[derive(Debug, Clone, Copy)]
pub enum Revoked {
    Application(ApplicationId),
    Token(TokenId),
    Session(SessionId),
}

impl Revoked {
    fn id(&self) -> String {
        match self {
            Self::Application(id) => id.to_string(),
            Self::Token(id) => id.to_string(),
            Self::Session(id) => id.to_string(),
        }
    }
}

impl fmt::Display for Revoked {
    /// The feed's name of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Application(id) => write!(f, "application-sessions/{id}"),
            Self::Token(id) => write!(f, "token-sessions/{id}"),
            Self::Session(id) => write!(f, "session/{id}"),
        }
    }
}

impl Store {
    pub fn new(database: Database, clock: Arc<dyn Clock>) -> Self {
        Self { database, clock }
    }

    /// The feed's last committed position.
    pub async fn position(&self) -> Result<u64, Error> {
        Ok(change_feed::log::head(&self.database).await?.position)
    }

    /// Ends everything that was validated before this change; remembered until `keep_until`.
    pub async fn revoke(
        &self,
        account: AccountId,
        revoked: Revoked,
        keep_until: Timestamp,
    ) -> Result<Appended, Error> {
        let mut appended = Appended::default();
        let now = self.clock.now();
        database::transaction!(&self.database, |tx| {
            let revoked_as_of = tx.next_position().await?;
            let change = Change {
                object: revoked.to_string(),
                state: Some(RevocationState { revoked_as_of }.encode_to_vec()),
                keep_until: Some(keep_until),
            };
            tx.record(&mut appended, change, now).await?;
            let (account, id) = (account.to_string(), revoked.id());
            tx.audit(audited::of_sessions(&account, revoked, &id, revoked_as_of), now).await?;
        });
        Ok(appended)
    }
}

//! The notifier's tables. Each method is one intention and one transaction.
//!
//! Everything is looked up within an account; another account's row does not exist. What any database must do with
//! these statements is in `store/conformance.rs`.

mod access_log;
mod audited;
mod deliveries;
mod policies;
mod webhooks;

#[cfg(test)]
mod conformance;

pub use access_log::Query;
pub use deliveries::{Period, Sent, SentRow};

use database::sqlx::error::ErrorKind as DatabaseErrorKind;
use database::{Database, sqlx};
use model::{Clock, Error, ErrorKind, Timestamp};

#[derive(Clone)]
pub struct Store {
    database: Database,
}

impl Store {
    /// With the tables of this version.
    pub async fn open(database: Database) -> Result<Self, Error> {
        database.migrate(&database::migrations::NOTIFIER).await?;
        database.migrate(&database::migrations::AUDIT).await?;
        Ok(Self { database })
    }

    /// The time by which claims and due dates are judged: one clock for all notifiers of a database.
    pub async fn now(&self, clock: &dyn Clock) -> Result<Timestamp, Error> {
        self.database.now(clock).await
    }
}

fn is_broken_reference(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(cause) if cause.kind() == DatabaseErrorKind::ForeignKeyViolation)
}

fn webhook_in_use(policies: &str) -> Error {
    let message =
        format!("the webhook cannot be deleted: it is named by {policies}; change or delete that first");
    Error::new(ErrorKind::NotReady, "WEBHOOK_IN_USE", message)
}

fn to_json(list: &[String]) -> Result<String, Error> {
    serde_json::to_string(list).map_err(Error::internal)
}

fn from_json(text: &str) -> Result<Vec<String>, Error> {
    serde_json::from_str(text).map_err(Error::internal)
}

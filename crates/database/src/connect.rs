use crate::error::failed;
use crate::migrations::Migrations;
use model::{Clock, Error, Timestamp};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use std::str::FromStr;
use std::time::Duration;

/// Rows that may wait in a connection for whoever reads them: at sqlx' 50 the two threads of a long reading stop for
/// each other again and again.
const SQLITE_ROWS: usize = 1_000;

/// A service's own database.
#[derive(Clone, Debug)]
pub enum Database {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

impl Database {
    /// Connects by the URL's scheme: `postgres://user:password@host/name` or `sqlite:/path/to/file`.
    /// `connections` bounds the pool; SQLite keeps at most four.
    ///
    /// # Errors
    /// `Invalid` for another scheme, without repeating the URL: it may hold a password. `Unavailable` if it does not answer.
    pub async fn connect(url: &str, connections: u32) -> Result<Self, Error> {
        match url.split(':').next() {
            Some("postgres" | "postgresql") => {
                let options = PgConnectOptions::from_str(url).map_err(|_| unreadable())?;
                let pool = PgPoolOptions::new()
                    .max_connections(connections)
                    .acquire_timeout(Duration::from_secs(3))
                    .connect_with(options);
                Ok(Self::Postgres(pool.await.map_err(failed)?))
            }
            Some("sqlite") => {
                // FULL: a commit that returned survives a power cut.
                let options = SqliteConnectOptions::from_str(url)
                    .map_err(|_| unreadable())?
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .foreign_keys(true)
                    .busy_timeout(Duration::from_secs(5))
                    .row_buffer_size(SQLITE_ROWS);
                let pool = SqlitePoolOptions::new()
                    .max_connections(connections.min(4))
                    .acquire_timeout(Duration::from_secs(5))
                    .connect_with(options);
                Ok(Self::Sqlite(pool.await.map_err(failed)?))
            }
            _ => Err(unreadable()),
        }
    }

    /// Brings the tables to this version. Several replicas may call it at once.
    pub async fn migrate(&self, migrations: &Migrations) -> Result<(), Error> {
        let outcome = match self {
            Self::Postgres(pool) => migrations.postgres().run(pool).await,
            Self::Sqlite(pool) => migrations.sqlite().run(pool).await,
        };
        outcome.map_err(|cause| Error::internal(format!("migrating {}: {cause}", migrations.name())))
    }

    /// The statement for this database, where the two must differ.
    pub const fn choose(&self, postgres: &'static str, sqlite: &'static str) -> &'static str {
        match self {
            Self::Postgres(_) => postgres,
            Self::Sqlite(_) => sqlite,
        }
    }

    /// The database's own time, by which leases are judged. SQLite lives in this process: its clock is `clock`.
    pub async fn now(&self, clock: &dyn Clock) -> Result<Timestamp, Error> {
        match self {
            Self::Sqlite(_) => Ok(clock.now()),
            Self::Postgres(pool) => {
                let millis = sqlx::query_scalar::<_, i64>(
                    "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::BIGINT",
                );
                millis.fetch_one(pool).await.map(Timestamp::from_millis).map_err(failed)
            }
        }
    }

    /// Answers whether the database answers.
    pub async fn ping(&self) -> Result<(), Error> {
        crate::with!(self, |pool| sqlx::query("SELECT 1").execute(pool).await.map(drop).map_err(failed))
    }

    pub async fn close(&self) {
        crate::with!(self, |pool| pool.close().await);
    }
}

fn unreadable() -> Error {
    Error::invalid("database", "must be postgres://user:password@host/name or sqlite:/path/to/file")
}

//! One SQL text for PostgreSQL and SQLite. Sole owner of `sqlx`.
//!
//! A store writes each statement once, inside [`with!`](crate::with) or [`transaction!`](crate::transaction); the
//! macro compiles the same body for both pools. Rows are declared with [`row!`](crate::row). Portable types only:
//! TEXT, BIGINT, BOOLEAN, BYTEA/BLOB; times are `*_at_ms`.
//!
//! To add a migration: the next number in `migrations/<service>/{postgres,sqlite}/`, in both.

mod connect;
mod error;
pub mod migrations;
mod statement;
mod trace;

pub use connect::Database;
pub use error::failed;
pub use sqlx;
pub use trace::span;

/// Runs `$body` with `$pool` bound to the pool of whichever database it is.
#[macro_export]
macro_rules! with {
    ($database:expr, |$pool:ident| $body:expr) => {
        match $database {
            $crate::Database::Postgres($pool) => {
                let _span = $crate::span("postgresql", file!(), line!());
                $body
            }
            $crate::Database::Sqlite($pool) => {
                let _span = $crate::span("sqlite", file!(), line!());
                $body
            }
        }
    };
}

/// Runs `$body` in a read transaction bound to `$tx`: all its statements see the database as it was at the first of them.
///
/// Neither waits for writers nor keeps them waiting.
#[macro_export]
macro_rules! snapshot {
    ($database:expr, |$tx:ident| $body:expr) => {
        match $database {
            $crate::Database::Postgres(pool) => {
                let _span = $crate::span("postgresql", file!(), line!());
                let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                let mut $tx = pool.begin_with(begin).await.map_err($crate::failed)?;
                let value = $body;
                $tx.commit().await.map_err($crate::failed)?;
                value
            }
            $crate::Database::Sqlite(pool) => {
                let _span = $crate::span("sqlite", file!(), line!());
                let mut $tx = pool.begin().await.map_err($crate::failed)?;
                let value = $body;
                $tx.commit().await.map_err($crate::failed)?;
                value
            }
        }
    };
}

/// Runs `$body` in a write transaction bound to `$tx`, and commits. A `?` within rolls back.
///
/// SQLite takes its write lock at the start, so two writers queue instead of failing half-way.
#[macro_export]
macro_rules! transaction {
    ($database:expr, |$tx:ident| $body:expr) => {
        match $database {
            $crate::Database::Postgres(pool) => {
                let _span = $crate::span("postgresql", file!(), line!());
                let mut $tx = pool.begin().await.map_err($crate::failed)?;
                let value = $body;
                $tx.commit().await.map_err($crate::failed)?;
                value
            }
            $crate::Database::Sqlite(pool) => {
                let _span = $crate::span("sqlite", file!(), line!());
                let mut $tx = pool.begin_with("BEGIN IMMEDIATE").await.map_err($crate::failed)?;
                let value = $body;
                $tx.commit().await.map_err($crate::failed)?;
                value
            }
        }
    };
}

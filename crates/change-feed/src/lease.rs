//! Leases: who may decide on its own, until when by the database's clock, and how far each has applied the feed.

use crate::log::signed;
use database::sqlx;
use database::{Database, failed};
use model::{Error, Timestamp};
use proto::change_feed as wire;
use std::time::Duration;

database::row! {
    /// One row of the table. `staleness_ms`: how long after its lease the replica may still admit on what it knew; 0 is
    /// not at all, -1 without a bound.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Lease {
        incarnation: String,
        replica: String,
        version: String,
        applied: i64,
        lease_until_ms: i64,
        last_contact_at_ms: i64,
        staleness_ms: i64,
    }
}

impl Lease {
    pub(crate) fn applied(&self) -> u64 {
        self.applied.unsigned_abs()
    }

    pub(crate) fn into_wire(self, is_live: bool) -> wire::Replica {
        let Self { incarnation, replica, version, applied, lease_until_ms, last_contact_at_ms, staleness_ms } =
            self;
        wire::Replica {
            replica,
            incarnation,
            version,
            applied: applied.unsigned_abs(),
            lease_until_ms,
            is_live,
            last_contact_at_ms,
            staleness_ms,
        }
    }
}

/// A revocation may have to wait for one whole lease. An end later than that was written while the clock was ahead.
pub const LONGEST: Duration = Duration::from_mins(1);

/// Grants or renews; an earlier, longer lease is not shortened. The caller reads the head afterwards, never before.
pub async fn grant(
    database: &Database,
    request: &wire::HeartbeatRequest,
    now: Timestamp,
    length: Duration,
) -> Result<(), Error> {
    let until = now.after(length).as_millis();
    database::with!(database, |pool| {
        sqlx::query(
            "INSERT INTO feed_leases
               (incarnation, replica, version, applied, lease_until_ms, last_contact_at_ms, staleness_ms)
             VALUES ($1, $2, $3, CASE WHEN $4 <= (SELECT position FROM feed_head) THEN $4 ELSE 0 END, $5, $6, $7)
             ON CONFLICT (incarnation) DO UPDATE
             SET lease_until_ms = CASE WHEN feed_leases.lease_until_ms > excluded.lease_until_ms
                                   AND feed_leases.lease_until_ms <= $8
                                  THEN feed_leases.lease_until_ms ELSE excluded.lease_until_ms END,
                 applied = CASE WHEN excluded.applied > feed_leases.applied
                           THEN excluded.applied ELSE feed_leases.applied END,
                 last_contact_at_ms = excluded.last_contact_at_ms,
                 staleness_ms = excluded.staleness_ms",
        )
        .bind(&request.incarnation)
        .bind(&request.replica)
        .bind(&request.version)
        .bind(signed(request.applied))
        .bind(until)
        .bind(now.as_millis())
        .bind(request.staleness_ms)
        .bind(now.after(LONGEST).as_millis())
        .execute(pool)
        .await
        .map(drop)
        .map_err(failed)
    })
}

/// Records how far a replica has come; never backwards, and never past the head: nobody has applied what is not there.
pub async fn acknowledge(database: &Database, applied: &[(String, u64)]) -> Result<(), Error> {
    // In one order for everybody: two processes do not wait for one another in a circle.
    let mut applied: Vec<&(String, u64)> = applied.iter().collect();
    applied.sort();
    database::transaction!(database, |tx| {
        for (incarnation, applied) in applied {
            sqlx::query(
                "UPDATE feed_leases SET applied = $2
                 WHERE incarnation = $1 AND applied < $2 AND $2 <= (SELECT position FROM feed_head)",
            )
            .bind(incarnation)
            .bind(signed(*applied))
            .execute(&mut *tx)
            .await
            .map_err(failed)?;
        }
    });
    Ok(())
}

pub async fn release(database: &Database, incarnation: &str) -> Result<(), Error> {
    database::with!(database, |pool| {
        sqlx::query("DELETE FROM feed_leases WHERE incarnation = $1")
            .bind(incarnation)
            .execute(pool)
            .await
            .map(drop)
            .map_err(failed)
    })
}

pub async fn list(database: &Database) -> Result<Vec<Lease>, Error> {
    database::with!(database, |pool| {
        sqlx::query_as(
            "SELECT incarnation, replica, version, applied, lease_until_ms, last_contact_at_ms, staleness_ms
             FROM feed_leases ORDER BY replica, incarnation",
        )
        .fetch_all(pool)
        .await
        .map_err(failed)
    })
}

/// Forgets leases that ran out long ago.
pub async fn prune(database: &Database, before: Timestamp) -> Result<(), Error> {
    database::with!(database, |pool| {
        sqlx::query("DELETE FROM feed_leases WHERE lease_until_ms < $1")
            .bind(before.as_millis())
            .execute(pool)
            .await
            .map(drop)
            .map_err(failed)
    })
}

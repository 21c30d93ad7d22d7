use super::Store;
use crate::delivery::{CLAIM, Channel, Claimed, KEPT, Key, Matter};
use database::{failed, sqlx, transaction, with};
use model::{Error, Timestamp};
use std::collections::HashSet;
use std::time::Duration;

/// Rows that go in one statement.
const BATCH: i64 = 500;

database::row! {
    struct Id {
        id: String,
    }
}

database::row! {
    struct ClaimedRow {
        id: String,
        account_id: String,
        policy_id: String,
        token_id: String,
        matter: String,
        expires_at_ms: i64,
        mechanism: String,
        attempts: i64,
    }
}

database::row! {
    /// A message that was sent.
    pub struct SentRow {
        id: String,
        policy_id: String,
        policy_name: String,
        policy_description: String,
        alert_type: String,
        alert_body: String,
        mechanism: String,
        mechanism_type: String,
        ended_at_ms: i64,
    }
}

/// What is kept of a message once it is sent.
pub struct Sent<'a> {
    pub policy_name: &'a str,
    pub policy_description: &'a str,
    pub alert_type: &'a str,
    pub body: &'a str,
}

/// From `since`, included, to `before`, excluded.
#[derive(Debug, Clone, Copy)]
pub struct Period {
    pub since_ms: i64,
    pub before_ms: i64,
}

macro_rules! claim {
    ($lock:literal) => {
        concat!(
            "UPDATE deliveries SET claim = $1, claimed_until_at_ms = $2, attempts = attempts + 1 WHERE id = ",
            "(SELECT id FROM deliveries WHERE state = 'pending' AND mechanism_type = $3 ",
            "AND next_attempt_at_ms <= $4 AND claimed_until_at_ms <= $4 ORDER BY next_attempt_at_ms, id LIMIT 1 ",
            $lock,
            ") RETURNING id, account_id, policy_id, token_id, matter, expires_at_ms, mechanism, attempts"
        )
    };
}

impl Store {
    /// The ids of all deliveries, in any state, for moments within the range, both ends included; without those that come
    /// back when they are scheduled again.
    pub async fn known_deliveries(&self, from_ms: i64, to_ms: i64) -> Result<HashSet<String>, Error> {
        const SELECT: &str = "SELECT id FROM deliveries WHERE expires_at_ms >= $1 AND expires_at_ms <= $2 \
            AND (state <> 'cancelled' OR matter = 'expiry')";
        let rows = with!(&self.database, |pool| {
            sqlx::query_as::<_, Id>(SELECT).bind(from_ms).bind(to_ms).fetch_all(pool).await.map_err(failed)?
        });
        Ok(rows.into_iter().map(|row| row.id).collect())
    }

    /// Makes them pending, to be sent now. Those that exist, in any state, stay as they are. Answers how many are new.
    ///
    /// A notifier of the version before knows expiries alone, and cancels what else it finds: that comes back.
    pub async fn schedule(&self, keys: &[Key], now: Timestamp) -> Result<u64, Error> {
        const INSERT: &str = "INSERT INTO deliveries (id, account_id, policy_id, token_id, expires_at_ms, \
            mechanism_type, mechanism, state, attempts, next_attempt_at_ms, claim, claimed_until_at_ms, last_error, \
            created_at_ms, policy_name, policy_description, alert_type, alert_body, matter) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, 'pending', 0, $8, '', 0, '', $8, '', '', '', '', $9) \
            ON CONFLICT (id) DO UPDATE SET state = 'pending', attempts = 0, claimed_until_at_ms = 0, ended_at_ms = NULL, \
            next_attempt_at_ms = excluded.next_attempt_at_ms \
            WHERE deliveries.state = 'cancelled' AND deliveries.matter <> 'expiry'";
        if keys.is_empty() {
            return Ok(0);
        }
        let mut new = 0;
        transaction!(&self.database, |tx| {
            for key in keys {
                let Key { account_id, policy_id, token_id, matter, expires_at_ms, channel, recipient } = key;
                let inserted = sqlx::query(INSERT)
                    .bind(key.id())
                    .bind(account_id)
                    .bind(policy_id)
                    .bind(token_id)
                    .bind(expires_at_ms)
                    .bind(channel.as_str())
                    .bind(recipient)
                    .bind(now.as_millis())
                    .bind(matter.as_str());
                new += inserted.execute(&mut *tx).await.map_err(failed)?.rows_affected();
            }
        });
        Ok(new)
    }

    /// Takes the delivery that has been due longest and that nobody holds. It is the caller's for [`CLAIM`].
    pub async fn claim(&self, channel: Channel, now: Timestamp) -> Result<Option<Claimed>, Error> {
        let statement = self.database.choose(claim!("FOR UPDATE SKIP LOCKED"), claim!(""));
        let claim = uuid::Uuid::new_v4().simple().to_string();
        let until = now.after(CLAIM).as_millis();
        let rows = with!(&self.database, |pool| {
            sqlx::query_as::<_, ClaimedRow>(statement)
                .bind(&claim)
                .bind(until)
                .bind(channel.as_str())
                .bind(now.as_millis())
                // All rows, though there is one at most: SQLite commits when the statement has been read to its end.
                .fetch_all(pool)
                .await
                .map_err(failed)?
        });
        let Some(row) = rows.into_iter().next() else { return Ok(None) };
        let ClaimedRow { id, account_id, policy_id, token_id, matter, expires_at_ms, mechanism, attempts } =
            row;
        let matter = Matter::parse(&matter)?;
        let key =
            Key { account_id, policy_id, token_id, matter, expires_at_ms, channel, recipient: mechanism };
        Ok(Some(Claimed { id, key, attempt: attempts, claim }))
    }

    /// The one transition to `sent`; false if it is no longer pending. Even a sender whose claim has run out may make
    /// it: what it sent is sent.
    pub async fn mark_sent(&self, delivery: &Claimed, sent: &Sent<'_>, at: Timestamp) -> Result<bool, Error> {
        const UPDATE: &str = "UPDATE deliveries SET state = 'sent', ended_at_ms = $1, claimed_until_at_ms = 0, \
            last_error = '', policy_name = $2, policy_description = $3, alert_type = $4, alert_body = $5 \
            WHERE id = $6 AND state = 'pending'";
        let Sent { policy_name, policy_description, alert_type, body } = sent;
        let changed = with!(&self.database, |pool| {
            sqlx::query(UPDATE)
                .bind(at.as_millis())
                .bind(policy_name)
                .bind(policy_description)
                .bind(alert_type)
                .bind(body)
                .bind(&delivery.id)
                .execute(pool)
                .await
                .map_err(failed)?
                .rows_affected()
        });
        Ok(changed == 1)
    }

    /// It failed, and is tried again at `next`.
    pub async fn retry(&self, delivery: &Claimed, next: Timestamp, error: &str) -> Result<(), Error> {
        const UPDATE: &str = "UPDATE deliveries SET next_attempt_at_ms = $1, last_error = $2, \
            claimed_until_at_ms = 0 WHERE id = $3 AND claim = $4 AND state = 'pending'";
        with!(&self.database, |pool| {
            let update = sqlx::query(UPDATE).bind(next.as_millis()).bind(error);
            update.bind(&delivery.id).bind(&delivery.claim).execute(pool).await.map(drop).map_err(failed)
        })
    }

    /// It could not even be tried; that does not count as an attempt.
    pub async fn postpone(&self, delivery: &Claimed, next: Timestamp) -> Result<(), Error> {
        const UPDATE: &str = "UPDATE deliveries SET next_attempt_at_ms = $1, attempts = attempts - 1, \
            claimed_until_at_ms = 0 WHERE id = $2 AND claim = $3 AND state = 'pending'";
        with!(&self.database, |pool| {
            let update = sqlx::query(UPDATE).bind(next.as_millis());
            update.bind(&delivery.id).bind(&delivery.claim).execute(pool).await.map(drop).map_err(failed)
        })
    }

    /// Its token is gone or has another expiry: the matter is closed.
    pub async fn cancel(&self, delivery: &Claimed, at: Timestamp) -> Result<(), Error> {
        self.end(delivery, "cancelled", "", at).await
    }

    /// Given up.
    pub async fn bury(&self, delivery: &Claimed, error: &str, at: Timestamp) -> Result<(), Error> {
        self.end(delivery, "dead", error, at).await
    }

    async fn end(&self, delivery: &Claimed, state: &str, error: &str, at: Timestamp) -> Result<(), Error> {
        const UPDATE: &str = "UPDATE deliveries SET state = $1, ended_at_ms = $2, last_error = $3, \
            claimed_until_at_ms = 0 WHERE id = $4 AND claim = $5 AND state = 'pending'";
        with!(&self.database, |pool| {
            let update = sqlx::query(UPDATE).bind(state).bind(at.as_millis()).bind(error);
            update.bind(&delivery.id).bind(&delivery.claim).execute(pool).await.map(drop).map_err(failed)
        })
    }

    /// Its policy, recipient or token is switched off, or its token is used: as if it had never been due, so that it may become due again.
    pub async fn withdraw(&self, delivery: &Claimed) -> Result<(), Error> {
        const DELETE: &str = "DELETE FROM deliveries WHERE id = $1 AND claim = $2 AND state = 'pending'";
        with!(&self.database, |pool| {
            let delete = sqlx::query(DELETE).bind(&delivery.id).bind(&delivery.claim);
            delete.execute(pool).await.map(drop).map_err(failed)
        })
    }

    /// Lets everything else for a recipient wait until `until` too: one that is down is not asked for each message.
    pub async fn hold_back(&self, key: &Key, until: Timestamp, now: Timestamp) -> Result<(), Error> {
        const UPDATE: &str = "UPDATE deliveries SET next_attempt_at_ms = $1 WHERE state = 'pending' \
            AND mechanism_type = $2 AND mechanism = $3 AND next_attempt_at_ms < $1 AND claimed_until_at_ms <= $4";
        with!(&self.database, |pool| {
            let update = sqlx::query(UPDATE).bind(until.as_millis()).bind(key.channel.as_str());
            update.bind(&key.recipient).bind(now.as_millis()).execute(pool).await.map(drop).map_err(failed)
        })
    }

    /// What was sent, newest first, and how many there are in all. `page` counts from 1.
    pub async fn list_sent(
        &self,
        account_id: &str,
        period: Period,
        page: u32,
        per_page: u32,
    ) -> Result<(Vec<SentRow>, u64), Error> {
        const COUNT: &str = "SELECT COUNT(*) FROM deliveries WHERE state = 'sent' AND account_id = $1 \
            AND ended_at_ms >= $2 AND ended_at_ms < $3";
        const LIST: &str = "SELECT id, policy_id, policy_name, policy_description, alert_type, alert_body, mechanism, \
            mechanism_type, ended_at_ms FROM deliveries WHERE state = 'sent' AND account_id = $1 \
            AND ended_at_ms >= $2 AND ended_at_ms < $3 ORDER BY ended_at_ms DESC, id LIMIT $4 OFFSET $5";
        let Period { since_ms, before_ms } = period;
        let offset = i64::from(page.max(1) - 1).saturating_mul(i64::from(per_page));
        with!(&self.database, |pool| {
            let count = sqlx::query_scalar::<_, i64>(COUNT).bind(account_id).bind(since_ms).bind(before_ms);
            let count = count.fetch_one(pool).await.map_err(failed)?;
            let list = sqlx::query_as::<_, SentRow>(LIST).bind(account_id).bind(since_ms).bind(before_ms);
            let list = list.bind(i64::from(per_page)).bind(offset).fetch_all(pool).await.map_err(failed)?;
            Ok((list, u64::try_from(count).unwrap_or_default()))
        })
    }

    /// Deletes one batch of what ended, or would have expired, longer ago than is kept. Never a row whose token is
    /// still to expire: it is what keeps the alert from being sent again.
    pub async fn forget(&self, now: Timestamp) -> Result<u64, Error> {
        const DELETE: &str = "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries \
            WHERE expires_at_ms < $1 AND (ended_at_ms < $2 OR (ended_at_ms IS NULL AND expires_at_ms < $2 AND created_at_ms <= $2)) LIMIT $3)";
        let kept = i64::try_from(Duration::as_millis(&KEPT)).unwrap_or(i64::MAX);
        with!(&self.database, |pool| {
            let delete = sqlx::query(DELETE).bind(now.as_millis()).bind(now.as_millis() - kept).bind(BATCH);
            Ok(delete.execute(pool).await.map_err(failed)?.rows_affected())
        })
    }
}

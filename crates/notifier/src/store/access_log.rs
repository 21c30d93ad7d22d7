use super::Store;
use database::{failed, sqlx, with};
use model::{Error, Timestamp};
use proto::access_log as wire;
use proto::access_log::list_decisions_request::{Field, Filter};
use std::time::Duration;

/// Rows of one statement: each has 20 parameters, and SQLite takes 32,766.
const BATCH: usize = 500;

const COLUMNS: &str = "ray_id, account_id, decided_at_ms, application_id, application_domain, allowed, reason, \
    policy_id, credential, token_id, client_id, client_secret_version, ip, country_code, method, host, path, gateway, \
    duration_us, fallback";

database::row! {
    struct Row {
        ray_id: String,
        account_id: String,
        decided_at_ms: i64,
        application_id: String,
        application_domain: String,
        allowed: bool,
        reason: String,
        policy_id: String,
        credential: i64,
        token_id: String,
        client_id: String,
        client_secret_version: i64,
        ip: String,
        country_code: String,
        method: String,
        host: String,
        path: String,
        gateway: String,
        duration_us: i64,
        fallback: String,
    }
}

/// Which decisions are asked for.
pub struct Query<'a> {
    pub account_id: &'a str,
    /// Inclusive.
    pub since_ms: i64,
    /// Exclusive.
    pub before_ms: i64,
    pub filters: &'a [Filter],
    pub oldest_first: bool,
    /// From 1.
    pub page: u32,
    pub per_page: u32,
}

/// `" AND "` and what the filters ask. The macro makes it once for each database.
macro_rules! conditions {
    ($statement:ident, $query:expr) => {
        $statement.push(" WHERE account_id = ").push_bind($query.account_id);
        $statement.push(" AND decided_at_ms >= ").push_bind($query.since_ms);
        $statement.push(" AND decided_at_ms < ").push_bind($query.before_ms);
        for Filter { field, value, is_not } in $query.filters {
            let Some(column) = column(*field) else { continue };
            $statement.push(" AND ").push(column).push(if *is_not { " <> " } else { " = " });
            if column == "allowed" {
                $statement.push_bind(value == "true");
            } else {
                $statement.push_bind(value);
            }
        }
    };
}

impl Store {
    /// Adds what is not there yet: the bus may say a thing twice.
    pub async fn keep_decisions(&self, decisions: &[wire::Decision]) -> Result<(), Error> {
        for decisions in decisions.chunks(BATCH) {
            with!(&self.database, |pool| {
                let mut insert = sqlx::QueryBuilder::new(format!("INSERT INTO access_requests ({COLUMNS}) "));
                insert.push_values(decisions, |mut row, it| {
                    row.push_bind(&it.ray_id).push_bind(&it.account_id).push_bind(it.decided_at_ms);
                    row.push_bind(&it.application_id).push_bind(&it.application_domain).push_bind(it.allowed);
                    row.push_bind(&it.reason).push_bind(&it.policy_id).push_bind(i64::from(it.credential));
                    row.push_bind(&it.token_id).push_bind(&it.client_id).push_bind(it.client_secret_version);
                    row.push_bind(&it.ip).push_bind(&it.country_code).push_bind(&it.method);
                    row.push_bind(&it.host).push_bind(&it.path).push_bind(&it.gateway);
                    row.push_bind(i64::from(it.duration_us)).push_bind(&it.fallback);
                });
                insert.push(" ON CONFLICT DO NOTHING");
                insert.build().persistent(false).execute(pool).await.map_err(failed)?;
            });
        }
        Ok(())
    }

    /// One page, and how many there are in all.
    pub async fn list_decisions(&self, query: &Query<'_>) -> Result<(Vec<wire::Decision>, u64), Error> {
        let order = if query.oldest_first { "ASC" } else { "DESC" };
        let offset = i64::from(query.page.max(1) - 1).saturating_mul(i64::from(query.per_page));
        with!(&self.database, |pool| {
            let mut count = sqlx::QueryBuilder::new("SELECT COUNT(*) FROM access_requests");
            conditions!(count, query);
            let total =
                count.build_query_scalar::<i64>().persistent(false).fetch_one(pool).await.map_err(failed)?;
            let mut list = sqlx::QueryBuilder::new(format!("SELECT {COLUMNS} FROM access_requests"));
            conditions!(list, query);
            list.push(format!(" ORDER BY decided_at_ms {order}, ray_id {order} LIMIT "));
            list.push_bind(i64::from(query.per_page)).push(" OFFSET ").push_bind(offset);
            let rows =
                list.build_query_as::<Row>().persistent(false).fetch_all(pool).await.map_err(failed)?;
            Ok((rows.into_iter().map(Row::into_wire).collect(), u64::try_from(total).unwrap_or_default()))
        })
    }

    /// Deletes one batch of what is older than is kept, or more than is kept. How many those were.
    pub async fn forget_decisions(
        &self,
        now: Timestamp,
        retention: Duration,
        max_rows: u32,
    ) -> Result<u64, Error> {
        const FIRST: &str =
            "SELECT decided_at_ms FROM access_requests ORDER BY decided_at_ms DESC LIMIT 1 OFFSET $1";
        const DELETE: &str = "DELETE FROM access_requests WHERE ray_id IN \
            (SELECT ray_id FROM access_requests WHERE decided_at_ms <= $1 ORDER BY decided_at_ms LIMIT 5000)";
        let retention = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
        let too_old = now.as_millis().saturating_sub(retention);
        with!(&self.database, |pool| {
            let first = sqlx::query_scalar::<_, i64>(FIRST).bind(i64::from(max_rows));
            let too_many = first.fetch_optional(pool).await.map_err(failed)?;
            let last = too_many.unwrap_or(too_old).max(too_old);
            Ok(sqlx::query(DELETE).bind(last).execute(pool).await.map_err(failed)?.rows_affected())
        })
    }
}

/// No text of a caller's becomes part of a statement.
fn column(field: i32) -> Option<&'static str> {
    match Field::try_from(field) {
        Ok(Field::Allowed) => Some("allowed"),
        Ok(Field::ApplicationId) => Some("application_id"),
        Ok(Field::CountryCode) => Some("country_code"),
        Ok(Field::RayId) => Some("ray_id"),
        Ok(Field::TokenId) => Some("token_id"),
        Ok(Field::ClientId) => Some("client_id"),
        Ok(Field::Unspecified) | Err(_) => None,
    }
}

impl Row {
    fn into_wire(self) -> wire::Decision {
        wire::Decision {
            ray_id: self.ray_id,
            decided_at_ms: self.decided_at_ms,
            account_id: self.account_id,
            application_id: self.application_id,
            application_domain: self.application_domain,
            allowed: self.allowed,
            reason: self.reason,
            policy_id: self.policy_id,
            credential: i32::try_from(self.credential).unwrap_or_default(),
            token_id: self.token_id,
            client_id: self.client_id,
            client_secret_version: self.client_secret_version,
            ip: self.ip,
            country_code: self.country_code,
            method: self.method,
            host: self.host,
            path: self.path,
            gateway: self.gateway,
            duration_us: u32::try_from(self.duration_us).unwrap_or(u32::MAX),
            fallback: self.fallback,
        }
    }
}

#[cfg(test)]
pub use tests::conforms;

#[cfg(test)]
mod tests;

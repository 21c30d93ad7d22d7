use super::audited::of_policy;
use super::{Store, from_json, is_broken_reference, to_json};
use crate::alert_policy::{AlertPolicy, Spec};
use audit::AuditConnection as _;
use database::{failed, sqlx, transaction, with};
use model::{Error, Timestamp};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, account_id, name, description, alert_type, enabled, emails, webhooks, token_ids, ",
            "alert_interval, settings_json, created_at_ms, modified_at_ms FROM alert_policies ",
            $rest
        )
    };
}

const FIND: &str = select!("WHERE account_id = $1 AND id = $2");
const FIND_AND_LOCK: &str = select!("WHERE account_id = $1 AND id = $2 FOR UPDATE");
const LIST: &str = select!("WHERE account_id = $1 ORDER BY created_at_ms, id");

database::row! {
    struct Row {
        id: String,
        account_id: String,
        name: String,
        description: String,
        alert_type: String,
        enabled: bool,
        emails: String,
        webhooks: String,
        token_ids: String,
        alert_interval: String,
        settings_json: String,
        created_at_ms: i64,
        modified_at_ms: i64,
    }
}

/// Records which webhooks a policy names. A webhook that is not the account's is refused by its place in the list.
macro_rules! refer {
    ($tx:ident, $policy:expr) => {{
        let AlertPolicy { id, account_id, spec, .. } = $policy;
        let forget = sqlx::query("DELETE FROM webhook_references WHERE policy_id = $1");
        forget.bind(id).execute(&mut *$tx).await.map_err(failed)?;
        for (index, webhook) in spec.webhooks.iter().enumerate() {
            let statement = "INSERT INTO webhook_references (webhook_id, policy_id)
                SELECT id, $1 FROM webhooks WHERE id = $2 AND account_id = $3";
            let named =
                sqlx::query(statement).bind(id).bind(webhook).bind(account_id).execute(&mut *$tx).await;
            match named {
                Ok(named) if named.rows_affected() == 1 => {}
                Ok(_) => return Err(unknown(index)),
                Err(error) if is_broken_reference(&error) => return Err(unknown(index)),
                Err(error) => return Err(failed(error)),
            }
        }
    }};
}

fn unknown(index: usize) -> Error {
    Error::invalid(
        format!("mechanisms/webhooks/{index}/id"),
        "must be the id of one of the account's webhooks",
    )
}

fn no_policy() -> Error {
    Error::not_found("alert policy")
}

impl Store {
    /// # Errors
    /// `Invalid` naming the first webhook that the account does not have.
    pub async fn create_policy(&self, policy: &AlertPolicy) -> Result<(), Error> {
        const INSERT: &str = "INSERT INTO alert_policies (id, account_id, name, description, alert_type, enabled, \
            emails, webhooks, token_ids, alert_interval, settings_json, created_at_ms, modified_at_ms) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
        let AlertPolicy { id, account_id, spec, created_at_ms, modified_at_ms } = policy;
        transaction!(&self.database, |tx| {
            sqlx::query(INSERT)
                .bind(id)
                .bind(account_id)
                .bind(&spec.name)
                .bind(&spec.description)
                .bind(&spec.alert_type)
                .bind(spec.enabled)
                .bind(to_json(&spec.emails)?)
                .bind(to_json(&spec.webhooks)?)
                .bind(to_json(&spec.token_ids)?)
                .bind(&spec.alert_interval)
                .bind(&spec.settings_json)
                .bind(created_at_ms)
                .bind(modified_at_ms)
                .execute(&mut *tx)
                .await
                .map_err(failed)?;
            refer!(tx, policy);
            let now = Timestamp::from_millis(*created_at_ms);
            tx.audit(of_policy("create", None, Some(policy)), now).await?;
        });
        Ok(())
    }

    pub async fn find_policy(&self, account_id: &str, id: &str) -> Result<Option<AlertPolicy>, Error> {
        let row = with!(&self.database, |pool| {
            sqlx::query_as::<_, Row>(FIND)
                .bind(account_id)
                .bind(id)
                .fetch_optional(pool)
                .await
                .map_err(failed)?
        });
        row.map(AlertPolicy::try_from).transpose()
    }

    pub async fn get_policy(&self, account_id: &str, id: &str) -> Result<AlertPolicy, Error> {
        self.find_policy(account_id, id).await?.ok_or_else(no_policy)
    }

    /// Oldest first.
    pub async fn list_policies(&self, account_id: &str) -> Result<Vec<AlertPolicy>, Error> {
        let rows = with!(&self.database, |pool| {
            sqlx::query_as::<_, Row>(LIST).bind(account_id).fetch_all(pool).await.map_err(failed)?
        });
        rows.into_iter().map(AlertPolicy::try_from).collect()
    }

    /// Stores what `change` makes of the policy, which nobody else changes meanwhile.
    ///
    /// # Errors
    /// Those of `change`, and of [`Self::create_policy`].
    pub async fn update_policy(
        &self,
        account_id: &str,
        id: &str,
        now: Timestamp,
        change: impl FnOnce(Spec) -> Result<Spec, Error>,
    ) -> Result<AlertPolicy, Error> {
        const UPDATE: &str = "UPDATE alert_policies SET name = $1, description = $2, alert_type = $3, enabled = $4, \
            emails = $5, webhooks = $6, token_ids = $7, alert_interval = $8, settings_json = $9, \
            modified_at_ms = $10 WHERE id = $11";
        let find = self.database.choose(FIND_AND_LOCK, FIND);
        let policy = transaction!(&self.database, |tx| {
            let row = sqlx::query_as::<_, Row>(find).bind(account_id).bind(id).fetch_optional(&mut *tx).await;
            let stored = AlertPolicy::try_from(row.map_err(failed)?.ok_or_else(no_policy)?)?;
            let before = stored.clone();
            let policy =
                AlertPolicy { spec: change(stored.spec)?, modified_at_ms: now.as_millis(), ..stored };
            let spec = &policy.spec;
            sqlx::query(UPDATE)
                .bind(&spec.name)
                .bind(&spec.description)
                .bind(&spec.alert_type)
                .bind(spec.enabled)
                .bind(to_json(&spec.emails)?)
                .bind(to_json(&spec.webhooks)?)
                .bind(to_json(&spec.token_ids)?)
                .bind(&spec.alert_interval)
                .bind(&spec.settings_json)
                .bind(policy.modified_at_ms)
                .bind(&policy.id)
                .execute(&mut *tx)
                .await
                .map_err(failed)?;
            refer!(tx, &policy);
            tx.audit(of_policy("update", Some(&before), Some(&policy)), now).await?;
            policy
        });
        Ok(policy)
    }

    /// What it has sent stays in the history; what it was about to send is withdrawn by the sender.
    pub async fn delete_policy(&self, account_id: &str, id: &str, now: Timestamp) -> Result<(), Error> {
        let find = self.database.choose(FIND_AND_LOCK, FIND);
        transaction!(&self.database, |tx| {
            let row = sqlx::query_as::<_, Row>(find).bind(account_id).bind(id).fetch_optional(&mut *tx).await;
            let stored = AlertPolicy::try_from(row.map_err(failed)?.ok_or_else(no_policy)?)?;
            let delete = sqlx::query("DELETE FROM alert_policies WHERE id = $1");
            delete.bind(id).execute(&mut *tx).await.map_err(failed)?;
            tx.audit(of_policy("delete", Some(&stored), None), now).await?;
        });
        Ok(())
    }
}

impl TryFrom<Row> for AlertPolicy {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let Row {
            id,
            account_id,
            name,
            description,
            alert_type,
            enabled,
            emails,
            webhooks,
            token_ids,
            alert_interval,
            settings_json,
            created_at_ms,
            modified_at_ms,
        } = row;
        let spec = Spec {
            name,
            description,
            alert_type,
            enabled,
            emails: from_json(&emails)?,
            webhooks: from_json(&webhooks)?,
            token_ids: from_json(&token_ids)?,
            alert_interval,
            settings_json,
        };
        Ok(Self { id, account_id, spec, created_at_ms, modified_at_ms })
    }
}

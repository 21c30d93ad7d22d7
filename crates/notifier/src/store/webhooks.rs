use super::audited::{WithSecret, of_webhook};
use super::{Store, is_broken_reference, webhook_in_use};
use crate::webhook::{Kind, Webhook, parse_url};
use audit::AuditConnection as _;
use database::{failed, sqlx, transaction, with};
use model::{Error, Timestamp};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, account_id, name, url, secret_sealed, created_at_ms, last_success_at_ms, ",
            "last_failure_at_ms FROM webhooks ",
            $rest
        )
    };
}

const FIND: &str = select!("WHERE account_id = $1 AND id = $2");
const FIND_AND_LOCK: &str = select!("WHERE account_id = $1 AND id = $2 FOR UPDATE");

database::row! {
    struct Row {
        id: String,
        account_id: String,
        name: String,
        url: String,
        secret_sealed: Option<Vec<u8>>,
        created_at_ms: i64,
        last_success_at_ms: Option<i64>,
        last_failure_at_ms: Option<i64>,
    }
}

database::row! {
    struct PolicyName {
        name: String,
    }
}

fn no_webhook() -> Error {
    Error::not_found("webhook")
}

impl Store {
    pub async fn create_webhook(&self, webhook: &Webhook, sealed: Option<&[u8]>) -> Result<(), Error> {
        const INSERT: &str = "INSERT INTO webhooks (id, account_id, name, url, type, secret_sealed, created_at_ms, \
            last_success_at_ms, last_failure_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let Webhook {
            id,
            account_id,
            name,
            url,
            kind,
            created_at_ms,
            last_success_at_ms,
            last_failure_at_ms,
        } = webhook;
        transaction!(&self.database, |tx| {
            sqlx::query(INSERT)
                .bind(id)
                .bind(account_id)
                .bind(name)
                .bind(url)
                .bind(kind.as_str())
                .bind(sealed)
                .bind(created_at_ms)
                .bind(last_success_at_ms)
                .bind(last_failure_at_ms)
                .execute(&mut *tx)
                .await
                .map_err(failed)?;
            let now = Timestamp::from_millis(*created_at_ms);
            tx.audit(of_webhook("create", None, Some((webhook, sealed))), now).await?;
        });
        Ok(())
    }

    /// With its sealed secret.
    pub async fn get_webhook(&self, account_id: &str, id: &str) -> Result<(Webhook, Option<Vec<u8>>), Error> {
        let row = with!(&self.database, |pool| {
            sqlx::query_as::<_, Row>(FIND)
                .bind(account_id)
                .bind(id)
                .fetch_optional(pool)
                .await
                .map_err(failed)?
        });
        row.ok_or_else(no_webhook)?.split()
    }

    /// Oldest first.
    pub async fn list_webhooks(&self, account_id: &str) -> Result<Vec<Webhook>, Error> {
        const LIST: &str = select!("WHERE account_id = $1 ORDER BY created_at_ms, id");
        let rows = with!(&self.database, |pool| {
            sqlx::query_as::<_, Row>(LIST).bind(account_id).fetch_all(pool).await.map_err(failed)?
        });
        rows.into_iter().map(|row| Ok(row.split()?.0)).collect()
    }

    /// Replaces name, URL, type and sealed secret, if they still are as in `before`.
    ///
    /// # Errors
    /// `Conflict` if somebody else changed it meanwhile.
    pub async fn update_webhook(
        &self,
        before: WithSecret<'_>,
        after: WithSecret<'_>,
        now: Timestamp,
    ) -> Result<(), Error> {
        const UPDATE: &str = "UPDATE webhooks SET name = $1, url = $2, type = $3, secret_sealed = $4 \
            WHERE account_id = $5 AND id = $6 AND name = $7 AND url = $8 \
            AND COALESCE(secret_sealed, $9) = COALESCE($10, $9)";
        // Stands for "no secret" in the comparison; what is sealed is never empty.
        let none = b"".as_slice();
        let changed = transaction!(&self.database, |tx| {
            let changed = sqlx::query(UPDATE)
                .bind(&after.0.name)
                .bind(&after.0.url)
                .bind(after.0.kind.as_str())
                .bind(after.1)
                .bind(&before.0.account_id)
                .bind(&before.0.id)
                .bind(&before.0.name)
                .bind(&before.0.url)
                .bind(none)
                .bind(before.1)
                .execute(&mut *tx)
                .await
                .map_err(failed)?
                .rows_affected();
            if changed == 1 {
                tx.audit(of_webhook("update", Some(before), Some(after)), now).await?;
            }
            changed
        });
        if changed == 1 {
            return Ok(());
        }
        self.get_webhook(&before.0.account_id, &before.0.id).await?;
        let message = "somebody else changed the webhook; read it again and retry";
        Err(Error::new(model::ErrorKind::Conflict, "CONFLICT", message))
    }

    /// # Errors
    /// `NotReady` with reason `WEBHOOK_IN_USE`, naming the alert policies that name it.
    pub async fn delete_webhook(&self, account_id: &str, id: &str, now: Timestamp) -> Result<(), Error> {
        const NAMED_BY: &str = "SELECT p.name FROM webhook_references r JOIN alert_policies p ON p.id = r.policy_id \
            JOIN webhooks w ON w.id = r.webhook_id WHERE w.account_id = $1 AND w.id = $2 ORDER BY p.name LIMIT 10";
        let find = self.database.choose(FIND_AND_LOCK, FIND);
        transaction!(&self.database, |tx| {
            let row = sqlx::query_as::<_, Row>(find).bind(account_id).bind(id).fetch_optional(&mut *tx).await;
            let (stored, sealed) = row.map_err(failed)?.ok_or_else(no_webhook)?.split()?;
            let select = sqlx::query_as::<_, PolicyName>(NAMED_BY).bind(account_id).bind(id);
            let policies = select.fetch_all(&mut *tx).await.map_err(failed)?;
            if !policies.is_empty() {
                let quoted = policies.iter().map(|policy| format!("\"{}\"", policy.name));
                return Err(webhook_in_use(&quoted.collect::<Vec<_>>().join(", ")));
            }
            let delete = sqlx::query("DELETE FROM webhooks WHERE account_id = $1 AND id = $2");
            match delete.bind(account_id).bind(id).execute(&mut *tx).await {
                Ok(gone) if gone.rows_affected() == 0 => return Err(no_webhook()),
                Ok(_) => {}
                // A policy named it between the two statements.
                Err(error) if is_broken_reference(&error) => return Err(webhook_in_use("an alert policy")),
                Err(error) => return Err(failed(error)),
            }
            let before = (&stored, sealed.as_deref());
            tx.audit(of_webhook("delete", Some(before), None), now).await?;
        });
        Ok(())
    }

    /// Keeps when a webhook last took a message, or did not.
    pub async fn record_webhook(&self, id: &str, succeeded: bool, at: Timestamp) -> Result<(), Error> {
        let statement = if succeeded {
            "UPDATE webhooks SET last_success_at_ms = $1 WHERE id = $2"
        } else {
            "UPDATE webhooks SET last_failure_at_ms = $1 WHERE id = $2"
        };
        with!(&self.database, |pool| {
            let update = sqlx::query(statement).bind(at.as_millis()).bind(id);
            update.execute(pool).await.map(drop).map_err(failed)
        })
    }
}

impl Row {
    fn split(self) -> Result<(Webhook, Option<Vec<u8>>), Error> {
        let Self {
            id,
            account_id,
            name,
            url,
            secret_sealed,
            created_at_ms,
            last_success_at_ms,
            last_failure_at_ms,
        } = self;
        let parsed =
            parse_url(&url).map_err(|broken| Error::internal(format!("webhook {id}: {}", broken.rule)))?;
        let kind = Kind::of(&parsed);
        let webhook = Webhook {
            id,
            account_id,
            name,
            url,
            kind,
            created_at_ms,
            last_success_at_ms,
            last_failure_at_ms,
        };
        Ok((webhook, secret_sealed))
    }
}

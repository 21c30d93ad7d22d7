//! Reading what no enforcement point needs: tags and certificates.

use super::reads::Page;
use super::rows::{CertificateRow, HostnameSettingRow, TagRow};
use async_trait::async_trait;
use database::failed;
use database::sqlx::{self, PgConnection, SqliteConnection};
use model::Error;

#[async_trait]
pub trait Labels: Send {
    async fn tag(&mut self, account: &str, name: &str) -> Result<Option<TagRow>, Error>;
    /// One page by name, and how many there are in all.
    async fn tags(&mut self, account: &str, page: Page) -> Result<(Vec<TagRow>, i64), Error>;
    async fn certificate(&mut self, account: &str, id: &str) -> Result<Option<CertificateRow>, Error>;
    /// The id of the certificate that has a fingerprint.
    async fn certificate_with(&mut self, account: &str, fingerprint: &str) -> Result<Option<String>, Error>;
    /// One page, oldest first, and how many there are in all.
    async fn certificates(&mut self, account: &str, page: Page) -> Result<(Vec<CertificateRow>, i64), Error>;
    /// By host name.
    async fn hostname_settings(&mut self, account: &str) -> Result<Vec<HostnameSettingRow>, Error>;
}

macro_rules! tag {
    ($rest:literal) => {
        concat!(
            "SELECT t.name, t.created_at_ms, t.updated_at_ms,
                    (SELECT COUNT(*) FROM application_tags a
                     WHERE a.account_id = t.account_id AND a.name = t.name) AS app_count
             FROM tags t WHERE t.account_id = $1 ",
            $rest
        )
    };
}

macro_rules! certificate {
    ($rest:literal) => {
        concat!(
            "SELECT id, account_id, name, pem, fingerprint, expires_at_ms, hostnames, created_at_ms, updated_at_ms
             FROM certificates WHERE account_id = $1 ",
            $rest
        )
    };
}

macro_rules! labels {
    ($connection:ty) => {
        #[async_trait]
        impl Labels for $connection {
            async fn tag(&mut self, account: &str, name: &str) -> Result<Option<TagRow>, Error> {
                let row = sqlx::query_as(tag!("AND t.name = $2"));
                row.bind(account).bind(name).fetch_optional(self).await.map_err(failed)
            }

            async fn tags(&mut self, account: &str, page: Page) -> Result<(Vec<TagRow>, i64), Error> {
                let rows = sqlx::query_as(tag!("ORDER BY t.name LIMIT $2 OFFSET $3"));
                let rows = rows.bind(account).bind(page.limit()).bind(page.offset());
                let rows = rows.fetch_all(&mut *self).await.map_err(failed)?;
                let total = sqlx::query_scalar("SELECT COUNT(*) FROM tags WHERE account_id = $1");
                Ok((rows, total.bind(account).fetch_one(self).await.map_err(failed)?))
            }

            async fn certificate(
                &mut self,
                account: &str,
                id: &str,
            ) -> Result<Option<CertificateRow>, Error> {
                let row = sqlx::query_as(certificate!("AND id = $2"));
                row.bind(account).bind(id).fetch_optional(self).await.map_err(failed)
            }

            async fn certificate_with(
                &mut self,
                account: &str,
                fingerprint: &str,
            ) -> Result<Option<String>, Error> {
                let id = sqlx::query_scalar(
                    "SELECT id FROM certificates WHERE account_id = $1 AND fingerprint = $2",
                );
                id.bind(account).bind(fingerprint).fetch_optional(self).await.map_err(failed)
            }

            async fn certificates(
                &mut self,
                account: &str,
                page: Page,
            ) -> Result<(Vec<CertificateRow>, i64), Error> {
                let rows = sqlx::query_as(certificate!("ORDER BY created_at_ms, id LIMIT $2 OFFSET $3"));
                let rows = rows.bind(account).bind(page.limit()).bind(page.offset());
                let rows = rows.fetch_all(&mut *self).await.map_err(failed)?;
                let total = sqlx::query_scalar("SELECT COUNT(*) FROM certificates WHERE account_id = $1");
                Ok((rows, total.bind(account).fetch_one(self).await.map_err(failed)?))
            }

            async fn hostname_settings(&mut self, account: &str) -> Result<Vec<HostnameSettingRow>, Error> {
                let rows = sqlx::query_as(
                    "SELECT hostname, china_network, client_certificate_forwarding FROM certificate_settings
                     WHERE account_id = $1 ORDER BY hostname",
                );
                rows.bind(account).fetch_all(self).await.map_err(failed)
            }
        }
    };
}

labels!(PgConnection);
labels!(SqliteConnection);

//! Writing what no enforcement point needs: tags and certificates.

use super::rows::{CertificateRow, HostnameSettingRow};
use super::writes::execute;
use async_trait::async_trait;
use database::failed;
use database::sqlx::{self, PgConnection, SqliteConnection};
use model::Error;

/// One such thing to write.
#[derive(Debug, Clone, PartialEq)]
pub enum Label {
    /// Which is not there yet.
    CreateTag {
        account: String,
        name: String,
        at_ms: i64,
    },
    /// Which no application names.
    RenameTag {
        account: String,
        from: String,
        to: String,
        at_ms: i64,
    },
    /// Which no application names.
    DeleteTag {
        account: String,
        name: String,
    },
    /// Replaces the tags of an application, each of which is there.
    SetTags {
        application: String,
        account: String,
        names: Vec<String>,
    },
    /// Creates, or changes name and host names.
    PutCertificate(CertificateRow),
    DeleteCertificate {
        id: String,
    },
    /// Creates or replaces.
    PutHostnameSetting {
        account: String,
        setting: HostnameSettingRow,
    },
}

#[async_trait]
pub trait LabelWrites: Send {
    async fn write_label(&mut self, label: &Label) -> Result<(), Error>;
}

macro_rules! label_writes {
    ($connection:ty) => {
        #[async_trait]
        impl LabelWrites for $connection {
            async fn write_label(&mut self, label: &Label) -> Result<(), Error> {
                match label {
                    Label::CreateTag { account, name, at_ms } => {
                        execute!(
                            self,
                            "INSERT INTO tags (account_id, name, created_at_ms, updated_at_ms) VALUES ($1, $2, $3, $3)",
                            account, name, at_ms,
                        );
                    }
                    Label::RenameTag { account, from, to, at_ms } => {
                        execute!(
                            self,
                            "UPDATE tags SET name = $3, updated_at_ms = $4 WHERE account_id = $1 AND name = $2",
                            account, from, to, at_ms,
                        );
                    }
                    Label::DeleteTag { account, name } => {
                        execute!(self, "DELETE FROM tags WHERE account_id = $1 AND name = $2", account, name);
                    }
                    Label::SetTags { application, account, names } => {
                        execute!(self, "DELETE FROM application_tags WHERE application_id = $1", application);
                        for name in names {
                            execute!(
                                self,
                                "INSERT INTO application_tags (application_id, account_id, name) VALUES ($1, $2, $3)",
                                application, account, name,
                            );
                        }
                    }
                    Label::PutCertificate(row) => {
                        execute!(
                            self,
                            "INSERT INTO certificates (id, account_id, name, pem, fingerprint, expires_at_ms, hostnames,
                                                       created_at_ms, updated_at_ms)
                             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
                             ON CONFLICT (id) DO UPDATE SET name = excluded.name, hostnames = excluded.hostnames,
                                                            updated_at_ms = excluded.updated_at_ms",
                            &row.id, &row.account_id, &row.name, &row.pem, &row.fingerprint, row.expires_at_ms,
                            &row.hostnames, row.created_at_ms, row.updated_at_ms,
                        );
                    }
                    Label::DeleteCertificate { id } => {
                        execute!(self, "DELETE FROM certificates WHERE id = $1", id);
                    }
                    Label::PutHostnameSetting { account, setting } => {
                        execute!(
                            self,
                            "INSERT INTO certificate_settings
                                 (account_id, hostname, china_network, client_certificate_forwarding)
                             VALUES ($1, $2, $3, $4)
                             ON CONFLICT (account_id, hostname) DO UPDATE SET
                                 china_network = excluded.china_network,
                                 client_certificate_forwarding = excluded.client_certificate_forwarding",
                            account, &setting.hostname, setting.china_network, setting.client_certificate_forwarding,
                        );
                    }
                }
                Ok(())
            }
        }
    };
}

label_writes!(PgConnection);
label_writes!(SqliteConnection);

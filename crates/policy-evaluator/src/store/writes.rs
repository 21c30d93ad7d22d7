use super::label_writes::{Label, LabelWrites as _};
use async_trait::async_trait;
use database::failed;
use database::sqlx::{self, PgConnection, SqliteConnection};
use model::Error;

/// One thing to write. A plan lists them in an order that the tables' references allow.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// Creates, or changes name and spec.
    PutApplication {
        id: String,
        account: String,
        aud: String,
        name: String,
        spec: Vec<u8>,
        at_ms: i64,
    },
    /// Replaces the domains: canonical patterns.
    SetDomains {
        application: String,
        patterns: Vec<String>,
    },
    /// An encoded message.
    SetFailureMode {
        application: String,
        mode: Vec<u8>,
    },
    SetSessionSignature {
        application: String,
        algorithm: &'static str,
    },
    /// With its domains and links, and the policies that it owns.
    DeleteApplication {
        id: String,
    },
    /// Creates, or changes the spec.
    PutPolicy {
        id: String,
        account: String,
        owner: Option<String>,
        spec: Vec<u8>,
        at_ms: i64,
    },
    /// Which no application links any more.
    DeletePolicy {
        id: String,
    },
    /// Replaces the policies of an application: id and precedence.
    SetLinks {
        application: String,
        links: Vec<(String, i64)>,
    },
    /// Creates, or changes name and spec.
    PutGroup {
        id: String,
        account: String,
        name: String,
        spec: Vec<u8>,
        at_ms: i64,
    },
    /// Which nothing names any more.
    DeleteGroup {
        id: String,
    },
    /// Replaces the groups that a policy or group names.
    SetGroupReferences {
        referrer: String,
        groups: Vec<String>,
    },
    /// What no enforcement point needs.
    Label(Label),
    /// No application's alone any more.
    FreePolicy {
        id: String,
        at_ms: i64,
    },
    /// Creates or replaces.
    PutOrganization {
        account: String,
        team_host: String,
        spec: Vec<u8>,
        at_ms: i64,
    },
}

#[async_trait]
pub trait Writes: Send {
    async fn write(&mut self, write: &Write) -> Result<(), Error>;

    /// Remembers, before the token registry is told anything, that it may hold references of this referrer.
    async fn begin_referrer(&mut self, referrer: &str, account: &str, now_ms: i64) -> Result<(), Error>;

    /// The registry holds what is true: remembered as settled, or forgotten if it holds nothing. A change that has
    /// begun since then (after `since_ms`) settles by itself.
    async fn settle_referrer(
        &mut self,
        referrer: &str,
        since_ms: i64,
        holds_nothing: bool,
    ) -> Result<(), Error>;
}

macro_rules! execute {
    ($connection:expr, $sql:expr $(, $value:expr)* $(,)?) => {
        sqlx::query($sql)$(.bind($value))*.execute(&mut *$connection).await.map_err(failed)?
    };
}
pub(super) use execute;

const PUT_APPLICATION: &str =
    "INSERT INTO applications (id, account_id, aud, name, spec, created_at_ms, updated_at_ms,
    recorded_at_ms)
    VALUES ($1, $2, $3, $4, $5, $6, $6, $6)
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, spec = excluded.spec,
    updated_at_ms = excluded.updated_at_ms,
    recorded_at_ms = excluded.recorded_at_ms";
const SET_FAILURE_MODE: &str = "UPDATE applications SET failure_mode = $2 WHERE id = $1";
const SET_SESSION_SIGNATURE: &str = "UPDATE applications SET session_signature = $2 WHERE id = $1";

macro_rules! writes {
    ($connection:ty) => {
        #[async_trait]
        impl Writes for $connection {
            async fn write(&mut self, write: &Write) -> Result<(), Error> {
                match write {
                    Write::PutApplication { id, account, aud, name, spec, at_ms } => {
                        execute!(
                            self,
                            PUT_APPLICATION,
                            id, account, aud, name, spec, at_ms,
                        );
                    }
                    Write::SetDomains { application, patterns } => {
                        execute!(self, "DELETE FROM application_domains WHERE application_id = $1", application);
                        for pattern in patterns {
                            execute!(
                                self,
                                "INSERT INTO application_domains (pattern, application_id) VALUES ($1, $2)",
                                pattern, application,
                            );
                        }
                    }
                    Write::SetFailureMode { application, mode } => {
                        execute!(self, SET_FAILURE_MODE, application, mode);
                    }
                    Write::SetSessionSignature { application, algorithm } => {
                        execute!(self, SET_SESSION_SIGNATURE, application, *algorithm);
                    }
                    Write::DeleteApplication { id } => {
                        execute!(self, "DELETE FROM application_policies WHERE application_id = $1", id);
                        execute!(self, "DELETE FROM policies WHERE application_id = $1", id);
                        execute!(self, "DELETE FROM applications WHERE id = $1", id);
                    }
                    Write::PutPolicy { id, account, owner, spec, at_ms } => {
                        execute!(
                            self,
                            "INSERT INTO policies (id, account_id, application_id, spec, created_at_ms, updated_at_ms)
                             VALUES ($1, $2, $3, $4, $5, $5)
                             ON CONFLICT (id) DO UPDATE SET spec = excluded.spec,
                                                            updated_at_ms = excluded.updated_at_ms",
                            id, account, owner, spec, at_ms,
                        );
                    }
                    Write::DeletePolicy { id } => {
                        execute!(self, "DELETE FROM policies WHERE id = $1", id);
                    }
                    Write::SetLinks { application, links } => {
                        execute!(self, "DELETE FROM application_policies WHERE application_id = $1", application);
                        for (policy, precedence) in links {
                            execute!(
                                self,
                                "INSERT INTO application_policies (application_id, policy_id, precedence)
                                 VALUES ($1, $2, $3)",
                                application, policy, precedence,
                            );
                        }
                    }
                    Write::PutGroup { id, account, name, spec, at_ms } => {
                        execute!(
                            self,
                            "INSERT INTO access_groups (id, account_id, name, spec, created_at_ms, updated_at_ms)
                             VALUES ($1, $2, $3, $4, $5, $5)
                             ON CONFLICT (id) DO UPDATE SET name = excluded.name, spec = excluded.spec,
                                                            updated_at_ms = excluded.updated_at_ms",
                            id, account, name, spec, at_ms,
                        );
                    }
                    Write::DeleteGroup { id } => {
                        execute!(self, "DELETE FROM access_groups WHERE id = $1", id);
                    }
                    Write::SetGroupReferences { referrer, groups } => {
                        execute!(self, "DELETE FROM group_references WHERE referrer = $1", referrer);
                        for group in groups {
                            execute!(
                                self,
                                "INSERT INTO group_references (group_id, referrer) VALUES ($1, $2)",
                                group, referrer,
                            );
                        }
                    }
                    Write::Label(label) => self.write_label(label).await?,
                    Write::FreePolicy { id, at_ms } => {
                        execute!(
                            self,
                            "UPDATE policies SET application_id = NULL, updated_at_ms = $2 WHERE id = $1",
                            id, at_ms,
                        );
                    }
                    Write::PutOrganization { account, team_host, spec, at_ms } => {
                        execute!(
                            self,
                            "INSERT INTO organizations (account_id, team_host, spec, created_at_ms, updated_at_ms)
                             VALUES ($1, $2, $3, $4, $4)
                             ON CONFLICT (account_id) DO UPDATE SET team_host = excluded.team_host,
                                 spec = excluded.spec, updated_at_ms = excluded.updated_at_ms",
                            account, team_host, spec, at_ms,
                        );
                    }
                }
                Ok(())
            }

            async fn begin_referrer(&mut self, referrer: &str, account: &str, now_ms: i64) -> Result<(), Error> {
                execute!(
                    self,
                    "INSERT INTO token_referrers (referrer, account_id, settled, since_ms) VALUES ($1, $2, $3, $4)
                     ON CONFLICT (referrer) DO UPDATE SET settled = excluded.settled, since_ms = excluded.since_ms",
                    referrer, account, false, now_ms,
                );
                Ok(())
            }

            async fn settle_referrer(
                &mut self,
                referrer: &str,
                since_ms: i64,
                holds_nothing: bool,
            ) -> Result<(), Error> {
                if holds_nothing {
                    execute!(
                        self,
                        "DELETE FROM token_referrers WHERE referrer = $1 AND since_ms <= $2",
                        referrer, since_ms,
                    );
                } else {
                    execute!(
                        self,
                        "UPDATE token_referrers SET settled = $3 WHERE referrer = $1 AND since_ms <= $2",
                        referrer, since_ms, true,
                    );
                }
                Ok(())
            }
        }
    };
}

writes!(PgConnection);
writes!(SqliteConnection);

use super::rows::{ApplicationRow, GroupRow, OrganizationRow, PolicyRow, ReferrerRow};
use async_trait::async_trait;
use database::failed;
use database::sqlx::{self, PgConnection, SqliteConnection};
use model::Error;

/// Which part of a list is read.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    limit: i64,
    offset: i64,
}

/// Most entries of one page, and the default.
const PER_PAGE: u32 = 1_000;

impl Page {
    /// `page` from 1; 0 means 1. `per_page` 1-1,000; 0 means 1,000.
    pub fn new(page: u32, per_page: u32) -> Self {
        let limit = i64::from(if per_page == 0 { PER_PAGE } else { per_page.min(PER_PAGE) });
        Self { limit, offset: limit * (i64::from(page).max(1) - 1) }
    }

    pub const fn limit(self) -> i64 {
        self.limit
    }

    pub const fn offset(self) -> i64 {
        self.offset
    }

    /// This part of a list that is read whole.
    pub fn of<T>(self, whole: Vec<T>) -> Vec<T> {
        let bound = |number: i64| usize::try_from(number).unwrap_or_default();
        whole.into_iter().skip(bound(self.offset)).take(bound(self.limit)).collect()
    }
}

/// Which applications a list shows. Empty texts: any.
#[derive(Debug, Default)]
pub struct ApplicationFilter {
    pub name: String,
    pub aud: String,
    /// A canonical pattern.
    pub domain: String,
    /// Part of name or domain.
    pub search: String,
}

/// Which groups a list shows. Empty texts: any.
#[derive(Debug, Default)]
pub struct GroupFilter {
    pub name: String,
    /// Part of the name.
    pub search: String,
}

/// What is read. `account` empty: whichever.
#[async_trait]
pub trait Reads: Send {
    /// By id or audience tag.
    async fn application(&mut self, account: &str, id: &str) -> Result<Option<ApplicationRow>, Error>;
    /// One page, oldest first, and how many there are in all.
    async fn applications(
        &mut self,
        account: &str,
        filter: &ApplicationFilter,
        page: Page,
    ) -> Result<(Vec<ApplicationRow>, i64), Error>;
    /// The id of the application that has a domain.
    async fn owner_of_domain(&mut self, pattern: &str) -> Result<Option<String>, Error>;
    /// The policies of one application, in order.
    async fn policies_of(&mut self, application: &str) -> Result<Vec<PolicyRow>, Error>;
    /// The policies of every application of an account that was created between two times, both included, in order.
    async fn policies_between(
        &mut self,
        account: &str,
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<PolicyRow>, Error>;
    /// A policy, reusable or not, seen from no application.
    async fn policy(&mut self, account: &str, id: &str) -> Result<Option<PolicyRow>, Error>;
    /// One page of the reusable policies, oldest first, and how many there are in all.
    async fn reusable_policies(&mut self, account: &str, page: Page) -> Result<(Vec<PolicyRow>, i64), Error>;
    /// All of them, oldest first.
    async fn all_reusable_policies(&mut self, account: &str) -> Result<Vec<PolicyRow>, Error>;
    /// The applications that link a policy: id and name.
    async fn applications_linking(&mut self, policy: &str) -> Result<Vec<(String, String)>, Error>;
    async fn group(&mut self, account: &str, id: &str) -> Result<Option<GroupRow>, Error>;
    /// Every group of an account.
    async fn all_groups(&mut self, account: &str) -> Result<Vec<GroupRow>, Error>;
    /// One page, oldest first, and how many there are in all.
    async fn groups(
        &mut self,
        account: &str,
        filter: &GroupFilter,
        page: Page,
    ) -> Result<(Vec<GroupRow>, i64), Error>;
    /// Who names a group: `policy/<id>`, `group/<id>`.
    async fn referrers_of_group(&mut self, group: &str) -> Result<Vec<String>, Error>;
    async fn organization(&mut self, account: &str) -> Result<Option<OrganizationRow>, Error>;
    /// One page of all accounts' organizations: those after an account's.
    async fn organizations_after(&mut self, account: &str) -> Result<Vec<OrganizationRow>, Error>;
    /// The account that has a team domain's host.
    async fn owner_of_team_host(&mut self, host: &str) -> Result<Option<String>, Error>;
    /// One page of the token referrers after `after` whose last change began before `before_ms`; `unsettled` only or all.
    async fn token_referrers(
        &mut self,
        after: &str,
        before_ms: i64,
        is_unsettled: bool,
    ) -> Result<Vec<ReferrerRow>, Error>;
}

macro_rules! policy_columns {
    () => {
        "SELECT p.id, p.account_id, p.application_id, p.spec, p.created_at_ms, p.updated_at_ms,
                (SELECT COUNT(*) FROM application_policies c WHERE c.policy_id = p.id) AS app_count, "
    };
}

macro_rules! linked_policies {
    ($($rest:literal),+) => {
        concat!(
            policy_columns!(),
            "l.precedence AS precedence, l.application_id AS linked_by
             FROM application_policies l JOIN policies p ON p.id = l.policy_id ",
            $($rest),+
        )
    };
}

macro_rules! plain_policies {
    ($($rest:literal),+) => {
        concat!(policy_columns!(), "CAST(0 AS BIGINT) AS precedence, '' AS linked_by FROM policies p ", $($rest),+)
    };
}

macro_rules! application_filter {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " FROM applications a WHERE a.account_id = $1 AND ($2 = '' OR a.name = $2) AND ($3 = '' OR a.aud = $3)
              AND ($4 = '' OR EXISTS (SELECT 1 FROM application_domains d
                                      WHERE d.application_id = a.id AND d.pattern = $4))
              AND ($5 = '' OR LOWER(a.name) LIKE $5 ESCAPE '\\'
                   OR EXISTS (SELECT 1 FROM application_domains d
                              WHERE d.application_id = a.id AND d.pattern LIKE $5 ESCAPE '\\')) ",
            $after
        )
    };
}

macro_rules! group_filter {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " FROM access_groups WHERE account_id = $1 AND ($2 = '' OR name = $2)
              AND ($3 = '' OR LOWER(name) LIKE $3 ESCAPE '\\') ",
            $after
        )
    };
}

/// A `LIKE` pattern for a part of a lower-case text. Empty for empty.
fn contains(part: &str) -> String {
    if part.is_empty() {
        return String::new();
    }
    let escaped = part.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}

macro_rules! reads {
    ($connection:ty) => {
        #[async_trait]
        impl Reads for $connection {
            async fn application(&mut self, account: &str, id: &str) -> Result<Option<ApplicationRow>, Error> {
                sqlx::query_as(
                    "SELECT id, account_id, aud, spec, created_at_ms, updated_at_ms, failure_mode, session_signature
                     FROM applications
                     WHERE (id = $1 OR aud = $1) AND ($2 = '' OR account_id = $2)",
                )
                .bind(id)
                .bind(account)
                .fetch_optional(self)
                .await
                .map_err(failed)
            }

            async fn applications(
                &mut self,
                account: &str,
                filter: &ApplicationFilter,
                page: Page,
            ) -> Result<(Vec<ApplicationRow>, i64), Error> {
                let ApplicationFilter { name, aud, domain, search } = filter;
                let search = contains(search);
                let rows = sqlx::query_as(application_filter!(
                    "SELECT a.id, a.account_id, a.aud, a.spec, a.created_at_ms, a.updated_at_ms, a.failure_mode,
                     a.session_signature",
                    "ORDER BY a.created_at_ms, a.id LIMIT $6 OFFSET $7"
                ));
                let rows = rows.bind(account).bind(name).bind(aud).bind(domain).bind(&search);
                let rows = rows.bind(page.limit).bind(page.offset).fetch_all(&mut *self).await.map_err(failed)?;
                let total = sqlx::query_scalar(application_filter!("SELECT COUNT(*)", ""));
                let total = total.bind(account).bind(name).bind(aud).bind(domain).bind(&search);
                Ok((rows, total.fetch_one(self).await.map_err(failed)?))
            }

            async fn owner_of_domain(&mut self, pattern: &str) -> Result<Option<String>, Error> {
                let owner = sqlx::query_scalar("SELECT application_id FROM application_domains WHERE pattern = $1");
                owner.bind(pattern).fetch_optional(self).await.map_err(failed)
            }

            async fn policies_of(&mut self, application: &str) -> Result<Vec<PolicyRow>, Error> {
                let rows = sqlx::query_as(linked_policies!("WHERE l.application_id = $1 ORDER BY l.precedence"));
                rows.bind(application).fetch_all(self).await.map_err(failed)
            }

            async fn policies_between(
                &mut self,
                account: &str,
                from_ms: i64,
                to_ms: i64,
            ) -> Result<Vec<PolicyRow>, Error> {
                let rows = sqlx::query_as(linked_policies!(
                    "JOIN applications a ON a.id = l.application_id
                     WHERE a.account_id = $1 AND a.created_at_ms BETWEEN $2 AND $3 ORDER BY l.precedence"
                ));
                rows.bind(account).bind(from_ms).bind(to_ms).fetch_all(self).await.map_err(failed)
            }

            async fn policy(&mut self, account: &str, id: &str) -> Result<Option<PolicyRow>, Error> {
                let row = sqlx::query_as(plain_policies!("WHERE p.id = $1 AND ($2 = '' OR p.account_id = $2)"));
                row.bind(id).bind(account).fetch_optional(self).await.map_err(failed)
            }

            async fn reusable_policies(
                &mut self,
                account: &str,
                page: Page,
            ) -> Result<(Vec<PolicyRow>, i64), Error> {
                let rows = sqlx::query_as(plain_policies!(
                    "WHERE p.account_id = $1 AND p.application_id IS NULL
                     ORDER BY p.created_at_ms, p.id LIMIT $2 OFFSET $3"
                ));
                let rows = rows.bind(account).bind(page.limit).bind(page.offset).fetch_all(&mut *self);
                let rows = rows.await.map_err(failed)?;
                let total = sqlx::query_scalar(
                    "SELECT COUNT(*) FROM policies WHERE account_id = $1 AND application_id IS NULL",
                );
                Ok((rows, total.bind(account).fetch_one(self).await.map_err(failed)?))
            }

            async fn all_reusable_policies(&mut self, account: &str) -> Result<Vec<PolicyRow>, Error> {
                let rows = sqlx::query_as(plain_policies!(
                    "WHERE p.account_id = $1 AND p.application_id IS NULL ORDER BY p.created_at_ms, p.id"
                ));
                rows.bind(account).fetch_all(self).await.map_err(failed)
            }

            async fn applications_linking(&mut self, policy: &str) -> Result<Vec<(String, String)>, Error> {
                let rows = sqlx::query_as(
                    "SELECT a.id, a.name FROM application_policies l JOIN applications a ON a.id = l.application_id
                     WHERE l.policy_id = $1 ORDER BY a.created_at_ms, a.id",
                );
                rows.bind(policy).fetch_all(self).await.map_err(failed)
            }

            async fn group(&mut self, account: &str, id: &str) -> Result<Option<GroupRow>, Error> {
                let row = sqlx::query_as(
                    "SELECT id, account_id, spec, created_at_ms, updated_at_ms FROM access_groups
                     WHERE id = $1 AND ($2 = '' OR account_id = $2)",
                );
                row.bind(id).bind(account).fetch_optional(self).await.map_err(failed)
            }

            async fn all_groups(&mut self, account: &str) -> Result<Vec<GroupRow>, Error> {
                let rows = sqlx::query_as(
                    "SELECT id, account_id, spec, created_at_ms, updated_at_ms FROM access_groups
                     WHERE account_id = $1",
                );
                rows.bind(account).fetch_all(self).await.map_err(failed)
            }

            async fn groups(
                &mut self,
                account: &str,
                filter: &GroupFilter,
                page: Page,
            ) -> Result<(Vec<GroupRow>, i64), Error> {
                let search = contains(&filter.search);
                let rows = sqlx::query_as(group_filter!(
                    "SELECT id, account_id, spec, created_at_ms, updated_at_ms",
                    "ORDER BY created_at_ms, id LIMIT $4 OFFSET $5"
                ));
                let rows = rows.bind(account).bind(&filter.name).bind(&search).bind(page.limit).bind(page.offset);
                let rows = rows.fetch_all(&mut *self).await.map_err(failed)?;
                let total = sqlx::query_scalar(group_filter!("SELECT COUNT(*)", ""));
                let total = total.bind(account).bind(&filter.name).bind(&search);
                Ok((rows, total.fetch_one(self).await.map_err(failed)?))
            }

            async fn referrers_of_group(&mut self, group: &str) -> Result<Vec<String>, Error> {
                let rows = sqlx::query_scalar("SELECT referrer FROM group_references WHERE group_id = $1 ORDER BY referrer");
                rows.bind(group).fetch_all(self).await.map_err(failed)
            }

            async fn organization(&mut self, account: &str) -> Result<Option<OrganizationRow>, Error> {
                let row = sqlx::query_as(
                    "SELECT account_id, team_host, spec, created_at_ms, updated_at_ms FROM organizations
                     WHERE account_id = $1",
                );
                row.bind(account).fetch_optional(self).await.map_err(failed)
            }

            async fn organizations_after(&mut self, account: &str) -> Result<Vec<OrganizationRow>, Error> {
                let rows = sqlx::query_as(
                    "SELECT account_id, team_host, spec, created_at_ms, updated_at_ms FROM organizations
                     WHERE account_id > $1 ORDER BY account_id LIMIT 500",
                );
                rows.bind(account).fetch_all(self).await.map_err(failed)
            }

            async fn owner_of_team_host(&mut self, host: &str) -> Result<Option<String>, Error> {
                let owner = sqlx::query_scalar("SELECT account_id FROM organizations WHERE team_host = $1");
                owner.bind(host).fetch_optional(self).await.map_err(failed)
            }

            async fn token_referrers(
                &mut self,
                after: &str,
                before_ms: i64,
                is_unsettled: bool,
            ) -> Result<Vec<ReferrerRow>, Error> {
                let rows = sqlx::query_as(
                    "SELECT referrer, account_id, since_ms FROM token_referrers
                     WHERE referrer > $1 AND since_ms < $2 AND (settled = $3 OR settled = $4)
                     ORDER BY referrer LIMIT 500",
                );
                let rows = rows.bind(after).bind(before_ms).bind(false).bind(!is_unsettled);
                rows.fetch_all(self).await.map_err(failed)
            }
        }
    };
}

reads!(PgConnection);
reads!(SqliteConnection);

//! The migrations of every service, embedded.

use sqlx::migrate::Migrator;

/// One set of tables, for both databases. Each set keeps its own record of what ran.
pub struct Migrations {
    name: &'static str,
    table: &'static str,
    postgres: Migrator,
    sqlite: Migrator,
}

impl Migrations {
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// As it was up to this version: for tests of what an older schema holds.
    #[must_use]
    pub fn up_to(&self, version: i64) -> Self {
        let cut = |all: &Migrator| {
            Migrator::with_migrations(all.iter().filter(|it| it.version <= version).cloned().collect())
        };
        let Self { name, table, postgres, sqlite } = self;
        Self { name, table, postgres: cut(postgres), sqlite: cut(sqlite) }
    }

    pub(crate) fn postgres(&self) -> Migrator {
        self.recorded_apart(&self.postgres)
    }

    pub(crate) fn sqlite(&self) -> Migrator {
        self.recorded_apart(&self.sqlite)
    }

    /// Several sets live in one database; each has its own table of what ran.
    fn recorded_apart(&self, embedded: &Migrator) -> Migrator {
        let mut migrator = Migrator::with_migrations(embedded.iter().cloned().collect());
        migrator.dangerous_set_table_name(self.table);
        migrator
    }
}

macro_rules! migrations {
    ($(#[$doc:meta])* $constant:ident, $name:literal, $table:literal, $postgres:literal, $sqlite:literal) => {
        $(#[$doc])*
        pub static $constant: Migrations = Migrations {
            name: $name,
            table: $table,
            postgres: sqlx::migrate!($postgres),
            sqlite: sqlx::migrate!($sqlite),
        };
    };
}

migrations!(
    /// The change feed's tables, in every owning service's database.
    CHANGE_FEED,
    "change-feed",
    "_migrations_change_feed",
    "../../migrations/change-feed/postgres",
    "../../migrations/change-feed/sqlite"
);
migrations!(
    /// Who changed what, in every owning service's database.
    AUDIT,
    "audit",
    "_migrations_audit",
    "../../migrations/audit/postgres",
    "../../migrations/audit/sqlite"
);
migrations!(
    /// Service tokens.
    TOKEN_REGISTRY,
    "token-registry",
    "_migrations_token_registry",
    "../../migrations/token-registry/postgres",
    "../../migrations/token-registry/sqlite"
);
migrations!(
    /// Applications, policies, groups, organizations.
    POLICY_EVALUATOR,
    "policy-evaluator",
    "_migrations_policy_evaluator",
    "../../migrations/policy-evaluator/postgres",
    "../../migrations/policy-evaluator/sqlite"
);
migrations!(
    /// Signing keys.
    SESSION_ISSUER,
    "session-issuer",
    "_migrations_session_issuer",
    "../../migrations/session-issuer/postgres",
    "../../migrations/session-issuer/sqlite"
);
migrations!(
    /// Alert policies, destinations, deliveries.
    NOTIFIER,
    "notifier",
    "_migrations_notifier",
    "../../migrations/notifier/postgres",
    "../../migrations/notifier/sqlite"
);

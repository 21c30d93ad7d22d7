//! What the statements cost.

use crate::tests::World;
use database::sqlx::{self, AssertSqlSafe};
use proto::token_registry::ListTokensRequest;

const TOKENS: i64 = 100_000;
const ACCOUNT: &str = "f037e56e89293a057740de681ac9abbe";

/// Tokens of one account, created and expiring one after the other.
fn filling(world: &World) -> String {
    let numbers = world.database.choose(
        "SELECT n FROM generate_series(1, 100000) AS n",
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 100000) SELECT n FROM numbers",
    );
    let digest = world.database.choose("decode(repeat('ab', 32), 'hex')", "zeroblob(32)");
    format!(
        "INSERT INTO tokens ({}) SELECT 'id-' || n, '{ACCOUNT}', 'token ' || n, n || '.access', '8760h', TRUE, n, n,
             1000000 + n, 1, {digest}, 'pepper', NULL, NULL, NULL, NULL, 0, 0, NULL FROM ({numbers}) AS numbers",
        credential_columns!()
    )
}

/// How the database goes about it, as text.
async fn plan(world: &World, statement: &str) -> String {
    let explain = world.database.choose("EXPLAIN ", "EXPLAIN QUERY PLAN ");
    let statement = AssertSqlSafe(format!("{explain}{statement}"));
    match &world.database {
        database::Database::Postgres(pool) => {
            sqlx::query_scalar::<_, String>(statement).fetch_all(pool).await.unwrap().join("\n")
        }
        database::Database::Sqlite(pool) => {
            let rows: Vec<(i64, i64, i64, String)> = sqlx::query_as(statement).fetch_all(pool).await.unwrap();
            rows.into_iter().map(|row| row.3).collect::<Vec<_>>().join("\n")
        }
    }
}

/// The statement with its values in place.
fn with_values(statement: &str, values: &[&str]) -> String {
    let numbered = values.iter().enumerate().rev();
    numbered
        .fold(statement.to_owned(), |text, (index, value)| text.replace(&format!("${}", index + 1), value))
}

pub async fn a_hundred_thousand_tokens_are_read_by_index(world: World) {
    let registry = world.registry().await;
    let fill = AssertSqlSafe(filling(&world));
    database::with!(&world.database, |pool| {
        sqlx::query(fill).execute(pool).await.unwrap();
        let tidy = world.database.choose("VACUUM (ANALYZE) tokens", "ANALYZE tokens");
        sqlx::query(tidy).execute(pool).await.unwrap();
    });
    let digest = world.database.choose("decode(repeat('00', 32), 'hex')", "zeroblob(32)");
    let account = format!("'{ACCOUNT}'");
    let middle_page = with_values(page_statement!("ASC"), &[&account, "100000", "1000", "49000"]);
    let last_page = with_values(page_statement!("DESC"), &[&account, "100000", "1000", "0"]);
    let expiring = with_values(expiring_statement!(), &["1050000", "1049000", "'id-49000'", "500"]);
    let by_client_id = with_values(look_up_statement!(), &["'5.access'", digest, "'pepper'"]);
    let by_id = with_values(select!("WHERE id = 'id-5' AND account_id = $1"), &[&account]);
    let indexes = [
        (middle_page, "tokens_by_account"),
        (last_page, "tokens_by_account"),
        (expiring, "tokens_expiring"),
        (by_client_id, world.database.choose("tokens_client_id_key", "sqlite_autoindex_tokens_2")),
        (by_id, world.database.choose("tokens_pkey", "sqlite_autoindex_tokens_1")),
    ];
    for (statement, index) in indexes {
        let plan = plan(&world, &statement).await;
        // Searched by its columns, not read from end to end.
        let search = world.database.choose("using #", "INDEX # (").replace('#', index);
        assert!(plan.contains(&search), "{statement}\n{plan}");
    }

    // And the answers are the right ones.
    let request = ListTokensRequest { account_id: ACCOUNT.into(), page: 100, ..ListTokensRequest::default() };
    let page = registry.list(request).await.unwrap();
    assert_eq!((page.tokens.len(), page.total_count), (1_000, TOKENS.unsigned_abs()));
    assert_eq!(page.tokens[999].name, "token 100000");
    for (page, first, number) in
        [(1, "token 1", 10), (7_001, "token 70001", 10), (10_000, "token 99991", 10), (10_001, "", 0)]
    {
        let request = ListTokensRequest {
            account_id: ACCOUNT.into(),
            page,
            per_page: 10,
            ..ListTokensRequest::default()
        };
        let found = registry.list(request).await.unwrap();
        assert_eq!((found.tokens.len(), found.total_count), (number, TOKENS.unsigned_abs()), "page {page}");
        assert_eq!(found.tokens.first().map_or("", |token| token.name.as_str()), first, "page {page}");
    }
}

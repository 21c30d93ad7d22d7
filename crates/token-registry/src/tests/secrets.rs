use super::World;
use database::sqlx;
use model::{ErrorKind, TokenId};
use parking_lot::Mutex;
use proto::token_registry as wire;
use std::io::Write;
use std::sync::{Arc, Once};
use std::time::Duration;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::filter::LevelFilter;

/// In January 2023 a defect overwrote credentials with empty ones at Cloudflare, for two hours.
pub async fn no_credential_is_stored_with_an_empty_digest(world: World) {
    let (registry, store) = (world.registry().await, world.store().await);
    let made = registry.new_token().await;
    registry.rotated(&made, Some(world.later(Duration::from_hours(1)))).await;
    let statements = [
        "UPDATE tokens SET secret_digest = ''",
        "UPDATE tokens SET secret_digest = NULL",
        "UPDATE tokens SET secret_digest = substr(secret_digest, 1, 31)",
        "UPDATE tokens SET previous_digest = ''",
        "UPDATE tokens SET secret_version = 0",
        "UPDATE tokens SET pepper_id = NULL",
    ];
    for statement in statements {
        database::with!(&world.database, |pool| {
            let refused = sqlx::query(statement).execute(pool).await.unwrap_err();
            let cause = refused.as_database_error().unwrap().kind();
            let expected = [sqlx::error::ErrorKind::CheckViolation, sqlx::error::ErrorKind::NotNullViolation];
            assert!(expected.contains(&cause), "{statement}: {cause:?}");
        });
    }
    let (mut empty, _) = store.find_by_client_id(&made.client_id).await.unwrap().unwrap();
    empty.id = TokenId::random().to_string();
    empty.client_id = empty.client_id.replace("access", "access.copy");
    empty.secret_digest.clear();
    assert_eq!(store.insert(&empty).await.unwrap_err().kind(), ErrorKind::Internal);
    // A change that would empty it is refused as a whole.
    let emptied = store.modify("test", &made.account, &made.id, |token, _| {
        token.secret_digest.clear();
        token.secret_version += 1;
        Ok(())
    });
    assert_eq!(emptied.await.map(drop).unwrap_err().kind(), ErrorKind::Internal);
    assert_eq!(registry.refusal(&made, &made.secret).await, "");
    // One that forgets to count the version leaves the secrets alone.
    let uncounted = store.modify("test", &made.account, &made.id, |token, _| {
        token.secret_digest.clear();
        Ok(())
    });
    uncounted.await.unwrap().2.position();
    assert_eq!(registry.refusal(&made, &made.secret).await, "");
}

pub async fn no_row_holds_a_secret(world: World) {
    let registry = world.registry().await;
    let made = registry.new_token().await;
    let new = registry.rotated(&made, Some(world.later(Duration::from_hours(1)))).await;
    for secret in [&made.secret, &new] {
        let body = &secret[5..45];
        for table in ["tokens", "feed_entries", "feed_objects", "token_usage"] {
            assert_eq!(count_rows_with(&world, table, body.as_bytes()).await, 0, "{table}");
        }
    }
    // The search finds what is there.
    assert_eq!(count_rows_with(&world, "tokens", made.client_id.as_bytes()).await, 1);
    assert_eq!(count_rows_with(&world, "feed_objects", made.id.as_bytes()).await, 1);
}

/// Rows in which one of the columns of text or bytes has these bytes.
async fn count_rows_with(world: &World, table: &str, bytes: &[u8]) -> i64 {
    let columns = match table {
        "tokens" => ["id", "name", "client_id", "pepper_id", "secret_digest", "previous_digest"].as_slice(),
        "token_usage" => &["token_id"],
        _ => &["object", "state"],
    };
    let contains = |column: &&str| {
        world
            .database
            .choose("position($1 IN CAST(# AS TEXT)) > 0", "instr(CAST(# AS TEXT), $1) > 0")
            .replace('#', column)
    };
    let contains_hex = |column: &&str| {
        world
            .database
            .choose("position($2 IN CAST(# AS TEXT)) > 0", "instr(lower(hex(#)), $2) > 0")
            .replace('#', column)
    };
    let conditions: Vec<_> =
        columns.iter().flat_map(|column| [contains(column), contains_hex(column)]).collect();
    let statement = format!("SELECT COUNT(*) FROM {table} WHERE {}", conditions.join(" OR "));
    let statement = sqlx::AssertSqlSafe(statement);
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    database::with!(&world.database, |pool| {
        sqlx::query_scalar(statement).bind(text).bind(hex::encode(bytes)).fetch_one(pool).await.unwrap()
    })
}

#[tokio::test]
async fn no_file_of_the_database_holds_a_secret() {
    let directory = tempfile::tempdir().unwrap();
    let world = World::sqlite(directory.path()).await;
    let registry = world.registry().await;
    let made = registry.new_token().await;
    let new = registry.rotated(&made, Some(world.later(Duration::from_hours(1)))).await;
    registry.authenticate(&made.client_id, &new).await.unwrap();
    let has = |text: &str| {
        let files = std::fs::read_dir(directory.path()).unwrap();
        files
            .map(|file| std::fs::read(file.unwrap().path()).unwrap())
            .any(|bytes| contains(&bytes, text.as_bytes()))
    };
    assert!(has(&made.client_id), "the search finds what is there");
    for secret in [&made.secret, &new] {
        assert!(!has(&secret[5..45]));
    }
    registry.stop().await;
    assert!(!has(&made.secret[5..45]) && !has(&new[5..45]));
}

pub fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn no_message_shows_a_secret_when_debugged() {
    let secret = "spst_secret".to_owned();
    let shown = [
        format!("{:?}", wire::CreateTokenResponse { client_secret: secret.clone(), ..Default::default() }),
        format!("{:?}", wire::RotateTokenResponse { client_secret: secret.clone(), ..Default::default() }),
        format!(
            "{:?}",
            wire::UpdateTokenResponse { client_secret: Some(secret.clone()), ..Default::default() }
        ),
        format!(
            "{:?}",
            wire::AuthenticateTokenRequest { client_secret: secret.clone(), ..Default::default() }
        ),
        format!(
            "{:?}",
            tonic::Request::new(wire::AuthenticateTokenRequest {
                client_secret: secret.clone(),
                ..Default::default()
            })
        ),
    ];
    for shown in shown {
        assert!(!shown.contains(&secret), "{shown}");
    }
}

/// Where log lines go.
#[derive(Clone, Default)]
pub struct Lines(pub Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// What this thread logs from now on, until the guard is dropped.
    pub fn listen(&self, least: LevelFilter) -> DefaultGuard {
        let writer = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(least)
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .finish();
        tracing::subscriber::set_default(subscriber)
    }
}

/// Before anything is logged: a line whose first thread has no listener is remembered as one that nobody wants, and a
/// listener that another thread has at that moment would miss it.
pub fn keep_every_line_wanted() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(tracing_subscriber::registry()).unwrap());
}

/// One thread, so that everything is logged to where this test looks.
#[tokio::test]
async fn no_log_line_holds_a_secret() {
    keep_every_line_wanted();
    let lines = Lines::default();
    let _guard = lines.listen(LevelFilter::TRACE);
    let directory = tempfile::tempdir().unwrap();
    let world = World::sqlite(directory.path()).await;
    let registry = world.registry().await;
    let (made, other) = (registry.new_token().await, registry.new_token().await);
    let new = registry.rotated(&made, None).await;
    let junk = format!("{}x", made.secret);
    for secret in [&made.secret, &new, &other.secret, &junk] {
        drop(registry.authenticate(&made.client_id, secret).await);
    }
    registry.enable(&other, false).await;
    assert_eq!(registry.refusal(&other, &other.secret).await, "TOKEN_DISABLED");
    registry.delete(&made.account, &made.id).await.unwrap();
    registry.stop().await;
    let logged = lines.0.lock();
    assert!(contains(&logged, made.client_id.as_bytes()), "something was logged");
    for secret in [&made.secret, &new, &other.secret] {
        assert!(!contains(&logged, &secret.as_bytes()[5..45]));
    }
}

#[test]
fn a_problem_is_named_with_the_others() {
    let config = crate::Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        operations: None,
        name: String::new(),
        database: "postgres://registry:password@host/tokens".into(),
        cache: "memory:".into(),
        bus: "memory:".into(),
        pepper: "pepper".into(),
        previous_pepper: None,
        callers: crate::default_callers(),
    };
    let problems = config.problems();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(!problems.join(" ").contains("password"));
}

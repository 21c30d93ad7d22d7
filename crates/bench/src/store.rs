//! `TokenRegistry.AuthenticateToken` on PostgreSQL, cold: with few tokens and with very many. Each token is asked about
//! once, so that no cache answers.

use crate::owner::Site;
use crate::report::{Role, Row, Section, grouped};
use crate::series::{Series, Turn, nanos, now};
use crate::world::Pair;
use crate::{Arguments, cpu};
use anyhow::{Context as _, Result};
use database::{Database, sqlx};
use model::{AccountId, Clock as _, SystemClock, Timestamp, TokenDuration};
use proto::token_registry::token_registry_client::TokenRegistryClient;
use proto::token_registry::{AuthenticateTokenRequest, CreateTokenRequest};
use service_kit::assembly;
use service_kit::{Assembly, Callers, GrpcChannel};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

const FEW: u32 = 10_000;
/// How many ask at once, and how many each asks for in one round.
const CALLERS: usize = 8;
const EACH: usize = 25;
const CONNECTIONS: u32 = 16;

/// Rows as the registry writes them, except that nobody knows their secrets.
const FILL: &str = "
    INSERT INTO tokens (id, account_id, name, client_id, duration, enabled, created_at_ms, updated_at_ms,
        expires_at_ms, secret_version, secret_digest, pepper_id, revoked_as_of, changed_at_position)
    SELECT gen_random_uuid()::text, $2, 'machine ' || n, replace(gen_random_uuid()::text, '-', '') || '.access',
        $3, TRUE, $4, $4, $5, 1, sha256(n::text::bytea), '0000000000000000', 0, 0
    FROM generate_series(1, $1) n";

/// A registry of its own.
struct Registry {
    client: TokenRegistryClient<GrpcChannel>,
    account: AccountId,
    database: Database,
    stop: CancellationToken,
    running: JoinHandle<Result<(), model::Error>>,
    unused: Vec<Pair>,
}

pub fn measure(arguments: &Arguments) -> Result<Section> {
    let runtime = Builder::new_multi_thread().thread_name(cpu::SERVER).enable_all().build()?;
    let many = arguments.tokens.max(FEW);
    let needed = CALLERS * EACH * (usize::from(arguments.rounds) + 1);
    eprintln!("store: starting PostgreSQL and filling it with {} tokens …", grouped(f64::from(many)));
    let (site, mut registries) = runtime.block_on(async {
        let site = Site::open().await?;
        let few = Registry::open(&site, "few", FEW, needed).await?;
        let many = Registry::open(&site, "many", many, needed).await?;
        anyhow::Ok((site, [few, many]))
    })?;
    let label = |count: u32| Series::new(format!("{} tokens, {CALLERS} callers", grouped(f64::from(count))));
    let mut series = [label(FEW), label(many)];
    // What a first round meets is still being read from disk.
    for registry in &mut registries {
        runtime.block_on(registry.turn())?;
    }
    for round in 0..arguments.rounds {
        eprintln!("store: round {} of {} …", round + 1, arguments.rounds);
        for (registry, series) in registries.iter_mut().zip(&mut series) {
            series.take(1, || runtime.block_on(registry.turn()))?;
        }
    }
    runtime.block_on(async {
        for registry in registries {
            registry.close().await?;
        }
        site.close().await
    })?;
    let [few, many] = &series;
    Ok(Section {
        name: "store",
        title: "TokenRegistry.AuthenticateToken, cold: every token for the first time; PostgreSQL".to_owned(),
        notes: vec!["Expected: 0.90 or better, whatever --tokens is.".to_owned()],
        rows: vec![Row::new(Role::Floor, few, None), Row::new(Role::Path, many, Some(few))],
    })
}

impl Registry {
    async fn open(site: &Site, name: &str, tokens: u32, needed: usize) -> Result<Self> {
        let database = Database::connect(&site.database(name).await?, CONNECTIONS).await?;
        let (bus, clock) = (bus::connect("memory:").await?, Arc::new(SystemClock));
        let registry = token_registry::build(token_registry::Deps {
            database: database.clone(),
            cache: cache::connect("memory:", clock.clone()).await?,
            bus,
            clock,
            peppers: token_registry::pepper::Peppers::new(&[1; 32], None),
            name: "bench".to_owned(),
        });
        let Assembly { routes, workers } = registry.await?;
        let client = GrpcChannel::local(routes, Callers::new([("bench", &["*"])]), "bench");
        let stop = CancellationToken::new();
        let running = tokio::spawn(assembly::run(workers, stop.clone()));
        let account = AccountId::random();
        fill(&database, account, tokens).await?;
        let mut registry = Self {
            client: TokenRegistryClient::new(client),
            account,
            database,
            stop,
            running,
            unused: Vec::with_capacity(needed),
        };
        for _ in 0..needed {
            let pair = registry.create().await?;
            registry.unused.push(pair);
        }
        Ok(registry)
    }

    async fn create(&mut self) -> Result<Pair> {
        let request = CreateTokenRequest {
            account_id: self.account.to_string(),
            name: "benchmark".to_owned(),
            ..CreateTokenRequest::default()
        };
        let created = self.client.create_token(request).await.context("creating a token")?.into_inner();
        let client_id = created.token.context("no token was created")?.client_id;
        Ok(Pair { client_id, client_secret: created.client_secret })
    }

    async fn turn(&mut self) -> Result<Turn> {
        let at = self.unused.len().checked_sub(CALLERS * EACH).context("the tokens are used up")?;
        let mut pairs = self.unused.split_off(at);
        let (mut asking, start) = (JoinSet::new(), now());
        while !pairs.is_empty() {
            let (share, mut client) =
                (pairs.split_off(pairs.len().saturating_sub(EACH)), self.client.clone());
            asking.spawn(async move {
                let mut latencies = Vec::with_capacity(share.len());
                for Pair { client_id, client_secret } in share {
                    let begun = now();
                    let request = AuthenticateTokenRequest {
                        client_id,
                        client_secret,
                        ..AuthenticateTokenRequest::default()
                    };
                    client.authenticate_token(request).await.context("a token was refused")?;
                    latencies.push(nanos(now().since(begun)));
                }
                anyhow::Ok(latencies)
            });
        }
        let mut latencies = Vec::with_capacity(CALLERS * EACH);
        while let Some(asked) = asking.join_next().await {
            latencies.append(&mut asked??);
        }
        Ok(Turn { elapsed: now().since(start), latencies })
    }

    async fn close(self) -> Result<()> {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(10), self.running)
            .await
            .context("the registry did not stop")???;
        self.database.close().await;
        Ok(())
    }
}

/// Adds `count` tokens that live for a year, in one statement.
pub async fn fill(database: &Database, account: AccountId, count: u32) -> Result<()> {
    let (now, duration) = (SystemClock.now(), TokenDuration::parse(TokenDuration::DEFAULT)?);
    let Database::Postgres(pool) = database else { anyhow::bail!("this is not PostgreSQL") };
    let filled = sqlx::query(FILL)
        .bind(i64::from(count))
        .bind(account.to_string())
        .bind(duration.as_str())
        .bind(Timestamp::as_millis(now))
        .bind(duration.expiry(now).as_millis());
    filled.execute(pool).await.context("filling the registry")?;
    sqlx::query("VACUUM ANALYZE tokens").execute(pool).await.context("VACUUM")?;
    Ok(())
}

//! A credential that nobody has seen, for a session: registry, policies, signature, in either algorithm that an
//! application may choose. Each token is exchanged once in the whole run, so that nothing is remembered.

use crate::report::{Role, Row, Section};
use crate::series::{Series, Turn, nanos, now};
use crate::world::{Pair, World};
use crate::{Stage, many, registry};
use anyhow::{Context as _, Result, ensure};
use database::Database;
use model::{AccountId, Audience, Clock as _, SessionId, SystemClock, TokenId};
use proto::policy_evaluator::Facts;
use proto::session_issuer::ExchangeRequest;
use proto::session_issuer::exchange_request::ServiceTokenCredential;
use proto::session_issuer::session_issuer_client::SessionIssuerClient;
use service_kit::GrpcChannel;
use session_token::{Algorithm, AsOf, Claims, SigningKey};
use std::sync::Arc;
use tokio::task::JoinSet;

/// How many ask at once, and how many exchanges that makes in one round.
const CALLERS: [(usize, usize); 2] = [(1, 40), (8, 120)];

/// A world and its tokens, used up from the end.
struct Cold<'a> {
    world: &'a World,
    label: String,
    unused: Vec<Pair>,
}

impl Cold<'_> {
    fn take(&mut self, count: usize) -> Result<Vec<Pair>> {
        let at = self.unused.len().checked_sub(count).context("the tokens are used up")?;
        Ok(self.unused.split_off(at))
    }
}

/// One signature and one read, as the least an exchange can be.
struct Floor {
    key: SigningKey,
    claims: Claims,
    database: Database,
}

/// `worlds`: with few tokens and with many.
pub fn measure(rounds: u16, stage: &Stage, worlds: [&World; 2]) -> Result<Section> {
    let mut rows = Vec::new();
    for algorithm in Algorithm::ALL {
        rows.extend(of(algorithm, rounds, stage, worlds)?);
    }
    // As it was: other paths use these worlds.
    stage.server.block_on(choose(Algorithm::default(), worlds))?;
    Ok(Section {
        name: "exchange",
        title: "SessionIssuer.Exchange, cold: every credential for the first time; SQLite, in process"
            .to_owned(),
        notes: vec![
            "The path also judges the policies, hashes the secret and passes three gRPC calls.".to_owned(),
        ],
        rows,
    })
}

async fn choose(algorithm: Algorithm, worlds: [&World; 2]) -> Result<()> {
    for world in worlds {
        world.sign_with(algorithm).await?;
    }
    Ok(())
}

/// The rows of one algorithm.
fn of(algorithm: Algorithm, rounds: u16, stage: &Stage, [empty, full]: [&World; 2]) -> Result<Vec<Row>> {
    let needed = CALLERS.map(|(_, count)| count).iter().sum::<usize>() * usize::from(rounds);
    eprintln!("exchange, {algorithm}: creating {needed} tokens twice …");
    let (floor, mut cold) = stage.server.block_on(async {
        choose(algorithm, [empty, full]).await?;
        let few = prepare(empty, format!("exchange, {algorithm}, almost no other tokens"), needed).await?;
        let many = prepare(full, format!("exchange, {algorithm}, {} other tokens", many()), needed).await?;
        anyhow::Ok((Arc::new(Floor::prepare(empty, algorithm).await?), [few, many]))
    })?;
    let mut rows = Vec::new();
    for (callers, count) in CALLERS {
        let plural = if callers == 1 { "caller" } else { "callers" };
        let label = format!("one {algorithm} signature + one read, {callers} {plural}");
        let mut series = [Series::new(label), named(&cold, 0, callers), named(&cold, 1, callers)];
        for round in 0..rounds {
            eprintln!("exchange, {algorithm}, {callers} {plural}: round {} of {rounds} …", round + 1);
            take_turns(stage, &floor, &mut cold, &mut series, (callers, count))?;
        }
        let [floor, few, many] = &series;
        rows.push(Row::new(Role::Floor, floor, None));
        rows.extend([few, many].map(|path| Row::new(Role::Path, path, Some(floor))));
    }
    stage.server.block_on(floor.database.close());
    Ok(rows)
}

fn named(cold: &[Cold<'_>; 2], index: usize, callers: usize) -> Series {
    let label = cold.get(index).map(|cold| cold.label.clone()).unwrap_or_default();
    Series::new(format!("{label}, {callers} at once"))
}

fn take_turns(
    stage: &Stage,
    floor: &Arc<Floor>,
    cold: &mut [Cold<'_>; 2],
    [floor_series, few, many]: &mut [Series; 3],
    (callers, count): (usize, usize),
) -> Result<()> {
    let mut first = None;
    for (cold, series) in cold.iter_mut().zip([few, many]) {
        let pairs = cold.take(count)?;
        first.get_or_insert_with(|| pairs.clone());
        let (issuer, application) =
            (cold.world.operator.session_issuer.clone(), cold.world.application.clone());
        let exchange = move |pair| exchange(issuer.clone(), application.clone(), pair);
        series.take(1, || stage.server.block_on(spread(pairs, callers, exchange)))?;
    }
    let floor = floor.clone();
    let least = move |pair| floor.clone().once(pair);
    floor_series.take(1, || stage.server.block_on(spread(first.unwrap_or_default(), callers, least)))
}

async fn exchange(
    mut issuer: SessionIssuerClient<GrpcChannel>,
    application_id: String,
    Pair { client_id, client_secret }: Pair,
) -> Result<()> {
    let request = ExchangeRequest {
        application_id,
        service_token: Some(ServiceTokenCredential { client_id, client_secret }),
        facts: Some(Facts { ip: "127.0.0.1".to_owned(), ..Facts::default() }),
        at_least: None,
        binding_sha256: Vec::new(),
        gateway: String::new(),
    };
    let answer = issuer.exchange(request).await.context("an exchange failed")?;
    ensure!(!answer.into_inner().session_jwt.is_empty(), "an exchange brought no session");
    Ok(())
}

/// One exchange more, for the first of an algorithm waits for its keys.
async fn prepare(world: &World, label: String, count: usize) -> Result<Cold<'_>> {
    let first = world.create_token().await?;
    exchange(world.operator.session_issuer.clone(), world.application.clone(), first).await?;
    let mut unused = Vec::with_capacity(count);
    for _ in 0..count {
        unused.push(world.create_token().await?);
    }
    Ok(Cold { world, label, unused })
}

impl Floor {
    async fn prepare(world: &World, algorithm: Algorithm) -> Result<Self> {
        let now_s = SystemClock.now().as_seconds();
        let claims = Claims {
            audience: Audience::random(),
            expires_at_s: now_s + 86_400,
            issuer: format!("http://team.localhost:{}", world.gateway.port()),
            common_name: format!("{}.access", AccountId::random()),
            issued_at_s: now_s,
            session: SessionId::random(),
            account: world.account,
            token: Some(TokenId::random()),
            secret_version: 1,
            certificate: None,
            binding: None,
            as_of: AsOf::default(),
        };
        Ok(Self {
            key: SigningKey::generate(algorithm)?,
            claims,
            database: registry::open(&world.databases).await?,
        })
    }

    async fn once(self: Arc<Self>, pair: Pair) -> Result<()> {
        registry::read(&self.database, &pair.client_id).await?;
        let claims = Claims { session: SessionId::random(), ..self.claims.clone() };
        self.key.sign(&claims)?;
        Ok(())
    }
}

/// Does the work for every pair, `callers` at a time.
async fn spread<W, F>(pairs: Vec<Pair>, callers: usize, work: W) -> Result<Turn>
where
    W: Fn(Pair) -> F + Clone + Send + 'static,
    F: Future<Output = Result<()>> + Send + 'static,
{
    let mut shares: Vec<Vec<Pair>> = vec![Vec::new(); callers.max(1)];
    let (total, count) = (pairs.len(), shares.len());
    for (index, pair) in pairs.into_iter().enumerate() {
        if let Some(share) = shares.get_mut(index % count) {
            share.push(pair);
        }
    }
    let (mut working, start) = (JoinSet::new(), now());
    for share in shares {
        let work = work.clone();
        working.spawn(async move {
            let mut latencies = Vec::with_capacity(share.len());
            for pair in share {
                let begun = now();
                work(pair).await?;
                latencies.push(nanos(now().since(begun)));
            }
            anyhow::Ok(latencies)
        });
    }
    let mut latencies = Vec::with_capacity(total);
    while let Some(worked) = working.join_next().await {
        latencies.append(&mut worked??);
    }
    Ok(Turn { elapsed: now().since(start), latencies })
}

//! Whole requests through somebody else's proxy that asks the gateway, as `deploy/` says; beside the same proxy asking
//! whoever gives every question the answer that the gateway gave to the first.

mod always;
mod recipe;

use crate::ext_authz::idle;
use crate::load::Target;
use crate::report::{Role, Row, Section};
use crate::series::Series;
use crate::world::{self, World};
use crate::{Arguments, Stage};
use anyhow::{Context as _, Result};
use local_servers::{Proxy, Search};
use recipe::{Addresses, Asks, Recipe};
use std::net::SocketAddr;
use std::time::Duration;

/// Until a proxy knows that whoever decides is well.
const PATIENCE: Duration = Duration::from_secs(20);

/// One of two proxies.
struct Subject {
    role: Role,
    target: Target,
    series: Series,
    /// Ends with it.
    _proxy: Proxy,
}

pub fn measure(arguments: &Arguments) -> Result<Vec<Section>> {
    let search = search();
    let stage = Stage::set().context("starting the threads")?;
    let world = stage.server.block_on(World::open(world::Kind::Empty, stage.upstream))?;
    let pair = stage.load.block_on(world.create_token())?;
    let session = stage.load.block_on(world.session_line(&pair))?;
    let mut sections = Vec::new();
    for recipe in &recipe::ALL {
        if recipe.kind.is_installed(&search) {
            sections.push(through(recipe, arguments, &stage, &world, &session)?);
        } else {
            eprintln!("{} is missing: `{}` is left out", recipe.kind.name(), recipe.section);
            let note = "It is missing: nothing was measured. Run deploy/dev/install-servers --with-edges.";
            let title = format!("Requests through {}", recipe.kind.name());
            sections.push(Section {
                name: recipe.section,
                title,
                notes: vec![note.to_owned()],
                rows: Vec::new(),
            });
        }
    }
    stage.server.block_on(world.close())?;
    Ok(sections)
}

/// As everything else here looks for its servers.
fn search() -> Search {
    let search = Search::workspace();
    std::env::var_os("PATH").map_or_else(|| search.clone(), |path| search.clone().path(&path))
}

fn through(
    recipe: &Recipe,
    arguments: &Arguments,
    stage: &Stage,
    world: &World,
    session: &str,
) -> Result<Section> {
    let name = recipe.kind.name();
    let (gateway, always) = match recipe.asks {
        Asks::ExtAuthz => (world.ext_authz, stage.server.block_on(idle::like(world.ext_authz))?),
        Asks::ForwardAuth => (world.forward_auth, stage.server.block_on(always::like(world.forward_auth))?),
    };
    let subject = |role, label: String, asked| {
        let proxy = stage.load.block_on(start(recipe, asked, stage.upstream, session))?;
        let target = Target::new(proxy.address, session);
        anyhow::Ok(Subject { role, target, series: Series::new(label), _proxy: proxy })
    };
    let mut subjects = [
        subject(Role::Floor, format!("{name}, asking who always says the same"), always)?,
        subject(Role::Path, format!("{name}, asking the gateway"), gateway)?,
    ];
    for round in 0..arguments.rounds {
        eprintln!("through {name}: round {} of {} …", round + 1, arguments.rounds);
        let mut turns: Vec<&mut Subject> = subjects.iter_mut().collect();
        if round % 2 == 1 {
            turns.reverse();
        }
        for Subject { target, series, .. } in turns {
            let turn = || stage.load.block_on(target.turn(arguments.connections, arguments.turn()));
            series.take(1, turn).with_context(|| format!("measuring \"{}\"", series.label.clone()))?;
        }
    }
    let [floor, path] = &subjects;
    let (throughput, tail) = (path.series.ratio(&floor.series), path.series.tail_ratio(&floor.series));
    Ok(Section {
        name: recipe.section,
        title: format!(
            "Requests through {name}, session JWT in the cookie, verified before; {} connections",
            arguments.connections
        ),
        notes: vec![
            format!("Throughput {throughput:.2}, p99 {tail:.2} (floor / path). Goal: 0.95 or better, both."),
            "cpu: of whoever decides. Proxy, load, application and whoever decides share the cores."
                .to_owned(),
        ],
        rows: subjects.iter().map(|it| Row::new(it.role, &it.series, Some(&floor.series))).collect(),
    })
}

/// One that lets this session through.
async fn start(recipe: &Recipe, asked: SocketAddr, upstream: SocketAddr, session: &str) -> Result<Proxy> {
    let configure = |port, directory: &_| recipe.files(Addresses { port, asked, upstream }, directory);
    let proxy = Proxy::throwaway(recipe.kind, &search(), configure).await?;
    let target = Target::new(proxy.address, session);
    let lets_through = async {
        let mut answer = target.head().await;
        while answer.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
            answer = target.head().await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, lets_through).await;
    if waited.is_err() {
        let answer = target.head().await.err();
        anyhow::bail!("{} lets nothing through: {answer:?}", recipe.kind.name());
    }
    Ok(proxy)
}

#[cfg(test)]
mod tests;

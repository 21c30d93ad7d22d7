//! The warm paths of the gateway, beside the same proxy with the checks switched off.

use crate::load::Target;
use crate::report::{Role, Row, Section};
use crate::series::Series;
use crate::world::World;
use crate::{Arguments, Name, Stage, many};
use anyhow::{Context as _, Result};

const FLOOR: &str = "the same proxy and request, checks off";

/// One row and what it asks.
struct Subject {
    role: Role,
    target: Target,
    series: Series,
}

impl Subject {
    fn new(role: Role, label: impl Into<String>, target: Target) -> Self {
        Self { role, target, series: Series::new(label) }
    }
}

/// What is asked for, the floor first.
struct Path {
    name: &'static str,
    title: String,
    notes: Vec<&'static str>,
    subjects: Vec<Subject>,
}

/// `worlds`: with few tokens and with many.
pub fn measure(
    arguments: &Arguments,
    stage: &Stage,
    floor: &World,
    worlds: [&World; 2],
) -> Result<Vec<Section>> {
    let mut paths = stage.load.block_on(paths(arguments, stage, floor, worlds))?;
    for round in 0..arguments.rounds {
        eprintln!("gateway: round {} of {} …", round + 1, arguments.rounds);
        let mut turns: Vec<&mut Subject> = paths.iter_mut().flat_map(|path| &mut path.subjects).collect();
        // Forth and back, so that nobody is always first.
        if round % 2 == 1 {
            turns.reverse();
        }
        for Subject { target, series, .. } in turns {
            let turn = || stage.load.block_on(target.turn(arguments.connections, arguments.turn()));
            series.take(1, turn).with_context(|| format!("measuring \"{}\"", series.label.clone()))?;
        }
    }
    Ok(paths.iter().map(section).collect())
}

async fn paths(
    arguments: &Arguments,
    stage: &Stage,
    floor: &World,
    [empty, full]: [&World; 2],
) -> Result<Vec<Path>> {
    let (pair, pair_of_many) = (empty.create_token().await?, full.create_token().await?);
    let (session, session_of_many) =
        (empty.session_line(&pair).await?, full.session_line(&pair_of_many).await?);
    let path = |label: &str, target| Subject::new(Role::Path, label, target);
    let (few, of_many) = ("the gateway, almost no tokens", format!("the gateway, {} tokens", many()));
    let connections = arguments.connections;
    let by_session = Path {
        name: "session",
        title: format!("Gateway, session JWT in the cookie, verified before; {connections} connections"),
        notes: vec![
            "Expected: 0.70 or better. The JWT travels on to the application, which the floor does not do.",
            "For scale: what a request without the JWT costs, and the load alone.",
        ],
        subjects: vec![
            Subject::new(Role::Floor, FLOOR, Target::new(floor.gateway, &session)),
            path(few, Target::new(empty.gateway, &session)),
            path(&of_many, Target::new(full.gateway, &session_of_many)),
            Subject::new(
                Role::Scale,
                "the same proxy, checks off, no credential",
                Target::new(floor.gateway, ""),
            ),
            Subject::new(Role::Scale, "no proxy: load and upstream alone", Target::new(stage.upstream, "")),
        ],
    };
    let by_pair = Path {
        name: "header-pair",
        title: format!("Gateway, Client ID and Client Secret, exchanged before; {connections} connections"),
        notes: vec!["Expected: 0.70 or better. Every answer carries the session as a cookie, 1 KB."],
        subjects: vec![
            Subject::new(Role::Floor, FLOOR, Target::new(floor.gateway, &pair.lines())),
            path(few, empty.with_pair(&pair)),
            path(&of_many, full.with_pair(&pair_of_many)),
        ],
    };
    let wanted = [(Name::Session, by_session), (Name::HeaderPair, by_pair)];
    Ok(wanted.into_iter().filter(|(name, _)| arguments.wants(*name)).map(|(_, path)| path).collect())
}

fn section(path: &Path) -> Section {
    let floor = path.subjects.first().map(|subject| &subject.series);
    let rows = path.subjects.iter().map(|subject| Row::new(subject.role, &subject.series, floor)).collect();
    Section {
        name: path.name,
        title: path.title.clone(),
        notes: path.notes.iter().map(ToString::to_string).collect(),
        rows,
    }
}

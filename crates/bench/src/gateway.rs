//! The warm paths of the gateway, beside the same proxy with the checks switched off.

use crate::load::Target;
use crate::nginx::Nginx;
use crate::report::{Role, Row, Section};
use crate::series::Series;
use crate::world::World;
use crate::{Arguments, Name, Stage, many};
use anyhow::{Context as _, Result};

const NGINX: &str = "nginx, proxying plainly to the same application";
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
    notes: Vec<String>,
    subjects: Vec<Subject>,
}

/// `worlds`: with few tokens and with many.
pub fn measure(
    arguments: &Arguments,
    stage: &Stage,
    floor: &World,
    worlds: [&World; 2],
) -> Result<Vec<Section>> {
    let nginx = stage.load.block_on(Nginx::start(stage.upstream))?;
    let mut paths = stage.load.block_on(paths(arguments, stage, floor, worlds))?;
    match (&nginx, paths.iter_mut().find(|path| path.name == "session")) {
        (Some(nginx), Some(path)) => {
            let lines = stage.load.block_on(session_lines(worlds))?;
            let target = Target::new(nginx.address, &lines);
            path.subjects.push(Subject::new(Role::Scale, NGINX, target));
        }
        (None, Some(path)) => path.notes.push("nginx missing: there is nothing to compare with.".to_owned()),
        (_, None) => {}
    }
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
            "Expected: 0.90 or better. The JWT travels on to the application, which the floor does not do."
                .to_owned(),
            "For scale: what a request without the JWT costs, the load alone, and another proxy.".to_owned(),
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
        notes: vec![
            "Expected: 0.70 or better. Every answer carries the session as a cookie, 1 KB.".to_owned(),
        ],
        subjects: vec![
            Subject::new(Role::Floor, FLOOR, Target::new(floor.gateway, &pair.lines())),
            path(few, empty.with_pair(&pair)),
            path(&of_many, full.with_pair(&pair_of_many)),
        ],
    };
    let wanted = [(Name::Session, by_session), (Name::HeaderPair, by_pair)];
    Ok(wanted.into_iter().filter(|(name, _)| arguments.wants(*name)).map(|(_, path)| path).collect())
}

/// A session that was verified before, as the other subjects send one.
async fn session_lines([empty, _]: [&World; 2]) -> Result<String> {
    empty.session_line(&empty.create_token().await?).await
}

fn section(path: &Path) -> Section {
    let floor = path.subjects.first().map(|subject| &subject.series);
    let row = |subject: &Subject| {
        let row = Row::new(subject.role, &subject.series, floor);
        // Its processor time is another process's.
        if subject.series.label == NGINX { row.of_one_core() } else { row }
    };
    let find = |role| path.subjects.iter().find(|subject| subject.role == role);
    let nginx = path.subjects.iter().find(|subject| subject.series.label == NGINX);
    let by_nginx = find(Role::Path).zip(nginx).map(|(path, nginx)| {
        let ratio = path.series.ratio(&nginx.series);
        format!("The gateway / nginx: {ratio:.2}. Expected: 0.80 or better.")
    });
    let rows = path.subjects.iter().map(row).collect();
    Section {
        name: path.name,
        title: path.title.clone(),
        notes: path.notes.iter().cloned().chain(by_nginx).collect(),
        rows,
    }
}

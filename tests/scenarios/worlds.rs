//! One shared world per topology, started when it is first needed and stopped at the end.

use harness::process::Signal;
use harness::upstream::Upstream;
use harness::{Place, Topology, World};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

/// Longer than any scenario may take, the start of its own world included.
const PATIENCE: Duration = Duration::from_mins(6);

type Facts<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// One scenario, and where it runs.
pub struct Scenario {
    pub name: &'static str,
    pub run: Run,
}

pub enum Run {
    /// In the shared world of each topology.
    Shared(for<'a> fn(&'a World) -> Facts<'a>),
    /// In the shared world of the services as processes of their own.
    Distributed(for<'a> fn(&'a World) -> Facts<'a>),
    /// It starts its own.
    Alone(fn(Topology) -> Facts<'static>),
}

impl Scenario {
    pub fn runs_in(&self, topology: Topology) -> bool {
        match self.run {
            Run::Shared(_) | Run::Alone(_) => true,
            Run::Distributed(_) => topology == Topology::Distributed,
        }
    }
}

/// The scenarios of a file: `scenarios![Shared: a_fact, another_fact]`.
macro_rules! scenarios {
    ($kind:ident: $($name:ident),* $(,)?) => {
        vec![$($crate::worlds::Scenario {
            name: stringify!($name),
            run: $crate::worlds::Run::$kind(|world| Box::pin($name(world))),
        }),*]
    };
}
pub(crate) use scenarios;

pub struct Worlds {
    runtime: Runtime,
    one_process: Shared,
    distributed: Shared,
}

#[derive(Default)]
struct Shared {
    place: std::sync::OnceLock<Place>,
    world: OnceCell<Result<World, String>>,
}

impl Default for Worlds {
    fn default() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime");
        Self { runtime, one_process: Shared::default(), distributed: Shared::default() }
    }
}

impl Worlds {
    fn shared(&self, topology: Topology) -> &Shared {
        match topology {
            Topology::OneProcess => &self.one_process,
            Topology::Distributed => &self.distributed,
        }
    }

    pub fn run(&self, topology: Topology, scenario: &Scenario) -> Result<(), String> {
        self.runtime.block_on(async {
            let facts = match scenario.run {
                Run::Alone(run) => run(topology),
                Run::Shared(run) | Run::Distributed(run) => {
                    run(self.shared(topology).world(topology).await?)
                }
            };
            tokio::time::timeout(PATIENCE, facts).await.map_err(|_| format!("not done within {PATIENCE:?}"))
        })
    }

    /// Stops them, and says what was not as it should be.
    pub fn stop(self, is_failed: bool) -> Vec<String> {
        let Self { runtime, one_process, distributed } = self;
        runtime.block_on(async {
            let mut problems = one_process.stop(is_failed).await;
            problems.extend(distributed.stop(is_failed).await);
            problems
        })
    }
}

impl Shared {
    async fn world(&self, topology: Topology) -> Result<&World, String> {
        let place = self.place.get_or_init(|| Place::new(topology));
        let start = || async { place.start(Some(Upstream::start().await), &[]).await };
        self.world.get_or_init(start).await.as_ref().map_err(Clone::clone)
    }

    async fn stop(self, is_failed: bool) -> Vec<String> {
        let (Some(place), Some(Ok(mut world))) = (self.place.into_inner(), self.world.into_inner()) else {
            return Vec::new();
        };
        let mut problems = world.stop(Signal::TERM).await;
        problems.extend(place.leftovers(&world.rest.api_token));
        if is_failed || !problems.is_empty() {
            eprintln!("what the {} world complained about:\n{}", place.topology.name(), world.complaints());
        }
        let name = place.topology.name();
        problems.into_iter().map(|problem| format!("{name}: {problem}")).collect()
    }
}

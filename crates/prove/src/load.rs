//! The load: many tokens, each living its life, and clients that use them all the while.
//!
//! | module | holds |
//! |---|---|
//! | [`case`] | one token at one application: its credentials and its history |
//! | [`management`] | acts through the management API, and how their answers are read |
//! | [`clients`] | requests through the gateways, and how their answers are read |
//! | [`tokens`] | a token's life: rotated, switched, deleted |
//! | [`applications`] | an application's life: sessions ended, policies edited, deleted |
//! | [`graves`] | what is dead for ever, and is asked for again and again |
//! | [`residents`] | tokens that live through everything |

pub mod applications;
pub mod case;
pub mod clients;
pub mod graves;
pub mod management;
pub mod residents;
pub mod tokens;

use crate::chance::Chance;
use crate::http::Client;
use crate::recorder::Recorder;
use crate::recorder::moment::Moment;
use anyhow::{Context as _, Result};
use case::Case;
use graves::Graves;
use parking_lot::Mutex;
use residents::Residents;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Longer than the product's own longest deadline.
const MANAGEMENT_PATIENCE: Duration = Duration::from_secs(20);
const CLIENT_PATIENCE: Duration = Duration::from_secs(10);

/// One life in so many is an application's: a policy edit costs several calls, one edit after the other.
const APPLICATIONS: usize = 10;

/// How much is done at once.
#[derive(Debug, Clone, Copy)]
pub struct Volume {
    pub seed: u64,
    /// Lives at a time; one in [`APPLICATIONS`] is an application's.
    pub lives: usize,
    /// Acts a second, at most.
    pub acts_per_second: f64,
    /// Between two requests of a life's client, on average.
    pub pause: Duration,
}

/// What the load works on.
pub struct World {
    pub recorder: Arc<Recorder>,
    pub gateways: Vec<SocketAddr>,
    pub management: management::Management,
    pub graves: Graves,
    pub volume: Volume,
    /// An application that any live token opens.
    pub open_host: String,
    /// From when on it does.
    open_since: (Moment, Moment),
    /// A token that no life has.
    decoy: String,
    clients: Client,
    pace: Pace,
    stop: CancellationToken,
}

impl World {
    /// Makes the open application.
    pub async fn prepare(
        recorder: Arc<Recorder>,
        gateways: Vec<SocketAddr>,
        api: management::Api,
        volume: Volume,
        stop: CancellationToken,
    ) -> Result<Arc<Self>> {
        let management = management::Management::new(api, Client::new(MANAGEMENT_PATIENCE));
        let open_host = "open.prove.test".to_owned();
        let asked = recorder.clock.now();
        management.make_open_application(&open_host).await.context("making the first application")?;
        let open_since = (asked, recorder.clock.now());
        let decoy = management.make_token("decoy").await.context("making the first token")?;
        Ok(Arc::new(Self {
            recorder,
            gateways,
            management,
            graves: Graves::default(),
            volume,
            open_host,
            open_since,
            decoy,
            clients: Client::new(CLIENT_PATIENCE),
            pace: Pace::new(volume.acts_per_second),
            stop,
        }))
    }

    /// Everything that goes on until `stop`; then the tasks end by themselves.
    pub fn start(self: &Arc<Self>, tasks: &mut JoinSet<()>) {
        for stream in 0..self.volume.lives {
            let chance = Chance::new(self.volume.seed, u64::try_from(stream).unwrap_or_default() + 1);
            if stream % APPLICATIONS == APPLICATIONS - 1 {
                tasks.spawn(applications::live(Arc::clone(self), chance));
            } else {
                tasks.spawn(tokens::live(Arc::clone(self), chance));
            }
        }
        for stream in 0..4 {
            tasks.spawn(graves::mourn(Arc::clone(self), Chance::new(self.volume.seed, 1_000_000 + stream)));
        }
    }

    pub async fn residents(self: &Arc<Self>, count: usize) -> Result<Residents> {
        Residents::settle(Arc::clone(self), count).await
    }

    pub fn is_over(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Buries what is dead, for the mourners.
    fn bury(&self, case: &Arc<Case>, chance: &mut Chance) {
        for credential in case.thin_out(chance) {
            self.graves.add(Arc::clone(case), credential, chance);
        }
    }
}

/// So many acts a second, at most; what an outage delayed is caught up with in part.
struct Pace {
    interval: Duration,
    next: Mutex<Instant>,
}

/// How much of a delay is caught up with.
const CATCH_UP: Duration = Duration::from_secs(5);

impl Pace {
    fn new(per_second: f64) -> Self {
        let interval = Duration::from_secs_f64(1.0 / per_second.max(0.1));
        Self { interval, next: Mutex::new(Instant::now()) }
    }

    async fn turn(&self) {
        let at = {
            let mut next = self.next.lock();
            let now = Instant::now();
            let at = (*next).max(now.checked_sub(CATCH_UP).unwrap_or(now));
            *next = at + self.interval;
            at
        };
        tokio::time::sleep_until(at).await;
    }
}

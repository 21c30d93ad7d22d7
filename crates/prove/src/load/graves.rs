//! What is dead for ever. It is asked for again and again, as long as the run lasts and once more at its end.

use super::World;
use super::case::Case;
use crate::chance::Chance;
use crate::recorder::history::Credential;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

/// So many are remembered: a fair sample of all, the oldest as likely as the newest.
const PLACES: usize = 6_000;
/// Between two requests of a mourner.
const PAUSE: Duration = Duration::from_millis(30);

#[derive(Clone)]
struct Grave {
    case: Arc<Case>,
    credential: Credential,
}

#[derive(Default)]
pub struct Graves(Mutex<Buried>);

#[derive(Default)]
struct Buried {
    sample: Vec<Grave>,
    count: usize,
}

impl Graves {
    pub fn add(&self, case: Arc<Case>, credential: Credential, chance: &mut Chance) {
        let mut buried = self.0.lock();
        buried.count += 1;
        let grave = Grave { case, credential };
        if buried.sample.len() < PLACES {
            buried.sample.push(grave);
            return;
        }
        let place = chance.below(buried.count);
        if let Some(place) = buried.sample.get_mut(place) {
            *place = grave;
        }
    }

    fn any(&self, chance: &mut Chance) -> Option<Grave> {
        chance.of(&self.0.lock().sample).cloned()
    }

    /// How many of so many are remembered.
    pub fn counts(&self) -> (usize, usize) {
        let buried = self.0.lock();
        (buried.sample.len(), buried.count)
    }
}

/// Asks for any of them at any gateway, until the run is over.
pub async fn mourn(world: Arc<World>, mut chance: Chance) {
    while !world.is_over() {
        if let Some(Grave { case, credential }) = world.graves.any(&mut chance) {
            world.ask(&case, credential, world.any_gateway(&mut chance)).await;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

impl World {
    /// Asks for up to `count` of them at every gateway.
    pub async fn ask_the_dead(&self, count: usize) {
        let all: Vec<Grave> = self.graves.0.lock().sample.clone();
        let step = (all.len() / count.max(1)).max(1);
        let chosen: Vec<&Grave> = all.iter().step_by(step).take(count).collect();
        for some in chosen.chunks(16) {
            let asked = some.iter().map(|grave| self.ask_everywhere(&grave.case, grave.credential));
            futures::future::join_all(asked).await;
        }
    }
}

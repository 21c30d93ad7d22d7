//! The lives of tokens at the open application.

use super::World;
use super::case::Case;
use super::management::Request;
use crate::chance::Chance;
use crate::recorder::history::{Act, Credential};
use http::Method;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Until the end of every run.
const OVERLAP: &str = "2999-01-01T00:00:00Z";

/// One life after another.
pub async fn live(world: Arc<World>, mut chance: Chance) {
    while !world.is_over() {
        world.pace.turn().await;
        let Some(case) = world.create_token(&world.open_host, true).await else {
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        };
        let end = CancellationToken::new();
        let client = Chance::new(chance.next(), 0);
        let client = tokio::spawn(Arc::clone(&world).use_until(Arc::clone(&case), client, end.clone()));
        let _ = live_once(&world, &case, &mut chance).await;
        end.cancel();
        let _ = client.await;
        world.bury(&case, &mut chance);
    }
}

/// `None` when the run is over first.
async fn live_once(world: &World, case: &Case, chance: &mut Chance) -> Option<()> {
    world.enter(case, chance).await;
    for _ in 0..4 + chance.below(8) {
        match chance.below(10) {
            0..2 => {
                switch(world, case, false).await?;
                world.expect_dead(case).await;
                switch(world, case, true).await?;
            }
            2..8 => world.act_until_known(case, Act::Rotate, &rotate(case, false)).await?,
            _ => {
                world.act_until_known(case, Act::RotateWithOverlap, &rotate(case, true)).await?;
                world.enter(case, chance).await;
                let ended = json!({"previous_client_secret_expires_at": "2020-01-01T00:00:00Z"});
                let request = Request::new(Method::PUT, path(case), Some(ended));
                world.act_until_known(case, Act::EndOverlap, &request).await?;
            }
        }
        world.expect_dead(case).await;
        world.enter(case, chance).await;
    }
    delete(world, case).await?;
    world.expect_dead(case).await;
    Some(())
}

pub async fn delete(world: &World, case: &Case) -> Option<()> {
    world.act_until_known(case, Act::Delete, &Request::new(Method::DELETE, path(case), None)).await
}

pub async fn switch(world: &World, case: &Case, on: bool) -> Option<()> {
    let act = if on { Act::Enable } else { Act::Disable };
    let request = Request::new(Method::PUT, path(case), Some(json!({"enabled": on})));
    world.act_until_known(case, act, &request).await
}

fn rotate(case: &Case, with_overlap: bool) -> Request {
    let body = with_overlap.then(|| json!({"previous_client_secret_expires_at": OVERLAP}));
    Request::new(Method::POST, format!("{}/rotate", path(case)), body)
}

fn path(case: &Case) -> String {
    format!("service_tokens/{}", case.names.token)
}

impl World {
    /// With the newest pair at one gateway, and with what that brought at another.
    pub async fn enter(&self, case: &Case, chance: &mut Chance) {
        if let Some(pair) = case.newest_pair() {
            self.ask(case, pair, self.any_gateway(chance)).await;
        }
        if let Some(session) = case.newest_session() {
            self.ask(case, session, self.any_gateway(chance)).await;
        }
    }

    /// What is dead now is asked for at every gateway at once: the newest two of each kind.
    pub async fn expect_dead(&self, case: &Case) {
        let dead = case.dead(self.recorder.clock.now());
        let is_pair = |it: &&Credential| matches!(it, Credential::Pair(_));
        let pairs = dead.iter().rev().filter(is_pair).take(1);
        let sessions = dead.iter().rev().filter(|it| !is_pair(it)).take(1);
        let asked = pairs.chain(sessions).map(|credential| self.ask_everywhere(case, *credential));
        futures::future::join_all(asked).await;
    }
}

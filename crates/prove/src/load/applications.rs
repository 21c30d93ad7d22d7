//! The lives of applications, each with a token of its own that its policy names.

use super::World;
use super::case::Case;
use super::management::{Application, Request};
use super::tokens;
use crate::chance::Chance;
use crate::recorder::history::Act;
use http::Method;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// One life after another.
pub async fn live(world: Arc<World>, mut chance: Chance) {
    while !world.is_over() {
        world.pace.turn().await;
        let host = format!("a{:016x}.prove.test", chance.next());
        let Some(case) = world.create_token(&host, false).await else {
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        };
        // Whether one exists after a lost answer is not worth finding out: its host is never used again.
        let Some(application) = world.create_application(&case).await else { continue };
        let end = CancellationToken::new();
        let client = Chance::new(chance.next(), 0);
        let client = tokio::spawn(Arc::clone(&world).use_until(Arc::clone(&case), client, end.clone()));
        let _ = live_once(&world, &case, &application, &mut chance).await;
        end.cancel();
        let _ = client.await;
        world.bury(&case, &mut chance);
    }
}

/// `None` when the run is over first.
async fn live_once(world: &World, case: &Case, application: &Application, chance: &mut Chance) -> Option<()> {
    world.enter(case, chance).await;
    for _ in 0..6 + chance.below(8) {
        match chance.below(10) {
            0..5 => {
                let path = format!("apps/{}/revoke_tokens", application.id);
                let request = Request::new(Method::POST, path, None);
                world.act_until_known(case, Act::EndSessions, &request).await?;
            }
            5..9 => {
                edit(world, case, application, false).await?;
                world.expect_dead(case).await;
                edit(world, case, application, true).await?;
            }
            _ => {
                tokens::switch(world, case, false).await?;
                world.expect_dead(case).await;
                tokens::switch(world, case, true).await?;
            }
        }
        world.expect_dead(case).await;
        world.enter(case, chance).await;
    }
    let request = Request::new(Method::DELETE, format!("apps/{}", application.id), None);
    world.act_until_known(case, Act::DeleteApplication, &request).await?;
    world.expect_dead(case).await;
    tokens::delete(world, case).await
}

async fn edit(world: &World, case: &Case, application: &Application, is_in: bool) -> Option<()> {
    let act = if is_in { Act::Include } else { Act::Exclude };
    let path = format!("apps/{}/policies/{}", application.id, application.policy_id);
    let request = Request::new(Method::PUT, path, Some(world.policy(case, is_in)));
    world.act_until_known(case, act, &request).await
}

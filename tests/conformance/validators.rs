//! Other people's validators of session JWTs, against the key set that the gateway serves.

use crate::{as_text, in_a_world};
use harness::upstream::Upstream;
use harness::{client, jwt, wait};
use model::Timestamp;
use serde_json::json;

/// Some of them know no other kind of team domain.
const TEAM: &str = "https://team.cloudflareaccess.com";
/// Further than the clocks of any of them may be apart.
const SKEW_S: i64 = 31;

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_good_for_everybody_and_wrong_ones_for_nobody() {
    let team = ["--team-domain", TEAM].map(str::to_owned);
    in_a_world(Some(Upstream::start().await), &team, async |world| {
        assert_eq!(world.issuer(), TEAM);
        let (brief, token) = world.opened_with(json!({"session_duration": "1s"})).await;
        let ended = world.gateway().session(&brief, &token).await;
        let (app, token) = world.opened().await;
        let session = world.gateway().session(&app, &token).await;
        let refused =
            world.gateway().get(&app.domain).header("cf-access-metadata-request", "true").send().await;
        let metadata = refused.header("cf-access-metadata").expect("metadata").to_owned();
        let ends = jwt::claims(&ended)["exp"].as_i64().unwrap();
        wait::reach(Timestamp::from_millis((ends + SKEW_S) * 1000)).await;
        let settings = vec![
            ("SALLYPORT_GATEWAY", format!("http://{}", world.gateway().address)),
            ("SALLYPORT_ISSUER", TEAM.to_owned()),
            ("SALLYPORT_AUD", app.aud.clone()),
            ("SALLYPORT_SESSION", session),
            ("SALLYPORT_METADATA", metadata),
            ("SALLYPORT_ENDED", ended),
            ("SALLYPORT_ENDED_AUD", brief.aud.clone()),
        ];
        println!("{}", client::python("verify_session.py", &as_text(&settings)).await);
        println!("{}", client::node("sessions.mjs", &as_text(&settings)).await);
    })
    .await;
}

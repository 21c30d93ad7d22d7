//! What an edge is for, from no credential to a revocation.

use crate::client::{Answer, get};
use crate::edge::{At, Edge};
use crate::ground::{Ground, pair};
use harness::{App, Token, service_auth};
use serde_json::json;

/// Through one edge, with an application and a token of its own.
pub async fn done(ground: &Ground, at: At) -> Result<(), String> {
    let edge = ground.edge(at).await?.lock().await;
    let world = &ground.world;
    let token = world.token().await;
    let app = world
        .app_with(json!({"domain": format!("{}.job.test", at.name()), "policies": [service_auth(&[&token])]}))
        .await;
    refused("no credential", &edge, &app, &[], 401).await?;

    let answer = admitted("a pair", &edge, &app, &pair(&token)).await?;
    let given = answer.session().map(str::to_owned);
    check("a session is given", given.is_some())?;
    let seen = edge.recorder.take().pop().ok_or("nothing arrived")?;
    let assertion = seen.all("cf-access-jwt-assertion").next().ok_or("no assertion arrived")?.to_owned();
    check("the assertion is a session", assertion.split('.').count() == 3)?;
    let secret = token.client_secret.as_str();
    check("no secret arrives", !seen.headers.iter().any(|(_, value)| value.contains(secret)))?;
    let address: Vec<_> = seen.all("x-forwarded-for").collect();
    check("the client's address arrives", address == ["127.0.0.2"])?;
    check("no Client ID arrives", seen.all("cf-access-client-id").next().is_none())?;

    let rays: Vec<_> = seen.all("cf-ray").collect();
    check("the request's name arrives", rays.len() == 1 && rays[0].len() == 16)?;
    let rays = answer.header("cf-ray").map(str::to_owned);
    check("the client is told no other", rays.is_none_or(|ray| seen.all("cf-ray").eq([ray.as_str()])))?;

    let session = given.unwrap_or(assertion);
    world.secrets.note_session(&session);
    let cookie = vec![format!("Cookie: CF_Authorization={session}; own=1")];
    admitted("the session", &edge, &app, &cookie).await?;
    let seen = edge.recorder.take().pop().ok_or("nothing arrived")?;
    check("the application's own cookie alone arrives", seen.all("cookie").collect::<Vec<_>>() == ["own=1"])?;
    check("with its session", seen.all("cf-access-jwt-assertion").next() == Some(session.as_str()))?;

    let wrong = token.with_secret(&ground.stranger.client_secret);
    refused("another's secret", &edge, &app, &pair(&wrong), 401).await?;
    refused("one that no policy admits", &edge, &app, &pair(&ground.stranger), 403).await?;

    revoked(ground, &edge, &app, &token, &cookie).await
}

/// Its own words, and what pages of other origins may read.
pub async fn refusals_are_as_the_application_says(ground: &Ground, at: At) -> Result<(), String> {
    const ORIGIN: &str = "https://pages.test";
    let edge = ground.edge(at).await?.lock().await;
    let fields = json!({
        "domain": format!("{}.words.test", at.name()),
        "policies": [service_auth(&[&ground.stranger])],
        "custom_deny_message": "Zutritt nur für Geräte 🚪",
        "cors_headers": {"allowed_origins": [ORIGIN], "allow_credentials": true},
    });
    let app = ground.world.app_with(fields).await;
    let answer = get(edge.address, &app.domain, "/x", &[format!("Origin: {ORIGIN}")]).await?;
    check("it is 401", answer.status == Some(401))?;
    check("with its reason", answer.header("cf-access-error") == Some("CREDENTIAL_MISSING"))?;
    let body: serde_json::Value =
        serde_json::from_slice(&answer.body).map_err(|error| format!("{error}: {answer:?}"))?;
    check(
        "with its words",
        body["message"] == "Zutritt nur für Geräte 🚪" && body["error"] == "CREDENTIAL_MISSING",
    )?;
    check("its origin may read it", answer.header("access-control-allow-origin") == Some(ORIGIN))?;
    check("with credentials", answer.header("access-control-allow-credentials") == Some("true"))?;
    let other = get(edge.address, &app.domain, "/x", &["Origin: https://other.test".to_owned()]).await?;
    check("another may not", other.header("access-control-allow-origin").is_none())
}

/// Once the revocation has returned, its first request there is refused.
async fn revoked(
    ground: &Ground,
    edge: &Edge,
    app: &App,
    token: &Token,
    cookie: &[String],
) -> Result<(), String> {
    let rest = &ground.world.rest;
    admitted("the session, before", edge, app, cookie).await?;
    rest.command(&format!("{}/revoke_tokens", app.path())).await.result(202);
    refused("the session, revoked", edge, app, cookie, 401).await?;
    admitted("the pair, which was not", edge, app, &pair(token)).await?;
    let disabled = json!({"name": token.name, "enabled": false});
    rest.put(&token.path(), &disabled).await.result(200);
    refused("the pair, disabled", edge, app, &pair(token), 401).await
}

/// One revocation, and the first request after it at every edge.
pub async fn one_revocation_holds_at_every_edge(ground: &Ground) -> Result<(), String> {
    let world = &ground.world;
    let token = world.token().await;
    let policies = [service_auth(&[&token])];
    let app = world.app_with(json!({"domain": "all.job.test", "policies": policies})).await;
    let session = get(world.gateway().address, &app.domain, "/", &pair(&token)).await?;
    let session = session.session().ok_or("no session")?.to_owned();
    world.secrets.note_session(&session);
    let cookie = vec![format!("Cookie: CF_Authorization={session}")];
    for at in At::all() {
        let edge = ground.edge(at).await?.lock().await;
        admitted(at.name(), &edge, &app, &cookie).await?;
        admitted(at.name(), &edge, &app, &pair(&token)).await?;
    }
    world.rest.put(&token.path(), &json!({"name": token.name, "enabled": false})).await.result(200);
    for at in At::all() {
        let edge = ground.edge(at).await?.lock().await;
        refused(&format!("{}, the session", at.name()), &edge, &app, &cookie, 401).await?;
        refused(&format!("{}, the pair", at.name()), &edge, &app, &pair(&token), 401).await?;
    }
    Ok(())
}

async fn admitted(what: &str, edge: &Edge, app: &App, lines: &[String]) -> Result<Answer, String> {
    edge.recorder.take();
    let answer = get(edge.address, &app.domain, "/x", lines).await?;
    let is_admitted = answer.status == Some(200) && answer.is_from_upstream();
    if is_admitted { Ok(answer) } else { Err(format!("{what}: not admitted: {answer:?}")) }
}

async fn refused(what: &str, edge: &Edge, app: &App, lines: &[String], status: u16) -> Result<(), String> {
    edge.recorder.take();
    let answer = get(edge.address, &app.domain, "/x", lines).await?;
    let arrived = edge.recorder.take().len();
    let is_refused = answer.status == Some(status) && arrived == 0 && answer.session().is_none();
    if is_refused { Ok(()) } else { Err(format!("{what}: not {status}, or {arrived} arrived: {answer:?}")) }
}

fn check(what: &str, holds: bool) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("not so: {what}")) }
}

//! One installation, the applications that the cases name, and the edges in front of it.

use crate::client::get;
use crate::edge::{At, Edge};
use crate::recorder::Recorder;
use crate::words::Words;
use harness::process::Signal;
use harness::{Place, Token, Topology, World, policy, service_auth};
use serde_json::{Value, json};
use tokio::sync::{Mutex, OnceCell};

/// One user at a time.
type Started = OnceCell<Result<Mutex<Edge>, String>>;

pub struct Ground {
    place: Place,
    pub world: World,
    pub words: Words,
    /// Allowed nowhere.
    pub stranger: Token,
    edges: Vec<(At, Started)>,
}

impl Ground {
    pub async fn start() -> Result<Self, String> {
        let place = Place::new(Topology::OneProcess);
        let recorder = Recorder::start().await;
        let mut extra = vec!["--upstream".to_owned(), format!("http://{}", recorder.address)];
        extra.extend(["--ext-authz", "127.0.0.1:0", "--forward-auth", "127.0.0.1:0"].map(str::to_owned));
        let world = place.start(None, &extra).await?;
        let words = words(&world).await?;
        let stranger = world.token().await;
        let gateway = Edge { at: At::Gateway, address: world.gateway().address, recorder, _proxy: None };
        let edges = At::all().into_iter().map(|at| (at, OnceCell::new())).collect::<Vec<_>>();
        let _ = edges[0].1.set(Ok(Mutex::new(gateway)));
        Ok(Self { place, world, words, stranger, edges })
    }

    /// Started when it is first needed; one user at a time.
    pub async fn edge(&self, at: At) -> Result<&Mutex<Edge>, String> {
        let (_, cell) = self.edges.iter().find(|(it, _)| *it == at).ok_or("no such edge")?;
        let start = async || match at {
            At::Gateway => Err("the gateway is started with the world".to_owned()),
            At::Proxy(recipe) => Edge::start(recipe, &self.world).await.map(Mutex::new),
        };
        cell.get_or_init(start).await.as_ref().map_err(Clone::clone)
    }

    /// Stops everything, and says what was not as it should be.
    pub async fn stop(self) -> Vec<String> {
        let Self { place, mut world, edges, .. } = self;
        drop(edges);
        let mut problems = world.stop(Signal::TERM).await;
        problems.extend(place.leftovers(&world.rest.api_token));
        problems
    }
}

async fn words(world: &World) -> Result<Words, String> {
    let [token, second] = [world.token().await, world.token().await];
    let everyone = policy("bypass", &json!([{"everyone": {}}]));
    let inside = policy("bypass", &json!([{"ip": {"ip": "198.51.100.7/32"}}]));
    let ours = service_auth(&[&token, &second]);
    for (domain, policy) in [
        ("app.test/public", &everyone),
        ("app.test/admin", &ours),
        ("wide.test", &everyone),
        ("wide.test/admin", &ours),
        ("open.test", &everyone),
        ("closed.test", &ours),
        ("other.test", &ours),
        ("inside.test", &inside),
    ] {
        world.app_with(json!({"domain": domain, "policies": [policy]})).await;
    }
    let session = session_of(world, &token).await?;
    let session2 = session_of(world, &second).await?;
    let part = |jwt: &str, at: usize| jwt.split('.').nth(at).unwrap_or_default().to_owned();
    let head: Value =
        serde_json::from_slice(&decoded(&part(&session, 0))).map_err(|error| error.to_string())?;
    let short = |text: &str| text[..text.len() - 1].to_owned();
    Ok(Words::new([
        (
            "pair",
            format!(
                "CF-Access-Client-Id: {}\\r\\nCF-Access-Client-Secret: {}",
                token.client_id, token.client_secret
            ),
        ),
        ("id", token.client_id.clone()),
        ("secret", token.client_secret.clone()),
        ("secret-short", short(&token.client_secret)),
        ("secret-capitals", token.client_secret.to_uppercase()),
        ("head", part(&session, 0)),
        ("claims", part(&session, 1)),
        ("signature", part(&session, 2)),
        ("signature2", part(&session2, 2)),
        ("kid", head["kid"].as_str().unwrap_or_default().to_owned()),
        ("session-short", short(&session)),
        ("session", session),
        ("session2", session2),
    ]))
}

/// Of `closed.test`, from the gateway.
async fn session_of(world: &World, token: &Token) -> Result<String, String> {
    let answer = get(world.gateway().address, "closed.test", "/", &pair(token)).await?;
    let session = answer.session().ok_or_else(|| format!("no session: {answer:?}"))?.to_owned();
    world.secrets.note_session(&session);
    Ok(session)
}

fn decoded(part: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(part).unwrap_or_default()
}

/// The header lines of a credential.
pub fn pair(token: &Token) -> Vec<String> {
    vec![
        format!("CF-Access-Client-Id: {}", token.client_id),
        format!("CF-Access-Client-Secret: {}", token.client_secret),
    ]
}

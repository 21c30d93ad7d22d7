//! What is told of requests: traces across the services, decisions in log and access log, and no secret in any of them.

mod asked;
mod otlp;

use crate::worlds::{Run, Scenario};
use harness::http::Reply;
use harness::process::Signal;
use harness::upstream::Upstream;
use harness::{App, Place, Token, Topology, World};
use http::Method;
use otlp::{Receiver, Span};
use serde_json::Value;
use std::collections::HashMap;
use std::time::Duration;

const EXCHANGE: &str = "sallyport.session_issuer.v1.SessionIssuer/Exchange";
const AUTHENTICATE: &str = "sallyport.token_registry.v1.TokenRegistry/AuthenticateToken";
const EVALUATE: &str = "sallyport.policy_evaluator.v1.PolicyEvaluator/Evaluate";
const DELETE: &str = "sallyport.token_registry.v1.TokenRegistry/DeleteToken";
const SERVER: i32 = 2;
const CLIENT: i32 = 3;
const PATIENCE: Duration = Duration::from_mins(1);

pub fn all() -> Vec<Scenario> {
    vec![Scenario {
        name: "requests_are_told_and_no_secret_is",
        run: Run::Alone(|topology| Box::pin(requests_are_told_and_no_secret_is(topology))),
    }]
}

async fn requests_are_told_and_no_secret_is(topology: Topology) {
    let (receiver, otlp) = Receiver::start().await;
    let place = Place::new(topology);
    let upstream = Some(Upstream::start().await);
    let mut extra = vec!["--otlp".to_owned(), otlp];
    extra.extend(["--ext-authz", "127.0.0.1:0", "--forward-auth", "127.0.0.1:0"].map(str::to_owned));
    if topology == Topology::OneProcess {
        extra.extend(["--operations".to_owned(), "127.0.0.1:0".to_owned()]);
    }
    let mut world = place.start(upstream, &extra).await.unwrap();
    one_exchange_is_one_trace(&world, &receiver).await;
    what_a_proxy_traces_goes_on_in_its_trace(&world, &receiver).await;
    asked::questions_are_in_the_trace_of_the_request(&world, &receiver).await;
    a_revocation_is_one_trace_up_to_the_gateways(&world, &receiver).await;
    decisions_are_in_the_access_log(&world).await;
    let told = secrets_everywhere(&world).await;
    let api_token = world.rest.api_token.clone();
    let log = world.log();
    assert_eq!(world.stop(Signal::TERM).await, Vec::<String>::new());
    assert_eq!(place.leftovers(&api_token), Vec::<String>::new(), "O8");
    let told = format!("{told}{}", receiver.everything());
    assert!(told.contains(EXCHANGE) && told.contains("POLICY_NO_MATCH"), "there is something to search");
    assert!(
        log.contains("decision") && log.contains("POLICY_NO_MATCH"),
        "there are lines of decisions:\n{log}"
    );
    let secrets = place.secrets.forms();
    assert!(secrets.len() > 20);
    let leaks: Vec<&String> = secrets.iter().filter(|secret| told.contains(secret.as_str())).collect();
    assert!(leaks.is_empty(), "O8: in spans, metrics or the access log: {leaks:?}");
}

/// The spans by name and kind.
struct Trace(HashMap<(String, i32), Span>);

impl Trace {
    fn of(spans: Vec<Span>) -> Self {
        Self(spans.into_iter().map(|span| ((span.name.clone(), span.kind), span)).collect())
    }

    fn span(&self, name: &str, kind: i32) -> &Span {
        self.0
            .get(&(name.to_owned(), kind))
            .unwrap_or_else(|| panic!("no {name} of kind {kind}: {:#?}", self.0))
    }

    /// `method`, called within the span `parent`, and served within the call.
    fn call(&self, parent: &Span, method: &str) -> &Span {
        let (call, served) = (self.span(method, CLIENT), self.span(method, SERVER));
        assert_eq!(call.parent, parent.id, "{method} is called by {}", parent.name);
        assert_eq!(served.parent, call.id, "{method} is served in its call");
        for span in [call, served] {
            assert_eq!(span.attribute("rpc.system.name"), Some("grpc"));
            assert_eq!(span.attribute("rpc.method"), Some(method));
            assert_eq!(span.attribute("rpc.response.status_code"), Some("OK"));
        }
        served
    }
}

async fn one_exchange_is_one_trace(world: &World, receiver: &Receiver) {
    let (app, token) = world.opened().await;
    let reply = world.gateway().call(Method::GET, &app.domain, "/secret-path?q=1").pair(&token).send().await;
    let seen = reply.admitted();
    let ray = ray(&reply);
    assert_eq!(seen.header("cf-ray"), Some(ray.as_str()), "the application is told the same");
    // The last to end is the gateway's own.
    let ended = |spans: &[Span]| spans.iter().any(|span| span.attribute("sallyport.ray_id") == Some(&ray));
    let trace = Trace::of(receiver.until(ended).await);
    let edge = trace.0.values().find(|span| span.attribute("sallyport.ray_id") == Some(&ray)).unwrap();
    assert!(edge.parent.is_empty() && edge.kind == SERVER && edge.name == "GET", "{edge:?}");
    assert_eq!(edge.attribute("http.response.status_code"), Some("200"));
    let whole = |spans: &[Span]| {
        let has = |name: &str| spans.iter().filter(|span| span.name == name).count() == 2;
        spans.iter().any(|span| span.id == edge.id)
            && [EXCHANGE, AUTHENTICATE, EVALUATE].into_iter().all(has)
            && spans.iter().any(|span| span.attribute("db.system.name").is_some())
    };
    let spans = receiver.until(whole).await;
    let trace = Trace::of(spans.clone());
    let issuer = trace.call(edge, EXCHANGE);
    let registry = trace.call(issuer, AUTHENTICATE);
    let evaluator = trace.call(issuer, EVALUATE);
    let read =
        spans.iter().find(|span| span.attribute("db.system.name").is_some() && span.parent == registry.id);
    let read = read.unwrap_or_else(|| panic!("the registry reads its database: {spans:#?}"));
    assert!(read.attribute("code.file.path").is_some() && read.kind == CLIENT);
    let onward = spans.iter().find(|span| span.parent == edge.id && span.name == "GET").unwrap();
    let said = seen.header("traceparent").unwrap().to_owned();
    assert_eq!(
        said,
        format!("00-{}-{}-01", hex(&onward.trace), hex(&onward.id)),
        "the application goes on with it"
    );
    let services = [edge, issuer, registry, evaluator].map(|span| span.service.as_str());
    match world.topology {
        Topology::OneProcess => assert_eq!(services, ["sallyport"; 4]),
        Topology::Distributed => {
            assert_eq!(services, ["edge-gateway", "session-issuer", "token-registry", "policy-evaluator"]);
        }
    }
}

async fn what_a_proxy_traces_goes_on_in_its_trace(world: &World, receiver: &Receiver) {
    const THEIRS: &str = "0af7651916cd43dd8448eb211c80319c";
    let (app, token) = world.opened().await;
    let parent = format!("00-{THEIRS}-b7ad6b7169203331-01");
    let call = world.gateway().get(&app.domain).pair(&token).header("traceparent", &parent);
    call.header("tracestate", "vendor=value").send().await.admitted();
    let spans =
        receiver.until(|spans| spans.iter().any(|span| hex(&span.parent) == "b7ad6b7169203331")).await;
    assert!(spans.iter().all(|span| hex(&span.trace) == THEIRS));
    let unsampled = format!("00-{THEIRS}-00f067aa0ba902b7-00");
    let seen = world
        .gateway()
        .get(&app.domain)
        .pair(&token)
        .header("traceparent", &unsampled)
        .send()
        .await
        .admitted();
    assert_eq!(
        seen.header("traceparent"),
        Some(unsampled.as_str()),
        "what is not traced here is passed on as it is"
    );
}

async fn a_revocation_is_one_trace_up_to_the_gateways(world: &World, receiver: &Receiver) {
    let token = world.token().await;
    world.rest.delete(&token.path()).await.result(200);
    let applied = |spans: &[Span]| {
        spans.iter().any(|span| span.name == DELETE && span.kind == SERVER)
            && spans.iter().filter(|span| span.name == "process change").count() >= world.gateways.len()
    };
    let spans = receiver.until(applied).await;
    let publish = spans.iter().find(|span| span.name == "publish sallyport.feed.token-registry").unwrap();
    let heard: Vec<&Span> = spans.iter().filter(|span| span.name == "process change").collect();
    assert!(heard.iter().all(|span| span.parent == publish.id), "{spans:#?}");
    if world.topology == Topology::Distributed {
        assert!(heard.iter().any(|span| span.service == "edge-gateway"), "{spans:#?}");
        assert_eq!(publish.service, "token-registry");
    }
}

fn ray(reply: &Reply) -> String {
    let ray = reply.header("cf-ray").unwrap().to_owned();
    assert!(ray.len() == 16 && ray.bytes().all(|b| b.is_ascii_hexdigit()), "{ray}");
    ray
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// The list, once it has something.
async fn listed(world: &World, path: &str) -> Vec<Value> {
    let found = async {
        loop {
            let shown = world.rest.get(path).await.result(200);
            let rows = shown.as_array().unwrap().clone();
            if !rows.is_empty() {
                return rows;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("nothing at {path}"))
}

async fn decisions_are_in_the_access_log(world: &World) {
    let (app, token) = world.opened().await;
    let other = world.token().await;
    let gateway = world.gateway();
    let admitted =
        gateway.call(Method::POST, &app.domain, "/a/b?secret=1").pair(&token).from_country("PT").send().await;
    let refused = gateway.get(&app.domain).pair(&other).send().await;
    assert_eq!(refused.refused(403), "POLICY_NO_MATCH");
    let shown = listed(world, &format!("access/logs/access_requests?ray_id={}", ray(&admitted))).await;
    assert_eq!(shown.len(), 1);
    let shown = &shown[0];
    assert_eq!((&shown["action"], &shown["allowed"]), (&"login".into(), &true.into()));
    assert_eq!(shown["app_uid"], app.shown["id"]);
    assert_eq!(shown["app_domain"].as_str(), Some(app.domain.as_str()));
    assert_eq!((&shown["ip_address"], &shown["user_email"]), (&"127.0.0.1".into(), &"".into()));
    let shown =
        listed(world, &format!("access/logs/access-requests?ray_id={}&allowed=false", ray(&refused))).await;
    assert_eq!(shown[0]["allowed"], false);
    let wrong = format!("access/logs/access_requests?ray_id={}&allowed=true", ray(&refused));
    assert_eq!(world.rest.get(&wrong).await.result(200), Value::Array(Vec::new()));
    // A page past the end is empty: clients ask until they get one.
    assert_eq!(
        world.rest.get("access/logs/access_requests?page=900").await.result(200),
        Value::Array(Vec::new())
    );
    let own = own(world, &format!("ray_id={}", ray(&admitted))).await.result(200)[0].clone();
    let text = |name: &str| own[name].as_str().unwrap().to_owned();
    assert_eq!([text("method"), text("path"), text("country_code")], ["POST", "/a/b", "PT"]);
    assert_eq!((text("client_id"), text("token_id")), (token.client_id.clone(), token.id.clone()));
    assert_eq!((text("credential"), text("host")), ("pair".to_owned(), app.domain.clone()));
    assert!(!text("policy_id").is_empty() && !text("gateway").is_empty(), "{own}");
    let own = self::own(world, &format!("ray_id={}", ray(&refused))).await.result(200)[0].clone();
    assert_eq!(
        (&own["reason"], &own["client_id"]),
        (&"POLICY_NO_MATCH".into(), &other.client_id.clone().into())
    );
}

/// Secrets and sessions wherever a client can put them. What the API and the metrics say afterwards.
async fn secrets_everywhere(world: &World) -> String {
    let (app, token) = world.opened().await;
    let session = world.gateway().session(&app, &token).await;
    let other = world.token().await;
    for secret in [&token.client_secret, &session, &other.client_secret] {
        ask_everywhere(world, &app, &token, secret).await;
    }
    let last = world.gateway().get(&app.domain).pair(&other).send().await;
    let found = async {
        while own(world, &format!("ray_id={}", ray(&last))).await.result(200) == Value::Array(Vec::new()) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, found).await.expect("the last decision in the access log");
    let mut told = own(world, "per_page=1000").await.text();
    if let Some(operations) = world.printed["operations"].as_str() {
        let address = operations.strip_prefix("http://").unwrap().parse().unwrap();
        told.push_str(&world.rest.client.call(address, Method::GET, "/metrics").send().await.text());
    }
    told
}

/// Our own list of decisions.
async fn own(world: &World, query: &str) -> Reply {
    world.rest.call_own(Method::GET, &format!("decisions?{query}")).send().await
}

async fn ask_everywhere(world: &World, app: &App, token: &Token, secret: &str) {
    let gateway = world.gateway();
    let id = &token.client_id;
    let calls = [
        gateway.call(Method::GET, &app.domain, &format!("/{secret}/x?{secret}={secret}")).pair(token),
        gateway.call(Method::GET, &app.domain, &format!("/a;{secret}?token={secret}")),
        gateway.get(&format!("{}.test", secret.get(..40).unwrap().replace(['.', '_'], "-"))),
        gateway.get(&app.domain).header("cf-access-client-id", secret).header("cf-access-client-secret", id),
        gateway.get(&app.domain).header("cf-access-client-secret", secret),
        gateway
            .get(&app.domain)
            .header("cf-access-client-id", id)
            .header("cf-access-client-secret", &format!("{secret}x")),
        gateway.get(&app.domain).header("cf-access-token", secret),
        gateway.get(&app.domain).header("cf-access-token", &format!("{secret}.{secret}.{secret}")),
        gateway.get(&app.domain).header("cookie", &format!("CF_Authorization={secret}; other={secret}")),
        gateway.get(&app.domain).header("authorization", &format!("Bearer {secret}")),
        gateway
            .get(&app.domain)
            .header("referer", &format!("https://x.test/?{secret}"))
            .header("user-agent", secret),
        gateway
            .get(&app.domain)
            .header("traceparent", secret)
            .header("tracestate", secret)
            .header("cf-ray", secret),
        gateway.get(&app.domain).header("x-forwarded-for", secret).header("cf-ipcountry", secret),
        gateway.call(Method::POST, &app.domain, "/").pair(token).body(secret.to_owned()),
    ];
    for call in calls {
        let _ = call.try_send().await;
    }
}

//! The second front, as Envoy asks it: with generated code where it asks well, with bytes where it does not.

mod attacks;
mod floods;
mod headers;
mod outages;
mod wire;

use crate::world::{Pair, World};
use proto::ext_authz::attribute_context::{HttpRequest, Peer, Request};
use proto::ext_authz::authorization_client::AuthorizationClient;
use proto::ext_authz::check_response::HttpResponse;
use proto::ext_authz::{
    Address, AttributeContext, CheckRequest, CheckResponse, HeaderMap, HeaderValue, HeaderValueOption,
    SocketAddress,
};
use std::collections::HashMap;
use tonic::Status;
use tonic::transport::Channel;

/// A request as it reached Envoy.
#[derive(Clone)]
pub struct Asked {
    pub method: String,
    pub host: String,
    pub path: String,
    /// In lower case.
    pub lines: Vec<(String, String)>,
    pub peer: String,
    pub aud: Option<String>,
    /// As Envoy writes it.
    pub certificate: String,
    /// Envoy is told `encode_raw_headers`.
    pub is_raw: bool,
}

impl Asked {
    pub fn new(host: &str, path: &str) -> Self {
        Self {
            method: "GET".to_owned(),
            host: host.to_owned(),
            path: path.to_owned(),
            lines: Vec::new(),
            peer: "192.0.2.7".to_owned(),
            aud: None,
            certificate: String::new(),
            is_raw: false,
        }
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.lines.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn with_pair(self, pair: &Pair) -> Self {
        let Pair { token, secret } = pair;
        self.with("cf-access-client-id", &token.client_id).with("cf-access-client-secret", secret)
    }

    pub fn with_session(self, session: &str) -> Self {
        self.with("cookie", &format!("CF_Authorization={session}"))
    }

    pub fn from(self, peer: &str) -> Self {
        Self { peer: peer.to_owned(), ..self }
    }

    pub fn raw(self) -> Self {
        Self { is_raw: true, ..self }
    }

    pub fn message(&self) -> CheckRequest {
        let Self { method, host, path, lines, peer, aud, certificate, is_raw } = self.clone();
        let pseudo = [(":authority", &host), (":path", &path), (":method", &method)];
        let pseudo = pseudo.map(|(name, value)| (name.to_owned(), value.clone()));
        let (mut joined, mut each) = (HashMap::new(), Vec::new());
        for (key, value) in pseudo.into_iter().chain(lines) {
            let line = joined.entry(key.clone()).or_insert_with(Vec::new);
            line.push(value.clone());
            each.push(HeaderValue { key, raw_value: value.into_bytes(), value: String::new() });
        }
        let joined: HashMap<_, _> =
            joined.into_iter().map(|(name, values)| (name, values.join(","))).collect();
        let http = HttpRequest {
            method,
            host,
            path,
            scheme: "http".to_owned(),
            headers: if is_raw { HashMap::new() } else { joined },
            header_map: is_raw.then_some(HeaderMap { headers: each }),
        };
        let socket = SocketAddress { address: peer, port_value: 4711 };
        let source = Peer { address: Some(Address { socket_address: Some(socket) }), certificate };
        CheckRequest {
            attributes: Some(AttributeContext {
                source: Some(source),
                request: Some(Request { http: Some(http) }),
                context_extensions: aud.map(|aud| ("app_aud".to_owned(), aud)).into_iter().collect(),
            }),
        }
    }
}

/// What Envoy makes of an answer.
#[derive(Debug)]
pub struct Verdict {
    /// 200: let through.
    pub status: u16,
    /// Set in the request, or in the answer of one that is refused.
    pub set: Vec<(String, String)>,
    pub removed: Vec<String>,
    /// For the client, of one that is let through.
    pub response: Vec<(String, String)>,
    pub body: String,
    pub metadata: HashMap<String, String>,
}

impl Verdict {
    pub fn read(answer: CheckResponse) -> Self {
        let CheckResponse { status, http_response, dynamic_metadata } = answer;
        let metadata = dynamic_metadata.unwrap_or_default().fields.into_iter().map(|(key, value)| {
            let Some(prost_types::value::Kind::StringValue(text)) = value.kind else { panic!("{key}") };
            (key, text)
        });
        let mut verdict = Self {
            status: 403,
            set: Vec::new(),
            removed: Vec::new(),
            response: Vec::new(),
            body: String::new(),
            metadata: metadata.collect(),
        };
        let is_allowed = status.is_none_or(|status| status.code == 0);
        match http_response {
            Some(HttpResponse::OkResponse(ok)) => {
                assert!(is_allowed, "an OK response under a status that denies");
                (verdict.status, verdict.removed) = (200, ok.headers_to_remove);
                verdict.set = lines(ok.headers);
                verdict.response = lines(ok.response_headers_to_add);
            }
            Some(HttpResponse::DeniedResponse(denied)) => {
                assert!(!is_allowed, "a denied response under a status that allows");
                verdict.status = denied.status.unwrap().code.try_into().unwrap();
                (verdict.set, verdict.body) = (lines(denied.headers), denied.body);
            }
            None => panic!("an empty answer allows"),
        }
        for (name, _) in &verdict.set {
            assert!(!verdict.removed.contains(name), "{name} is set, and removed after that");
            assert_eq!(verdict.all(name).len(), 1, "{name} is set twice");
        }
        verdict
    }

    fn all(&self, name: &str) -> Vec<&str> {
        let named = self.set.iter().filter(|(it, _)| it == name);
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// What is set there.
    pub fn set(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    pub fn removes(&self, name: &str) -> bool {
        self.removed.iter().any(|it| it == name)
    }

    pub fn response(&self, name: &str) -> Option<&str> {
        self.response.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    pub fn session(&self) -> Option<&str> {
        self.response("set-cookie")?.strip_prefix("CF_Authorization=")?.split(';').next()
    }

    pub fn reason(&self) -> &str {
        self.set("cf-access-error").unwrap_or("-")
    }

    pub fn said(&self, key: &str) -> &str {
        self.metadata.get(key).map_or("-", String::as_str)
    }
}

fn lines(options: Vec<HeaderValueOption>) -> Vec<(String, String)> {
    let line = |option: HeaderValueOption| option.header.map(|header| (header.key, header.value)).unwrap();
    options.into_iter().map(line).collect()
}

/// An Envoy.
pub struct Envoy(AuthorizationClient<Channel>);

impl Envoy {
    pub async fn of(world: &World) -> Self {
        let url = format!("http://{}", world.ext_authz);
        Self(AuthorizationClient::connect(url).await.unwrap())
    }

    pub async fn try_ask(&self, asked: &Asked) -> Result<Verdict, Status> {
        let answer = self.0.clone().check(asked.message()).await?;
        Ok(Verdict::read(answer.into_inner()))
    }

    pub async fn ask(&self, asked: &Asked) -> Verdict {
        self.try_ask(asked).await.unwrap()
    }
}

fn app() -> Asked {
    Asked::new("app.localhost", "/")
}

#[tokio::test]
async fn a_pair_is_let_through_and_gets_a_session_that_is_let_through_too() {
    let world = World::open().await;
    let (envoy, pair) = (Envoy::of(&world).await, world.token().await);
    let first = envoy.ask(&app().with_pair(&pair)).await;
    assert_eq!(first.status, 200, "{first:?}");
    let session = first.session().expect("a session").to_owned();
    assert_eq!(first.set("cf-access-jwt-assertion"), Some(session.as_str()));
    assert_eq!(first.response("cache-control"), Some("private"));
    assert!(first.removes("cf-access-client-id") && first.removes("cf-access-client-secret"));
    let application = world.application("app.localhost").await;
    for said in [&first, &envoy.ask(&app().with_session(&session)).await] {
        assert_eq!(said.status, 200, "{said:?}");
        assert_eq!((said.said("decision"), said.said("reason")), ("allow", "session"));
        assert_eq!(said.said("token_id"), pair.token.id);
        assert_eq!(said.said("application_id"), application.id);
        assert_eq!(said.said("policy_id"), application.policies[0].id);
        assert!(!format!("{:?}", said.metadata).contains(&pair.secret));
    }
    let by_header = envoy.ask(&app().with("cf-access-token", &session)).await;
    assert_eq!((by_header.status, by_header.removes("cf-access-token")), (200, true));
    assert_eq!(by_header.session(), None, "who brings a session gets no other");
}

#[tokio::test]
async fn a_refusal_says_what_the_proxy_says() {
    let world = World::open().await;
    let (envoy, pair) = (Envoy::of(&world).await, world.token().await);
    let aud = world.application("app.localhost").await.aud;
    let refused = envoy.ask(&app()).await;
    assert_eq!((refused.status, refused.reason()), (401, "CREDENTIAL_MISSING"));
    assert_eq!(refused.set("cf-access-aud"), Some(aud.as_str()));
    assert_eq!(refused.set("cf-access-domain"), Some("app.localhost"));
    assert_eq!(refused.set("content-type"), Some("application/json"));
    assert_eq!(refused.set("cache-control"), Some("no-store"));
    assert!(refused.set("www-authenticate").is_some());
    assert!(refused.body.contains("\"CREDENTIAL_MISSING\""));
    assert_eq!((refused.said("decision"), refused.said("reason")), ("deny", "CREDENTIAL_MISSING"));
    let nobody = envoy.ask(&Asked::new("app.localhost", "/admin/x").with_pair(&pair)).await;
    assert_eq!(nobody.status, 403, "{nobody:?}");
    let nowhere = envoy.ask(&Asked::new("nowhere.localhost", "/")).await;
    assert_eq!((nowhere.status, nowhere.reason()), (404, "APPLICATION_NOT_FOUND"));
    let ours = envoy.ask(&Asked::new("app.localhost", "/cdn-cgi/access/certs")).await;
    assert_eq!((ours.status, ours.reason()), (404, "ENDPOINT_NOT_FOUND"));
}

#[tokio::test]
async fn l1_a_deleted_token_and_its_session_are_refused_at_once() {
    let world = World::open().await;
    let (envoy, pair) = (Envoy::of(&world).await, world.token().await);
    let session = envoy.ask(&app().with_pair(&pair)).await.session().unwrap().to_owned();
    world.delete(&pair.token).await;
    for asked in [app().with_pair(&pair), app().with_session(&session)] {
        let verdict = envoy.ask(&asked).await;
        assert_eq!(verdict.status, 401, "{verdict:?}");
    }
}

#[tokio::test]
async fn what_is_open_to_everybody_passes_without_a_name() {
    let world = World::open().await;
    let envoy = Envoy::of(&world).await;
    let verdict = envoy.ask(&Asked::new("open.localhost", "/")).await;
    assert_eq!((verdict.status, verdict.said("reason")), (200, "bypass"));
    assert_eq!(verdict.set("cf-access-jwt-assertion"), None);
    let told = verdict.response.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    // The one name of the request, for the client and for the application.
    assert!(told.eq([("cf-ray", verdict.set("cf-ray").unwrap())]), "{verdict:?}");
    assert_eq!(verdict.said("policy_id"), world.application("open.localhost").await.policies[0].id);
}

#[tokio::test]
async fn a_route_that_names_its_application_admits_nobody_to_another() {
    let world = World::open().await;
    let (envoy, pair) = (Envoy::of(&world).await, world.token().await);
    let aud = world.application("app.localhost").await.aud;
    let pinned = |host: &str, aud: &str| Asked { aud: Some(aud.to_owned()), ..Asked::new(host, "/") };
    assert_eq!(envoy.ask(&pinned("app.localhost", &aud).with_pair(&pair)).await.status, 200);
    for asked in [
        pinned("open.localhost", &aud),
        pinned("app.localhost", "").with_pair(&pair),
        pinned("open.localhost", "x"),
    ] {
        let verdict = envoy.ask(&asked).await;
        assert_eq!((verdict.status, verdict.reason()), (403, "APPLICATION_MISMATCH"), "{verdict:?}");
    }
}

#[tokio::test]
async fn a_preflight_request_passes_where_those_pass() {
    let world = World::open().await;
    let envoy = Envoy::of(&world).await;
    let asked = Asked { method: "OPTIONS".to_owned(), ..Asked::new("preflight.localhost", "/") };
    let preflight = asked.clone().with("access-control-request-method", "PUT");
    let verdict = envoy.ask(&preflight).await;
    assert_eq!((verdict.status, verdict.said("reason")), (200, "preflight"));
    assert_eq!(envoy.ask(&asked).await.status, 401);
    assert_eq!(envoy.ask(&preflight.with("x-http-method-override", "DELETE")).await.status, 401);
}

//! Applications behind TLS, at several addresses, that are asked whether they are well.

use crate::authority::{Authority, Files, Leaf};
use crate::client::PATIENCE;
use crate::world::{Beginning, World};
use bytes::Bytes;
use edge_gateway::config::{Health, Limits, Upstream};
use http::{Request, Response, StatusCode, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// Answers its name, in whichever version of HTTP it is asked.
struct Application {
    address: SocketAddr,
    state: Arc<State>,
    serving: tokio::task::JoinHandle<()>,
    /// Keeps the port while nobody listens there.
    port: TcpSocket,
}

struct State {
    name: String,
    is_ill: AtomicBool,
    connections: AtomicUsize,
    version: parking_lot::Mutex<Option<Version>>,
}

impl Application {
    fn start(name: &str, identity: Option<&Leaf>) -> Self {
        Self::start_at(socket("127.0.0.1:0".parse().unwrap()), name, identity)
    }

    fn start_at(port: TcpSocket, name: &str, identity: Option<&Leaf>) -> Self {
        let address = port.local_addr().unwrap();
        let listener = socket(address).listen(64).unwrap();
        let state = Arc::new(State {
            name: name.to_owned(),
            is_ill: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            version: parking_lot::Mutex::new(None),
        });
        let serving = tokio::spawn(serve(listener, state.clone(), identity.map(acceptor)));
        Self { address, state, serving, port }
    }

    fn upstream(&self, scheme: &str) -> Upstream {
        Upstream {
            host: "open.localhost".to_owned(),
            url: format!("{scheme}://localhost:{}", self.address.port()),
            ..Upstream::default()
        }
    }

    /// Nobody listens there when this returns.
    async fn end(self) -> TcpSocket {
        self.serving.abort();
        let _ = self.serving.await;
        self.port
    }
}

/// Two may have the same address as long as one of them does not listen.
fn socket(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

fn acceptor(identity: &Leaf) -> TlsAcceptor {
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(identity.chain(), identity.secret())
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(listener: TcpListener, state: Arc<State>, acceptor: Option<TlsAcceptor>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (state, acceptor) = (state.clone(), acceptor.clone());
        connections.spawn(async move {
            let service = service_fn(|request| answer(state.clone(), request));
            let server = auto::Builder::new(TokioExecutor::new());
            state.connections.fetch_add(1, Ordering::Relaxed);
            if let Some(acceptor) = acceptor {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            } else {
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            }
        });
    }
}

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let is_question = request.uri().path() == "/well";
    if !is_question {
        *state.version.lock() = Some(request.version());
    }
    let is_ill = is_question && state.is_ill.load(Ordering::Relaxed);
    let status = if is_ill { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let _ = request.into_body().collect().await;
    let body = Full::from(state.name.clone());
    Ok(Response::builder().status(status).body(body).unwrap())
}

async fn world(upstream: Upstream, limits: Limits) -> World {
    World::open_with(Beginning { upstreams: vec![upstream], limits, ..Beginning::default() }).await
}

/// The name of whoever answers, or why nobody does.
async fn ask(world: &World) -> String {
    let answer = world.connect().await.get("open.localhost", "/", "").await;
    if answer.status == 200 { String::from_utf8(answer.body).unwrap() } else { answer.reason().to_owned() }
}

async fn until(world: &World, what: impl Fn(&[String]) -> bool) {
    let wait = async {
        loop {
            let names = [ask(world).await, ask(world).await, ask(world).await, ask(world).await];
            if what(&names) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap();
}

#[tokio::test]
async fn s5_an_applications_certificate_is_verified() {
    let (authority, stranger, files) = (Authority::new("a"), Authority::new("a"), Files::default());
    let application = Application::start("it", Some(&authority.server(&["localhost", "inner.example"])));
    let believed = Some(files.write("believed.pem", &authority.pem));
    let upstream = |scheme: &str| Upstream { authorities: believed.clone(), ..application.upstream(scheme) };
    for (upstream, expected, version) in [
        (upstream("https"), "it", Some(Version::HTTP_11)),
        (upstream("h2"), "it", Some(Version::HTTP_2)),
        (
            Upstream { server_name: Some("inner.example".to_owned()), ..upstream("https") },
            "it",
            Some(Version::HTTP_11),
        ),
        (
            Upstream { server_name: Some("other.example".to_owned()), ..upstream("https") },
            "UPSTREAM_UNREACHABLE",
            None,
        ),
        (
            Upstream { authorities: Some(files.write("stranger.pem", &stranger.pem)), ..upstream("https") },
            "UPSTREAM_UNREACHABLE",
            None,
        ),
        (
            Upstream { authorities: Some(files.write("stranger.pem", &stranger.pem)), ..upstream("h2") },
            "UPSTREAM_UNREACHABLE",
            None,
        ),
        (application.upstream("http"), "UPSTREAM_UNREACHABLE", None),
    ] {
        let world = world(upstream.clone(), Limits::default()).await;
        assert_eq!(
            (ask(&world).await.as_str(), application.state.version.lock().take()),
            (expected, version),
            "{upstream:?}"
        );
    }
    let bad =
        Upstream { authorities: Some(files.write("bad.pem", "nonsense")), ..application.upstream("https") };
    let error = World::refusal(Beginning { upstreams: vec![bad], ..Beginning::default() }).await;
    assert!(error.message().contains("bad.pem"), "{}", error.message());
}

#[tokio::test]
async fn requests_take_turns_and_leave_out_whoever_is_gone_until_it_is_back() {
    for scheme in ["http", "h2c"] {
        let (one, two) = (Application::start("one", None), Application::start("two", None));
        let upstream = Upstream { addresses: vec![two.address.to_string()], ..one.upstream(scheme) };
        let world = world(upstream, Limits::default()).await;
        let names = [ask(&world).await, ask(&world).await, ask(&world).await, ask(&world).await];
        assert_eq!(names.iter().filter(|name| *name == "one").count(), 2, "{scheme} {names:?}");
        let gone = two.end().await;
        // Not one request fails, though nothing has been said.
        for _ in 0..6 {
            assert_eq!(ask(&world).await, "one", "{scheme}");
        }
        let _back = Application::start_at(gone, "two", None);
        until(&world, |names| names.iter().any(|name| name == "two")).await;
    }
}

#[tokio::test]
async fn whoever_says_that_it_is_not_well_gets_nothing() {
    let (one, two) = (Application::start("one", None), Application::start("two", None));
    let one_second = NonZeroU32::MIN;
    let health = Health {
        path: "/well".to_owned(),
        interval_s: one_second,
        timeout_s: one_second,
        ill_after: one_second,
    };
    let addresses = vec![two.address.to_string()];
    let upstream = Upstream { addresses, health: Some(health), ..one.upstream("http") };
    let world = world(upstream, Limits::default()).await;
    until(&world, |names| names.iter().any(|name| name == "two")).await;
    two.state.is_ill.store(true, Ordering::Relaxed);
    until(&world, |names| names.iter().all(|name| name == "one")).await;
    one.state.is_ill.store(true, Ordering::Relaxed);
    // If nobody is well, all are asked: who knows.
    until(&world, |names| names.iter().any(|name| name == "two")).await;
    two.state.is_ill.store(false, Ordering::Relaxed);
    until(&world, |names| names.iter().all(|name| name == "two")).await;
}

#[tokio::test]
async fn q8_no_more_connections_than_there_may_be() {
    let limits = Limits {
        upstream_connections: NonZeroU32::MIN,
        upstream_connect_timeout_s: NonZeroU32::MIN,
        ..Limits::default()
    };
    let world = World::open_with(Beginning { limits, ..Beginning::default() }).await;
    let mut applications = crate::streams::hand_over(&world);
    let mut first = world.connect().await;
    first.send("GET / HTTP/1.1\r\nHost: open.localhost\r\n\r\n").await;
    let mut application = applications.recv().await.unwrap();
    crate::streams::head(&mut application).await;
    let answer = world.connect().await.get("open.localhost", "/", "").await;
    assert_eq!((answer.status, answer.reason()), (503, "UPSTREAM_BUSY"));
    drop(application);
    assert_eq!(first.answer(false).await.unwrap().status, 502);
}

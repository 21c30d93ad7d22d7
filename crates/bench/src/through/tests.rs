use super::*;
use http::{HeaderMap, Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

/// What an application was last told.
type Told = Arc<Mutex<HeaderMap>>;

async fn application(told: Told) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let told = told.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                *told.lock().unwrap() = request.headers().clone();
                async { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"ok")))) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_either_authorizer_the_application_is_told_the_same() {
    let told = Told::default();
    let upstream = application(told.clone()).await;
    let world = World::open(world::Kind::Empty, upstream).await.unwrap();
    let session = world.session_line(&world.create_token().await.unwrap()).await.unwrap();
    for recipe in &recipe::ALL {
        if !recipe.kind.is_installed(&search()) {
            eprintln!("{} is missing: nothing was tested", recipe.kind.name());
            continue;
        }
        let (gateway, always) = match recipe.asks {
            Asks::ExtAuthz => (world.ext_authz, idle::like(world.ext_authz).await.unwrap()),
            Asks::ForwardAuth => (world.forward_auth, always::like(world.forward_auth).await.unwrap()),
        };
        let mut seen = Vec::new();
        for asked in [gateway, always] {
            let _proxy = start(recipe, asked, upstream, &session).await.unwrap();
            let mut headers = told.lock().unwrap().clone();
            // Envoy's own and the gateway's, new for every request.
            headers.remove("x-request-id");
            headers.remove("cf-ray");
            assert!(headers.contains_key("cf-access-jwt-assertion"), "{}: {headers:?}", recipe.section);
            seen.push(headers);
        }
        assert_eq!(seen[0], seen[1], "{}", recipe.section);
    }
    world.close().await.unwrap();
}

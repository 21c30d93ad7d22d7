use super::*;
use crate::fixture::Receiver;
use crate::webhook::parse_url;
use axum::body::{Body, Bytes};
use serde_json::json;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

async fn post(outbound: &Outbound, url: &str, secret: Option<&str>) -> Result<(), Failure> {
    let url = parse_url(url).unwrap();
    let destination = Destination { url: &url, kind: Kind::Generic, secret };
    outbound.post(&destination, &json!({ "text": "hello" })).await
}

#[tokio::test]
async fn the_answers_status_decides() {
    let outbound = Outbound::new(true).unwrap();
    let receiver = Receiver::start(&[200, 204, 500, 404, 410]).await;
    for wanted in [Ok(()), Ok(()), Err(Failure::Status(500)), Err(Failure::Status(404)), Err(Failure::Gone)] {
        assert_eq!(post(&outbound, &receiver.url, Some("hunter2")).await, wanted);
    }
    for received in receiver.received() {
        assert_eq!(received.headers["cf-webhook-auth"], "hunter2");
        assert_eq!(received.headers["content-type"], "application/json");
        assert_eq!(received.body, json!({ "text": "hello" }));
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let outbound = Outbound::new(true).unwrap();
    for status in [301, 302, 303, 307, 308] {
        let receiver = Receiver::start(&[status, 200]).await;
        assert_eq!(post(&outbound, &receiver.url, None).await, Err(Failure::Status(status)));
        let paths = receiver.received().into_iter().map(|received| received.path).collect::<Vec<_>>();
        assert_eq!(paths, ["/hook"]);
    }
}

#[tokio::test]
async fn a_silent_destination_and_a_dripping_one_are_left_in_time() {
    let outbound = Outbound::with_time_out(true, Duration::from_secs(1)).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let dripping = tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let _ = connection.read(&mut [0; 1024]).await;
                for byte in b"HTTP/1.1 200 OK\r\nX-Slow: ".iter().chain(std::iter::repeat(&b'x')) {
                    if connection.write_all(&[*byte]).await.is_err() {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            });
        }
    });
    assert_eq!(post(&outbound, &url, None).await, Err(Failure::TimeOut));
    dripping.abort();

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    assert_eq!(post(&outbound, &url, None).await, Err(Failure::TimeOut));
    drop(listener);
    assert!(matches!(post(&outbound, &url, None).await, Err(Failure::Unreachable(_))));
}

#[tokio::test]
async fn an_endless_answer_is_not_read() {
    let chunk = || Ok::<_, std::io::Error>(Bytes::from_static(&[0; 8192]));
    let endless = async move || Body::from_stream(futures::stream::repeat_with(chunk));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let serving =
        tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(endless)).await });
    let outbound = Outbound::new(true).unwrap();
    assert_eq!(post(&outbound, &url, None).await, Ok(()));
    serving.abort();
}

#[tokio::test]
async fn no_spelling_leads_to_a_private_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let outbound = Outbound::new(false).unwrap();
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.0.0.1.",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "169.254.169.254",
        "10.0.0.1",
        "localhost",
        "LOCALHOST",
        "①②⑦.0.0.1",
    ] {
        let url = format!("http://{host}:{port}/");
        assert_eq!(post(&outbound, &url, None).await, Err(Failure::Private), "{host}");
    }
    let connected = tokio::time::timeout(Duration::ZERO, listener.accept()).await;
    assert!(connected.is_err(), "something connected");
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![key.cert.der().clone()],
            rustls::pki_types::PrivatePkcs8KeyDer::from(key.signing_key.serialize_der()).into(),
        )
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    let serving = tokio::spawn(async move {
        let (connection, _) = listener.accept().await.unwrap();
        if let Ok(mut trusted) = acceptor.accept(connection).await {
            let _ = trusted.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        }
    });
    let refused = post(&Outbound::new(true).unwrap(), &url, Some("hunter2")).await;
    let Err(Failure::Unreachable(cause)) = refused else { panic!("{refused:?}") };
    assert!(cause.to_lowercase().contains("certificate"), "{cause}");
    serving.await.unwrap();
}

#[test]
fn each_service_gets_its_secret_where_it_looks_for_it() {
    let header = |kind| {
        let (name, value) = authentication(kind, "s3").unwrap();
        assert!(value.is_sensitive());
        format!("{name}: {}", value.to_str().unwrap())
    };
    assert_eq!(header(Kind::Generic), "cf-webhook-auth: s3");
    assert_eq!(header(Kind::Opsgenie), "authorization: GenieKey s3");
    assert_eq!(header(Kind::Splunk), "authorization: Splunk s3");
    assert_eq!(header(Kind::Datadog), "dd-api-key: s3");
}

use super::*;
use local_servers::Search;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

/// Longer than a busy machine takes for anything here.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);
/// For a server that answers.
pub(crate) const PATIENCE: Limits = Limits { dial: LIMIT, call: LIMIT, settle: LIMIT };

async fn server() -> anyhow::Result<local_servers::Nats> {
    local_servers::Nats::throwaway(&Search::workspace()).await
}

/// Publishes `message` until the subscriber hears it, whatever else it hears before.
async fn is_heard(bus: &Nats, subscription: &mut Subscription, message: &'static str) {
    let heard = async {
        loop {
            let _ = bus.publish("a.b", Bytes::from_static(message.as_bytes())).await;
            let pause = Duration::from_millis(20);
            while let Ok(Some(found)) = tokio::time::timeout(pause, subscription.next()).await {
                if found == message {
                    return;
                }
            }
        }
    };
    tokio::time::timeout(LIMIT, heard).await.expect("the message arrives");
}

/// Publishes until that is refused.
async fn is_away(bus: &Nats) -> Error {
    let refused = async {
        loop {
            match bus.publish("a.b", Bytes::from_static(b"lost")).await {
                Ok(()) => tokio::time::sleep(Duration::from_millis(5)).await,
                Err(error) => return error,
            }
        }
    };
    tokio::time::timeout(LIMIT, refused).await.expect("publishing is refused")
}

#[tokio::test]
async fn a_restart_of_the_server_is_a_gap_and_no_more() -> anyhow::Result<()> {
    let mut server = server().await?;
    let (publisher, listener) = (
        Nats::connect_within(PATIENCE, server.url()).await?,
        Nats::connect_within(PATIENCE, server.url()).await?,
    );
    let mut plain = listener.subscribe("a.b").await?;
    let mut shared = listener.subscribe_shared("a.b", "group").await?;
    is_heard(&publisher, &mut plain, "before").await;
    is_heard(&publisher, &mut shared, "before").await;

    server.server.kill().await;
    assert_eq!(is_away(&publisher).await.kind(), ErrorKind::Unavailable);
    server.server.restart().await?;
    is_heard(&publisher, &mut plain, "after").await;
    is_heard(&publisher, &mut shared, "after").await;
    Ok(())
}

#[tokio::test]
async fn publishing_to_a_silent_server_never_blocks_for_long() -> anyhow::Result<()> {
    let server = server().await?;
    let bus = Nats::connect(server.url()).await?;
    server.server.freeze()?;
    let flood = async {
        // More than the socket, the client's buffer and its queue hold, until one is not taken.
        let large = Bytes::from(vec![7; crate::LARGEST_PAYLOAD]);
        loop {
            let publish = bus.publish("a.b", large.clone());
            let bounded = tokio::time::timeout(LIMIT / 2, publish).await;
            if bounded.expect("publishing is bounded").is_err() {
                return;
            }
        }
    };
    tokio::time::timeout(LIMIT, flood).await?;
    server.server.thaw()?;
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_away_at_the_start_is_found_later() -> anyhow::Result<()> {
    let mut server = server().await?;
    server.server.stop().await?;
    let bus = Nats::connect_within(PATIENCE, server.url()).await?;
    assert_eq!(is_away(&bus).await.kind(), ErrorKind::Unavailable);
    let mut subscription = bus.subscribe("a.b").await?;
    server.server.restart().await?;
    is_heard(&bus, &mut subscription, "late").await;
    Ok(())
}

#[tokio::test]
async fn wrong_credentials_are_refused_and_not_repeated() -> anyhow::Result<()> {
    let server = server().await?;
    let (_, address) = server.url().split_once('@').unwrap();
    for url in [format!("nats://sallyport:hunter2@{address}"), format!("nats://{address}")] {
        let error = Nats::connect_within(PATIENCE, &url).await.err().unwrap();
        assert_eq!(error.reason(), "BUS_REFUSED");
    }
    for url in
        ["nats://u:hunter2@a:port:port", "nats://u:hunter2@a,http://b", "nats://u:hunter2@a,nats://v:w@b"]
    {
        let error = Nats::connect_within(PATIENCE, url).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{url}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
    Ok(())
}

#[test]
fn credentials_are_taken_out_of_the_address() {
    let one = Addresses::parse("nats://user:p%40ss@host:4000,nats://user:p%40ss@other").ok().unwrap();
    assert!(one.credentials == Some(Credentials::Password { user: "user".into(), password: "p@ss".into() }));
    assert_eq!(
        one.servers.iter().map(ServerAddr::as_url_str).collect::<Vec<_>>(),
        ["nats://host:4000", "nats://other"]
    );
    let token = Addresses::parse("tls://t0k%2fen@host").ok().unwrap();
    assert!(token.credentials == Some(Credentials::Token("t0k/en".into())));
    assert!(token.servers.iter().all(ServerAddr::tls_required));
    assert!(Addresses::parse("nats://host").ok().unwrap().credentials.is_none());
    assert!(Addresses::parse("nats://us%zzer@host").is_err());
}

/// Speaks just enough of the protocol to be connected to.
async fn old_server() -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("nats://{}", listener.local_addr()?);
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await?;
        let (read, mut write) = stream.into_split();
        let info = r#"{"server_id":"x","version":"2.9.10","max_payload":1048576,"headers":true,"proto":1}"#;
        write.write_all(format!("INFO {info}\r\n").as_bytes()).await?;
        let mut lines = BufReader::new(read).lines();
        while let Some(line) = lines.next_line().await? {
            if line == "PING" {
                write.write_all(b"PONG\r\n").await?;
            }
        }
        std::io::Result::Ok(())
    });
    Ok(url)
}

#[tokio::test]
async fn a_server_that_is_too_old_is_refused() -> anyhow::Result<()> {
    let error = Nats::connect_within(PATIENCE, &old_server().await?).await.err().unwrap();
    assert_eq!(error.reason(), "BUS_TOO_OLD");
    assert!(error.message().contains("2.9.10"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_dropped_bus_lets_its_connection_go() -> anyhow::Result<()> {
    let server = server().await?;
    let bus = Arc::new(Nats::connect_within(PATIENCE, server.url()).await?);
    let statistics = bus.client.statistics();
    let weak = Arc::downgrade(&statistics);
    drop((bus, statistics));
    let gone = async {
        while weak.strong_count() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, gone).await?;
    Ok(())
}

#[tokio::test]
async fn a_tls_url_speaks_tls_before_any_credential() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("tls://user:hunter2@{}", listener.local_addr()?);
    let hello = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        let info = r#"{"server_id":"x","version":"2.15.1","max_payload":1048576,"headers":true,"proto":1}"#;
        stream.write_all(format!("INFO {info}\r\n").as_bytes()).await?;
        let mut start = [0; 2];
        stream.read_exact(&mut start).await?;
        std::io::Result::Ok(start)
    });
    let bus = Nats::connect_within(PATIENCE, &url).await?;
    // A handshake record of TLS, and nobody who could finish it.
    assert_eq!(tokio::time::timeout(LIMIT, hello).await???, [0x16, 0x03]);
    assert_eq!(bus.publish("a", Bytes::new()).await.unwrap_err().kind(), ErrorKind::Unavailable);
    Ok(())
}

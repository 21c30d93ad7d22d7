//! An answer that goes on and on.

use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Where the tests' upstream sends an event every 50 ms, without end.
pub const PATH: &str = "/events";
/// More than a lease and a margin for a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// An open stream of events through a gateway.
pub struct Stream(TcpStream);

impl Stream {
    /// Returns when the first event is here.
    pub async fn open(gateway: SocketAddr, host: &str, session: &str) -> Self {
        let mut connection = TcpStream::connect(gateway).await.expect("a gateway");
        let request = format!("GET {PATH} HTTP/1.1\r\nhost: {host}\r\ncf-access-token: {session}\r\n\r\n");
        connection.write_all(request.as_bytes()).await.expect("a request is taken");
        let mut answer = Vec::new();
        let first = async {
            while !answer.windows(5).any(|it| it == b"data:") {
                assert!(
                    connection.read_buf(&mut answer).await.expect("an answer") > 0,
                    "it ended: {answer:?}"
                );
            }
        };
        tokio::time::timeout(PATIENCE, first).await.expect("an event comes");
        assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));
        Self(connection)
    }

    /// Soon, and without an end that looks like one.
    pub async fn has_ended(mut self) {
        let mut rest = Vec::new();
        let end = tokio::time::timeout(PATIENCE, self.0.read_to_end(&mut rest)).await.expect("it ends");
        let is_whole = end.is_ok() && rest.ends_with(b"0\r\n\r\n");
        assert!(!is_whole, "a broken-off stream looks like a whole one");
    }

    /// Another two events come.
    pub async fn goes_on(&mut self) {
        let mut events = Vec::new();
        let two = async {
            while events.windows(5).filter(|it| it == b"data:").count() < 2 {
                assert!(self.0.read_buf(&mut events).await.expect("it goes on") > 0, "it has ended");
            }
        };
        tokio::time::timeout(PATIENCE, two).await.expect("events go on");
    }
}

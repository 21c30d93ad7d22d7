//! Nobody can decide: the door is shut.

use crate::client::get;
use crate::edge::{At, Edge};
use crate::ground::{Ground, pair};
use crate::recipes::{Fronts, Recipe};
use crate::recorder::Recorder;
use local_servers::proxy::Kind;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpSocket};

/// What is where Sallyport should be.
#[derive(Debug, Clone, Copy)]
enum Instead {
    /// Connections are refused.
    Nothing,
    /// It accepts and says no word.
    Silence,
    /// It closes every connection.
    Closing,
    /// It says that it cannot.
    Unable,
    /// It says something that is not HTTP.
    Babble,
}

/// T14: whatever is wrong with the one who is asked, nothing goes through, and the client is told that it may try again.
pub async fn is_closed(ground: &Ground, recipe: &'static Recipe) -> Result<(), String> {
    for instead in [Instead::Nothing, Instead::Silence, Instead::Closing, Instead::Unable, Instead::Babble] {
        // It waits for 30 s, and cannot be told otherwise.
        if recipe.kind == Kind::Traefik && matches!(instead, Instead::Silence) {
            continue;
        }
        let problem = |text: String| format!("{instead:?}: {text}");
        let (address, server) = stand_in(instead).await;
        let recorder = Recorder::start().await;
        let fronts = Fronts::at(address, recorder.address);
        let edge = Edge::asking(recipe, fronts, recorder).await.map_err(problem)?;
        for (host, lines) in [("open.test", Vec::new()), ("closed.test", pair(&ground.stranger))] {
            let answer = get(edge.address, host, "/x", &lines).await.map_err(problem)?;
            if !matches!(answer.status, Some(500 | 502 | 503 | 504)) {
                return Err(problem(format!("{} answers {:?}", At::Proxy(recipe).name(), answer.status)));
            }
        }
        let arrived = edge.recorder.take().len();
        if arrived > 0 {
            return Err(problem(format!("{arrived} arrived")));
        }
        if let Some(server) = server {
            server.abort();
        }
    }
    Ok(())
}

async fn stand_in(instead: Instead) -> (SocketAddr, Option<tokio::task::JoinHandle<()>>) {
    if matches!(instead, Instead::Nothing) {
        // Nobody listens, and nobody else gets the port.
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = socket.local_addr().unwrap();
        let kept = async move {
            let _socket = socket;
            std::future::pending::<()>().await;
        };
        return (address, Some(tokio::spawn(kept)));
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let says: &[u8] = match instead {
                    Instead::Nothing | Instead::Closing => return,
                    Instead::Silence => b"",
                    Instead::Unable => {
                        b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                    }
                    Instead::Babble => b"220 mail.test ESMTP\r\n\r\n",
                };
                let _ = stream.write_all(says).await;
                if matches!(instead, Instead::Unable) {
                    return;
                }
                // Longer than anybody waits.
                tokio::time::sleep(Duration::from_secs(30)).await;
            });
        }
    });
    (address, Some(server))
}

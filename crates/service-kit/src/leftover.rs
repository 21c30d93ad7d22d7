//! What is left of a request's body when its answer is known.
//!
//! An HTTP/1 server that answers without having read the body must end the connection, and a client that has not been told
//! loses its next request on it. So what little is left is read first; or the answer says that the connection ends.

use bytes::Buf as _;
use http::HeaderMap;
use http::header::EXPECT;
use http_body::Body;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

/// Bytes that are worth a connection.
const MOST: u64 = 64 * 1024;
/// How long a client may take to send them.
const PATIENCE: Duration = Duration::from_secs(1);

/// Reads what is left. False: there is more, or the client waits to be asked for it; the connection must end with the
/// answer. `headers` are the request's.
pub async fn is_read(mut body: impl Body + Unpin, headers: &HeaderMap) -> bool {
    if body.is_end_stream() {
        return true;
    }
    if headers.contains_key(EXPECT) || body.size_hint().lower() > MOST {
        return false;
    }
    let reading = async {
        let mut room = MOST;
        while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            let Ok(frame) = frame else { return false };
            let size = frame.data_ref().map_or(0, |data| data.remaining() as u64);
            let Some(rest) = room.checked_sub(size) else { return false };
            room = rest;
        }
        true
    };
    tokio::time::timeout(PATIENCE, reading).await.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::HeaderValue;
    use http_body_util::{Empty, Full, StreamBody};
    use std::convert::Infallible;

    fn full(size: usize) -> Full<Bytes> {
        Full::new(Bytes::from(vec![b'x'; size]))
    }

    #[tokio::test]
    async fn little_is_read_and_much_is_not() {
        let none = HeaderMap::new();
        assert!(is_read(Empty::<Bytes>::new(), &none).await);
        assert!(is_read(full(64 * 1024), &none).await);
        assert!(!is_read(full(64 * 1024 + 1), &none).await);
        let frames = (0..70).map(|_| Ok::<_, Infallible>(http_body::Frame::data(Bytes::from(vec![0; 1024]))));
        assert!(!is_read(StreamBody::new(tokio_stream::iter(frames)), &none).await);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_to_be_asked_or_says_nothing_is_not_waited_for() {
        let expects = HeaderMap::from_iter([(EXPECT, HeaderValue::from_static("100-continue"))]);
        assert!(!is_read(full(1), &expects).await);
        let silent = StreamBody::new(tokio_stream::pending::<Result<http_body::Frame<Bytes>, Infallible>>());
        assert!(!is_read(silent, &HeaderMap::new()).await);
    }
}

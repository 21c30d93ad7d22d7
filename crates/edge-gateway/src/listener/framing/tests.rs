use super::*;
use proptest::prelude::*;

fn read(bytes: &[u8]) -> Result<State, Broken> {
    let mut framing = Framing::new(64 * 1024);
    framing.read(bytes).map(|_| framing.state)
}

#[test]
fn requests_follow_one_another() {
    for bytes in [
        &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
        b"\r\nGET / HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\ntransfer-encoding:\tChunked \r\n\r\n5\r\nhello\r\n1f\r\n#\n#\n#\n#\n#\n#\n#\n#\n#\n#\n#\n#\n#\n#\n#\n#\r\n0\r\nA: b\r\n\r\n",
        b"PRI / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    ] {
        assert_eq!(read(bytes), Ok(State::RequestLine), "{}", bytes.escape_ascii());
    }
    assert_eq!(read(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\n\n\n"), Ok(State::Http2));
    assert_eq!(read(b"PRI * HTTP/2"), Ok(State::Opening(12)));
}

#[test]
fn what_could_be_framed_otherwise_is_refused() {
    for head in [
        "GET /a#b HTTP/1.1\r\n",
        "GET / HTTP/1.1\n",
        "GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
        "GET / HTTP/1.1\r\nA : b\r\n\r\n",
        "GET / HTTP/1.1\r\nA\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 3, 3\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: +3\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\n",
    ] {
        assert!(read(head.as_bytes()).is_err(), "{head:?}");
    }
    let head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    for body in [
        "5;a=b\r\n",
        "5 \r\n",
        "\r\n",
        "0x5\r\n",
        "5\n",
        "1000000000000000\r\n",
        "2\r\nabc\r\n",
        "2\r\nab\r\n\r\n",
    ] {
        assert!(read(format!("{head}{body}").as_bytes()).is_err(), "{body:?}");
    }
}

/// A head with these lines; how much of what follows it is read, and whether it asks for another protocol.
fn after(version: &str, lines: &str) -> (usize, Option<u64>) {
    let head = format!("GET / HTTP/{version}\r\nHost: a\r\n{lines}\r\n");
    let mut framing = Framing::new(64 * 1024);
    let taken = framing.read(format!("{head}GET / HTTP/1.1\r\n").as_bytes()).unwrap();
    (taken - head.len(), framing.asked())
}

#[test]
fn what_follows_a_request_for_another_protocol_is_not_read() {
    for lines in [
        "Connection: Upgrade\r\nUpgrade: websocket\r\n",
        "connection: keep-alive ,\tuPgRaDe\r\nupgrade:  WebSocket \r\n",
        "Connection: close\r\nConnection: upgrade\r\nUpgrade: SPDY/3.1\r\n",
        "Connection: upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n",
    ] {
        assert_eq!(after("1.1", lines), (0, Some(1)), "{lines:?}");
    }
}

#[test]
fn what_is_no_whole_request_for_another_protocol_is_a_request() {
    for lines in [
        "Connection: Upgrade\r\n",
        "Upgrade: websocket\r\n",
        "Connection: x-upgrade\r\nUpgrade: websocket\r\n",
        "Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n",
        "Connection: upgrade\r\nUpgrade: websocket, tcp\r\n",
        "Connection: upgrade\r\nUpgrade:\r\n",
        "Connection: upgrade\r\nUpgrade: web socket\r\n",
        // HTTP in another version is HTTP: nothing would be judged any more.
        "Connection: upgrade, http2-settings\r\nUpgrade: h2c\r\n",
        "Connection: upgrade\r\nUpgrade: HTTP/2.0\r\n",
        "Connection: upgrade\r\nUpgrade: TLS/1.2\r\n",
    ] {
        assert_eq!(after("1.1", lines), (16, None), "{lines:?}");
    }
    assert_eq!(after("1.0", "Connection: upgrade\r\nUpgrade: websocket\r\n"), (16, None));
    let body = b"POST / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: a\r\nContent-Length: 5\r\n\r\nhelloGET";
    let mut framing = Framing::new(64 * 1024);
    assert_eq!((framing.read(body), framing.asked()), (Ok(body.len()), None));
}

proptest! {
    #[test]
    fn it_does_not_matter_how_the_bytes_arrive(
        parts in prop::collection::vec("[P]?[A-Z]{0,3} /[#]?|\r\n|\n|\r\n\r\n|Content-Length: [0-9]{1,2}|Transfer-Encoding: chunked| HTTP/1.1\r\n|Upgrade: a\r\n|Connection: upgrade\r\n|[0-9a-f]{1,2}\r\n|[a-z:]{0,6}", 0..24),
        cuts in prop::collection::vec(1_usize..9, 1..9),
    ) {
        let bytes = parts.concat().into_bytes();
        let whole = read(&bytes).map_err(|_| ());
        let mut framing = Framing::new(64 * 1024);
        let (mut at, mut cut) = (0, cuts.iter().cycle());
        let mut outcome = Ok(());
        while at < bytes.len() && outcome.is_ok() {
            let end = (at + cut.next().unwrap()).min(bytes.len());
            outcome = framing.read(&bytes[at..end]).map(drop).map_err(|_| ());
            at = end;
        }
        prop_assert_eq!(outcome.map(|()| framing.state), whole);
    }
}

//! Bytes of one connection: the guard sees the requests that the parser behind it sees, or refuses.

use edge_gateway::fuzzing::{Framed, frame, frame_at_once};
use httparse::{EMPTY_HEADER, Header, Request, Status};

const HEADERS: usize = 100;

/// What a lenient reader sees.
#[derive(Debug, Default)]
struct Seen {
    /// Where each whole request ends.
    ends: Vec<usize>,
    stop: Stop,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Stop {
    /// More has to come.
    #[default]
    Waiting,
    /// Refused by the parser itself: nothing after it is read.
    Refused,
    /// Two readers could differ about what follows this.
    Ambiguous(usize),
}

pub fn run(data: &[u8]) {
    let guard = frame(data);
    assert_eq!(frame_at_once(data).is_none(), guard.broken.is_some(), "however the bytes arrive");
    if !guard.is_http2 {
        compare(&guard, &see(data));
    }
}

fn compare(guard: &Framed, seen: &Seen) {
    if let Stop::Ambiguous(at) = seen.stop {
        let read = guard.broken.or(guard.asked).expect("an ambiguous request is refused");
        assert!(read <= at, "refused before it is read: {guard:?} {seen:?}");
    }
    // A request for another protocol is the last one.
    let whole: Vec<usize> = guard.ends.iter().copied().chain(guard.asked).collect();
    let is_read = |end: &&usize| guard.broken.is_none_or(|broken| **end <= broken);
    let common = seen.ends.iter().filter(is_read).take(match guard.asked {
        Some(_) => whole.len(),
        None => usize::MAX,
    });
    let common: Vec<usize> = common.copied().collect();
    match seen.stop {
        Stop::Refused => assert!(whole.starts_with(&common), "{guard:?} {seen:?}"),
        Stop::Waiting | Stop::Ambiguous(_) => assert_eq!(whole, common, "{seen:?}"),
    }
}

fn see(data: &[u8]) -> Seen {
    let mut seen = Seen::default();
    let mut at = 0;
    loop {
        match request(data, at) {
            Ok(end) => {
                seen.ends.push(end);
                at = end;
            }
            Err(stop) => {
                seen.stop = stop;
                return seen;
            }
        }
    }
}

/// Where the request ends that begins here.
fn request(data: &[u8], at: usize) -> Result<usize, Stop> {
    let mut headers = [EMPTY_HEADER; HEADERS];
    let mut request = Request::new(&mut headers);
    let body = match request.parse(&data[at..]) {
        Ok(Status::Complete(length)) => at + length,
        Ok(Status::Partial) => return Err(Stop::Waiting),
        Err(_) => return Err(Stop::Refused),
    };
    let is = |header: &&Header<'_>, name: &str| header.name.eq_ignore_ascii_case(name);
    let codings: Vec<_> = request.headers.iter().filter(|it| is(it, "transfer-encoding")).collect();
    let lengths: Vec<_> = request.headers.iter().filter(|it| is(it, "content-length")).collect();
    match (codings.as_slice(), lengths.as_slice()) {
        ([], []) => Ok(body),
        ([], [length]) => match number(length.value) {
            Some(length) => {
                let end = usize::try_from(length).ok().and_then(|length| body.checked_add(length));
                end.filter(|end| *end <= data.len()).ok_or(Stop::Waiting)
            }
            None => Err(Stop::Ambiguous(body)),
        },
        ([coding], []) if coding.value.trim_ascii().eq_ignore_ascii_case(b"chunked") => {
            // An old client that says so is refused by the server.
            if request.version == Some(0) { Err(Stop::Refused) } else { chunks(data, body) }
        }
        _ => Err(Stop::Ambiguous(body)),
    }
}

fn number(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value.trim_ascii()).ok()?;
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Where a body in chunks ends, with its trailers.
fn chunks(data: &[u8], mut at: usize) -> Result<usize, Stop> {
    loop {
        let (begins, size) = match httparse::parse_chunk_size(&data[at..]) {
            Ok(Status::Complete((length, size))) => (at + length, size),
            Ok(Status::Partial) => return Err(Stop::Waiting),
            Err(_) => return Err(Stop::Refused),
        };
        if size == 0 {
            at = begins;
            break;
        }
        let end = usize::try_from(size).ok().and_then(|size| begins.checked_add(size));
        let end = end.filter(|end| *end <= data.len()).ok_or(Stop::Waiting)?;
        match &data[end..] {
            [b'\r', b'\n', ..] => at = end + 2,
            [] | [b'\r'] => return Err(Stop::Waiting),
            // Refused once its line is there.
            rest => {
                return Err(rest
                    .iter()
                    .position(|b| *b == b'\n')
                    .map_or(Stop::Waiting, |at| Stop::Ambiguous(end + at)));
            }
        }
    }
    let mut trailers = [EMPTY_HEADER; HEADERS];
    match httparse::parse_headers(&data[at..], &mut trailers) {
        Ok(Status::Complete((length, _))) => Ok(at + length),
        Ok(Status::Partial) => Err(Stop::Waiting),
        Err(_) => Err(Stop::Refused),
    }
}

//! Where each HTTP/1 request begins and ends, read strictly and before anybody else reads it.
//!
//! The HTTP library behind is lenient where RFC 9112 lets it be: a bare line feed ends a line, a fragment is dropped,
//! of `Content-Length` and `Transfer-Encoding` one is ignored. What leads proxies to see two requests where there is
//! one is refused here. Nothing is changed or kept, but a line that is cut in two. What follows a request for another
//! protocol is not read at all: it may never be HTTP.

use crate::request::upgrade;

/// Longest chunk size in hex digits.
const LONGEST_SIZE: usize = 15;
/// How a connection that speaks HTTP/2 begins.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Framing that could be read otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken {
    /// The end of the line in which it shows: nothing from here on may be read.
    pub at: usize,
}

/// Follows one connection.
pub struct Framing {
    state: State,
    /// The beginning of a line whose end has not come yet.
    line: Vec<u8>,
    longest_line: usize,
    lengths: usize,
    length: u64,
    codings: usize,
    /// Heads that have begun.
    requests: u64,
    upgrade: Upgrade,
}

/// What one head says of another protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Upgrade {
    is_http_11: bool,
    is_named_by_connection: bool,
    lines: usize,
    is_good: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// So many bytes of the preface have come, and nothing else.
    Opening(usize),
    Http2,
    RequestLine,
    Headers,
    Body(u64),
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    Trailers,
    /// Another protocol was asked for: what follows is not ours to read.
    Asked,
    Broken,
}

impl Framing {
    /// `longest_line`: of a head, and of the trailers, in bytes.
    pub fn new(longest_line: usize) -> Self {
        Self {
            state: State::Opening(0),
            line: Vec::new(),
            longest_line,
            lengths: 0,
            length: 0,
            codings: 0,
            requests: 0,
            upgrade: Upgrade::default(),
        }
    }

    /// It is not known yet which protocol is spoken.
    pub fn is_opening(&self) -> bool {
        matches!(self.state, State::Opening(_))
    }

    pub fn is_http2(&self) -> bool {
        self.state == State::Http2
    }

    /// Nothing of the next request has come.
    pub fn is_between(&self) -> bool {
        self.state == State::RequestLine && self.line.is_empty()
    }

    /// A request line has come, and not all that follows it.
    pub fn is_within(&self) -> bool {
        !matches!(self.state, State::Opening(_) | State::Http2 | State::RequestLine)
    }

    /// Which request of this connection, counted from 1, asks for another protocol, and was the last to be read.
    pub fn asked(&self) -> Option<u64> {
        (self.state == State::Asked).then_some(self.requests)
    }

    /// Takes the next bytes. How many of them are HTTP: all, unless another protocol was asked for.
    pub fn read(&mut self, bytes: &[u8]) -> Result<usize, Broken> {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            match self.state {
                State::Http2 => return Ok(bytes.len()),
                State::Asked => return Ok(at),
                State::Broken => return Err(Broken { at }),
                State::Opening(seen) => {
                    let wanted = PREFACE.iter().skip(seen);
                    let same = rest.iter().zip(wanted).take_while(|(given, wanted)| given == wanted).count();
                    if seen + same == PREFACE.len() {
                        self.state = State::Http2;
                        return Ok(bytes.len());
                    }
                    at += same;
                    if at == bytes.len() {
                        self.state = State::Opening(seen + same);
                        return Ok(at);
                    }
                    // HTTP/1, and what looked like a preface is the beginning of a line.
                    self.state = State::RequestLine;
                    let begun = PREFACE.get(..seen + same).unwrap_or_default();
                    if begun.contains(&b'\n') {
                        self.refuse(at)?;
                    }
                    self.line.extend_from_slice(begun);
                }
                State::Body(left) => at += self.skip(left, rest.len(), State::RequestLine, State::Body),
                State::Chunk(left) => at += self.skip(left, rest.len(), State::ChunkEnd, State::Chunk),
                State::RequestLine
                | State::Headers
                | State::ChunkSize
                | State::ChunkEnd
                | State::Trailers => {
                    at += self.lines(rest, at)?;
                }
            }
        }
        Ok(at)
    }

    fn skip(&mut self, left: u64, here: usize, then: State, still: fn(u64) -> State) -> usize {
        let skipped = usize::try_from(left).map_or(here, |left| left.min(here));
        let left = left - skipped as u64;
        self.state = if left == 0 { then } else { still(left) };
        skipped
    }

    /// Takes one line, or what there is of it. `before`: how many bytes came before these.
    fn lines(&mut self, bytes: &[u8], before: usize) -> Result<usize, Broken> {
        let Some(end) = bytes.iter().position(|b| *b == b'\n') else {
            self.line.extend_from_slice(bytes);
            let is_long = self.line.len() > self.longest_line;
            return if is_long { self.refuse(before) } else { Ok(bytes.len()) };
        };
        let here = bytes.get(..end).unwrap_or_default();
        let next = if self.line.is_empty() {
            self.line(here)
        } else {
            let mut whole = std::mem::take(&mut self.line);
            whole.extend_from_slice(here);
            self.line(&whole)
        };
        let Some(next) = next else { return self.refuse(before + end) };
        self.state = next;
        Ok(end + 1)
    }

    fn refuse(&mut self, at: usize) -> Result<usize, Broken> {
        self.state = State::Broken;
        Err(Broken { at })
    }

    /// What follows this line; none if it is broken. Without its line feed.
    fn line(&mut self, line: &[u8]) -> Option<State> {
        let line = line.strip_suffix(b"\r")?;
        match self.state {
            State::RequestLine if line.is_empty() => Some(State::RequestLine),
            State::RequestLine => {
                (self.lengths, self.length, self.codings) = (0, 0, 0);
                self.requests += 1;
                self.upgrade = Upgrade { is_http_11: line.ends_with(b" HTTP/1.1"), ..Upgrade::default() };
                (!line.contains(&b'#')).then_some(State::Headers)
            }
            State::Headers if line.is_empty() => Some(match (self.codings, self.length) {
                (0, 0) if self.upgrade.is_asked() => State::Asked,
                (0, 0) => State::RequestLine,
                (0, length) => State::Body(length),
                _ => State::ChunkSize,
            }),
            State::Headers => self.header(line).then_some(State::Headers),
            State::ChunkSize => {
                let size = std::str::from_utf8(line).ok().filter(|line| is_hex(line))?;
                let size = u64::from_str_radix(size, 16).ok()?;
                Some(if size == 0 { State::Trailers } else { State::Chunk(size) })
            }
            State::ChunkEnd => line.is_empty().then_some(State::ChunkSize),
            State::Trailers => Some(if line.is_empty() { State::RequestLine } else { State::Trailers }),
            State::Opening(_)
            | State::Http2
            | State::Body(_)
            | State::Chunk(_)
            | State::Asked
            | State::Broken => None,
        }
    }

    /// Whether the header leaves no doubt where the body ends.
    fn header(&mut self, line: &[u8]) -> bool {
        let Some(colon) = line.iter().position(|b| *b == b':') else { return false };
        let (name, value) =
            (line.get(..colon).unwrap_or_default(), line.get(colon + 1..).unwrap_or_default());
        if name.eq_ignore_ascii_case(b"content-length") {
            let digits = std::str::from_utf8(value.trim_ascii()).unwrap_or_default();
            let length = digits.parse().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()));
            self.lengths += 1;
            self.length = length.unwrap_or_default();
            return length.is_some() && self.lengths == 1 && self.codings == 0;
        }
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.codings += 1;
            return value.trim_ascii().eq_ignore_ascii_case(b"chunked")
                && self.codings == 1
                && self.lengths == 0;
        }
        if name.eq_ignore_ascii_case(b"connection") {
            self.upgrade.is_named_by_connection |= upgrade::is_named(value);
        }
        if name.eq_ignore_ascii_case(b"upgrade") {
            self.upgrade.lines += 1;
            self.upgrade.is_good = upgrade::is_protocol(value.trim_ascii());
        }
        // A name cut short, or a line folded into the one before.
        !name.iter().any(u8::is_ascii_whitespace)
    }
}

impl Upgrade {
    /// In HTTP/1.1, named by `Connection`, to exactly one protocol.
    const fn is_asked(self) -> bool {
        self.is_http_11 && self.is_named_by_connection && self.lines == 1 && self.is_good
    }
}

fn is_hex(text: &str) -> bool {
    (1..=LONGEST_SIZE).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests;

//! A client that sends exactly the header lines that it is told, over HTTP/2 in clear text.

use crate::client::{Answer, PATIENCE, connect};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;
const PADDED: u8 = 8;
const PRIORITY: u8 = 32;

/// Sends one request without a body: `lines` of `name: value`, pseudo-headers as `:path: /x`.
///
/// # Errors
/// Nothing was answered in time.
pub async fn send(to: SocketAddr, lines: &[Vec<u8>]) -> Result<Answer, String> {
    let mut stream = connect(to).await.map_err(|error| format!("cannot connect: {error}"))?;
    let mut bytes = PREFACE.to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &[]));
    bytes.extend(frame(HEADERS, END_STREAM | END_HEADERS, 1, &block(lines)));
    // It may be refused before it is sent in full.
    let _ = stream.write_all(&bytes).await;
    let status = tokio::time::timeout(PATIENCE, status(&mut stream)).await;
    let status = status.map_err(|_| format!("no answer within {PATIENCE:?}"))?;
    Ok(Answer { status, ..Answer::default() })
}

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags, 0, 0, 0, stream]);
    bytes.extend(payload);
    bytes
}

/// Every line as a literal that is not indexed.
fn block(lines: &[Vec<u8>]) -> Vec<u8> {
    let mut block = Vec::new();
    for line in lines {
        // A pseudo-header begins with a colon.
        let Some(colon) = line.iter().skip(1).position(|byte| *byte == b':') else { continue };
        let (name, value) = line.split_at(colon + 1);
        let value = &value[1..];
        block.push(0);
        text(&mut block, name);
        text(&mut block, value.strip_prefix(b" ").unwrap_or(value));
    }
    block
}

fn text(block: &mut Vec<u8>, text: &[u8]) {
    match u8::try_from(text.len()) {
        Ok(length) if length < 127 => block.push(length),
        _ => {
            block.push(127);
            let mut rest = text.len() - 127;
            while rest >= 128 {
                block.push(u8::try_from(rest % 128).unwrap() | 128);
                rest /= 128;
            }
            block.push(u8::try_from(rest).unwrap());
        }
    }
    block.extend_from_slice(text);
}

/// `None`: the stream or the connection was closed without an answer.
async fn status(stream: &mut TcpStream) -> Option<u16> {
    let mut status = None;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.ok()?;
        if head.starts_with(b"HTTP/1") {
            let mut rest = [0; 3];
            stream.read_exact(&mut rest).await.ok()?;
            return std::str::from_utf8(&rest).ok()?.parse().ok();
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).ok()?];
        stream.read_exact(&mut payload).await.ok()?;
        let (kind, flags, id) = (head[3], head[4], u32::from_be_bytes([head[5], head[6], head[7], head[8]]));
        match kind {
            SETTINGS if flags & ACK == 0 => stream.write_all(&frame(SETTINGS, ACK, 0, &[])).await.ok()?,
            RST_STREAM if id == 1 => return status,
            GOAWAY => return status,
            HEADERS if id == 1 && status.is_none() => {
                status = read_status(&payload, flags).filter(|status| *status >= 200);
            }
            _ => {}
        }
        if id == 1 && matches!(kind, 0 | HEADERS) && flags & END_STREAM != 0 {
            return status;
        }
    }
}

/// Of the first header in a block, which `:status` must be.
fn read_status(payload: &[u8], flags: u8) -> Option<u16> {
    let skipped = usize::from(flags & PADDED != 0) + if flags & PRIORITY != 0 { 5 } else { 0 };
    let mut block = payload.get(skipped..)?;
    // Changes of the table's size.
    while block.first()? & 0xe0 == 0x20 {
        block = &block[1..];
    }
    let first = block[0];
    if first & 0x80 != 0 {
        let known = [200, 204, 206, 304, 400, 404, 500];
        return known.get(usize::from(first & 0x7f).checked_sub(8)?).copied();
    }
    let length = block.get(1)?;
    let value = block.get(2..2 + usize::from(length & 0x7f))?;
    if length & 0x80 == 0 { std::str::from_utf8(value).ok()?.parse().ok() } else { Some(digits(value)) }
}

/// Digits in the code of HPACK: five bits for 0 to 2, six for the others.
fn digits(bytes: &[u8]) -> u16 {
    let bits: Vec<u16> =
        bytes.iter().flat_map(|byte| (0..8).rev().map(move |at| u16::from(byte >> at & 1))).collect();
    let number = |bits: &[u16]| bits.iter().fold(0, |number, bit| number * 2 + bit);
    let (mut rest, mut value) = (bits.as_slice(), 0);
    while let Some(five) = rest.get(..5).map(number) {
        let (digit, length) = match (five, rest.get(..6).map(number)) {
            (0..3, _) => (five, 5),
            (_, Some(six @ 25..32)) => (six - 22, 6),
            _ => break,
        };
        value = value * 10 + digit;
        rest = &rest[length..];
    }
    value
}

pub fn statuses_are_read_in_every_form() {
    assert_eq!(read_status(&[0x88], 0), Some(200));
    assert_eq!(read_status(&[0x20, 0x08, 0x03, b'4', b'0', b'1'], 0), Some(401));
    assert_eq!(digits(&[0b0110_1000, 0b0000_0001]), 401);
    assert_eq!(digits(&[0b0110_1100, 0b0000_1100, 0b1111_1111]), 503);
}

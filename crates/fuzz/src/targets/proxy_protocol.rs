//! Bytes of a connection from a balancer: a header is read to its end and no further, and says what its fields say; and
//! whatever the addresses, the header that is built from them is read as them (T11).

use edge_gateway::proxy_protocol::{Malformed, Parsed, Source, parse};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const FIXED: usize = 16;
/// Whatever is announced, no more is waited for.
const LONGEST: usize = FIXED + 4096;
const CHECKSUM: u8 = 3;

/// What a reader finds that looks at the fields alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Said {
    source: Source,
    /// Where the header ends.
    end: usize,
    /// Where extensions begin, of which this reader knows nothing.
    extensions: usize,
}

pub fn run(data: &[u8]) {
    let said = said(data);
    match read(data) {
        Ok(Some((source, end))) => {
            let said = said.expect("junk is refused");
            assert_eq!((source, end), (said.source, said.end), "{said:?}");
            let more = [&data[..end], b"G"].concat();
            assert_eq!(parse(&more), Err(Malformed), "what follows is not the header's");
            if data.starts_with(SIGNATURE) && source != Source::Balancer {
                changed(&data[..end], said.extensions);
            }
        }
        Ok(None) => assert_eq!(said, None, "a whole header is waited for no longer"),
        Err(Malformed) => assert!(said.is_none_or(|said| said.extensions < said.end), "{said:?}"),
    }
    built(data);
}

/// As a connection is read: what is asked for, and no more. None: it ends before the header does.
fn read(data: &[u8]) -> Result<Option<(Source, usize)>, Malformed> {
    let mut taken = 0;
    loop {
        match parse(&data[..taken])? {
            Parsed::Whole(source) => return Ok(Some((source, taken))),
            Parsed::More(more) => {
                assert!(more > 0 && taken + more <= LONGEST, "{taken} + {more}");
                taken += more;
                if taken > data.len() {
                    return Ok(None);
                }
            }
        }
    }
}

fn said(data: &[u8]) -> Option<Said> {
    if data.starts_with(SIGNATURE) { said_in_binary(data) } else { said_in_text(data) }
}

fn said_in_text(data: &[u8]) -> Option<Said> {
    let end = data.iter().position(|byte| *byte == b'\n')? + 1;
    let header = std::str::from_utf8(&data[..end]).ok().filter(|_| end <= 107)?;
    let said = |source| Some(Said { source, end, extensions: end });
    if header == "PROXY UNKNOWN\r\n" || header.starts_with("PROXY UNKNOWN ") && header.ends_with("\r\n") {
        return said(Source::Balancer);
    }
    let mut words = header.split_ascii_whitespace().skip(1);
    let family = words.next()?;
    let [from, to] = [words.next()?, words.next()?];
    let [from_port, to_port]: [u16; 2] = [words.next()?.parse().ok()?, words.next()?.parse().ok()?];
    let address: IpAddr = from.parse().ok()?;
    let other: IpAddr = to.parse().ok()?;
    let is_family = match family {
        "TCP4" => address.is_ipv4() && other.is_ipv4(),
        "TCP6" => address.is_ipv6() && other.is_ipv6(),
        _ => false,
    };
    // In the one spelling, but that an address of version 6 has several.
    let spelled = format!("PROXY {family} {from} {to} {from_port} {to_port}\r\n");
    let is_spelled = is_family && header == spelled;
    is_spelled.then(|| said(Source::Client(SocketAddr::new(address, from_port))))?
}

fn said_in_binary(data: &[u8]) -> Option<Said> {
    let fixed = data.get(..FIXED)?;
    let length = usize::from(fixed[14]) << 8 | usize::from(fixed[15]);
    let end = FIXED + length;
    let rest = data.get(FIXED..end).filter(|_| end <= LONGEST)?;
    let port = |at: usize| u16::from_be_bytes([rest[at], rest[at + 1]]);
    let (source, addresses) = match (fixed[12], fixed[13]) {
        (0x20, 0x00 | 0x11 | 0x21) => (Source::Balancer, length),
        (0x21, 0x00) => (Source::Balancer, 0),
        (0x21, 0x11) if length >= 12 => {
            let address = Ipv4Addr::new(rest[0], rest[1], rest[2], rest[3]);
            (Source::Client(SocketAddr::from((address, port(8)))), 12)
        }
        (0x21, 0x21) if length >= 36 => {
            let address: [u8; 16] = rest[..16].try_into().unwrap();
            (Source::Client(SocketAddr::from((address, port(32)))), 36)
        }
        _ => return None,
    };
    Some(Said { source, end, extensions: FIXED + addresses })
}

/// With a checksum no bit of the addresses may be another.
fn changed(header: &[u8], extensions: usize) {
    let mut at = extensions;
    let mut is_summed = false;
    while at < header.len() {
        is_summed |= header[at] == CHECKSUM;
        at += 3 + (usize::from(header[at + 1]) << 8 | usize::from(header[at + 2]));
    }
    assert_eq!(at, header.len(), "extensions fill their place");
    for place in FIXED..if is_summed { extensions } else { FIXED } {
        let mut other = header.to_vec();
        other[place] ^= 1 << (place % 8);
        assert_eq!(parse(&other), Err(Malformed), "byte {place}");
    }
}

/// Headers from these bytes as addresses, ports and one extension, before the same bytes as what follows.
fn built(data: &[u8]) {
    let mut seed = [0; 36];
    let length = data.len().min(seed.len());
    seed[..length].copy_from_slice(&data[..length]);
    let octets = |at: usize| -> [u8; 16] { seed[at..at + 16].try_into().unwrap() };
    let port = |at: usize| u16::from_be_bytes([seed[at], seed[at + 1]]);
    let four = |at: usize| IpAddr::from(Ipv4Addr::new(seed[at], seed[at + 1], seed[at + 2], seed[at + 3]));
    let six = |at: usize| IpAddr::from(Ipv6Addr::from(octets(at)));
    for (family, code, from, to) in [("TCP4", 0x11, four(0), four(4)), ("TCP6", 0x21, six(0), six(16))] {
        let (from, to) = (SocketAddr::new(from, port(32)), SocketAddr::new(to, port(34)));
        let line = format!("PROXY {family} {} {} {} {}\r\n", from.ip(), to.ip(), from.port(), to.port());
        let extension = [&[0xe0, 0, 36], &seed[..]].concat();
        for header in [line.into_bytes(), binary(code, from, to, &[]), binary(code, from, to, &extension)] {
            let connection = [&header, data].concat();
            assert_eq!(read(&connection), Ok(Some((Source::Client(from), header.len()))));
            for cut in [1, header.len() / 2, header.len() - 1] {
                assert_eq!(read(&header[..cut]), Ok(None), "a header cut short waits");
            }
        }
    }
}

fn binary(family: u8, from: SocketAddr, to: SocketAddr, extensions: &[u8]) -> Vec<u8> {
    let octets = |address: IpAddr| match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let ports = [from.port().to_be_bytes(), to.port().to_be_bytes()].concat();
    let rest = [octets(from.ip()), octets(to.ip()), ports, extensions.to_vec()].concat();
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[0x21, family], &length, &rest].concat()
}

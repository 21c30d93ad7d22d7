//! PROXY protocol, versions 1 and 2: who a balancer says the client is, before the first byte of TLS or HTTP.
//!
//! Strict where the specification lets a receiver be lenient, since whoever may say this may say anything: one space, no
//! leading zeros, addresses of the family that was announced, extensions that fill their place exactly. Written here,
//! because it must never read a byte too many (what follows is not its own), and that the libraries do not say.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const V1: &[u8] = b"PROXY ";
/// The shortest header: `PROXY UNKNOWN\r\n`.
const SHORTEST: usize = 15;
/// The longest line of version 1.
const LONGEST_LINE: usize = 107;
/// Signature, command, family and length of version 2.
const FIXED: usize = 16;
/// Longest addresses and extensions of version 2. Balancers send a few hundred bytes.
const LONGEST_REST: usize = 4096;
/// Extension of version 2: checksum of the whole header.
const CRC32C: u8 = 0x03;

/// How far a header has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed {
    /// So many more bytes belong to it for certain.
    More(usize),
    /// It is these bytes, all of them.
    Whole(Source),
}

/// Whom the connection is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The balancer itself: it asks whether the gateway is well.
    Balancer,
    Client(SocketAddr),
}

/// Not a PROXY protocol header, or one that could be read otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// Reads a header. Given no bytes more than it has asked for, it never asks for one that is not the header's.
pub fn parse(bytes: &[u8]) -> Result<Parsed, Malformed> {
    if bytes.is_empty() {
        return Ok(Parsed::More(SHORTEST));
    }
    if begins_alike(bytes, SIGNATURE) {
        return binary(bytes);
    }
    if begins_alike(bytes, V1) {
        return line(bytes);
    }
    Err(Malformed)
}

fn begins_alike(bytes: &[u8], beginning: &[u8]) -> bool {
    bytes.iter().zip(beginning).all(|(given, wanted)| given == wanted)
}

fn line(bytes: &[u8]) -> Result<Parsed, Malformed> {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
        if bytes.len() + 1 > LONGEST_LINE {
            return Err(Malformed);
        }
        let least = if bytes.last() == Some(&b'\r') { 1 } else { 2 };
        return Ok(Parsed::More(SHORTEST.saturating_sub(bytes.len()).max(least)));
    };
    let line = bytes.get(..end).and_then(|line| line.strip_suffix(b"\r")).ok_or(Malformed)?;
    if end + 1 != bytes.len() || bytes.len() > LONGEST_LINE {
        return Err(Malformed);
    }
    let line = std::str::from_utf8(line).map_err(|_| Malformed)?;
    let words: Vec<&str> = line.split(' ').collect();
    let (family, words) = match words.as_slice() {
        // What follows is to be ignored.
        ["PROXY", "UNKNOWN", ..] => return Ok(Parsed::Whole(Source::Balancer)),
        ["PROXY", family, words @ ..] => (*family, words),
        _ => return Err(Malformed),
    };
    let [source, destination, source_port, destination_port] = words else { return Err(Malformed) };
    let address = |text: &str| -> Option<IpAddr> {
        match family {
            "TCP4" => text.parse().ok().map(IpAddr::V4),
            "TCP6" => text.parse().ok().map(IpAddr::V6),
            _ => None,
        }
    };
    let (Some(source), Some(_), Some(port), Some(_)) =
        (address(source), address(destination), port(source_port), port(destination_port))
    else {
        return Err(Malformed);
    };
    Ok(Parsed::Whole(Source::Client(SocketAddr::new(source, port))))
}

fn port(text: &str) -> Option<u16> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_number)
}

fn binary(bytes: &[u8]) -> Result<Parsed, Malformed> {
    let Some((fixed, rest)) = bytes.split_first_chunk::<FIXED>() else {
        return Ok(Parsed::More(FIXED - bytes.len()));
    };
    let [.., command, family, high, low] = *fixed;
    let length = usize::from(u16::from_be_bytes([high, low]));
    // Version 2, and a stream: this is no place for datagrams.
    if !matches!(command, 0x20 | 0x21) || !matches!(family, 0x00 | 0x11 | 0x21) || length > LONGEST_REST {
        return Err(Malformed);
    }
    match rest.len() {
        read if read < length => return Ok(Parsed::More(length - read)),
        read if read > length => return Err(Malformed),
        _ => {}
    }
    if command == 0x20 {
        return Ok(Parsed::Whole(Source::Balancer));
    }
    let (source, extensions) = match family {
        0x11 => {
            let (addresses, extensions) = rest.split_first_chunk::<12>().ok_or(Malformed)?;
            let [a, b, c, d, _, _, _, _, high, low, ..] = *addresses;
            let address = Ipv4Addr::new(a, b, c, d).into();
            (Source::Client(SocketAddr::new(address, u16::from_be_bytes([high, low]))), extensions)
        }
        0x21 => {
            let (addresses, extensions) = rest.split_first_chunk::<36>().ok_or(Malformed)?;
            let (source, _) = addresses.split_first_chunk::<16>().ok_or(Malformed)?;
            let [high, low, ..] = *addresses.last_chunk::<4>().ok_or(Malformed)?;
            let address = Ipv6Addr::from(*source).into();
            (Source::Client(SocketAddr::new(address, u16::from_be_bytes([high, low]))), extensions)
        }
        _ => (Source::Balancer, rest),
    };
    check(bytes, extensions)?;
    Ok(Parsed::Whole(source))
}

/// Extensions fill their place, and the checksum is right if there is one.
fn check(whole: &[u8], mut extensions: &[u8]) -> Result<(), Malformed> {
    while !extensions.is_empty() {
        let ([kind, high, low], rest) = extensions.split_first_chunk::<3>().ok_or(Malformed)?;
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (value, rest) = rest.split_at_checked(length).ok_or(Malformed)?;
        if *kind == CRC32C {
            let given = u32::from_be_bytes(value.try_into().map_err(|_| Malformed)?);
            let at = whole.len() - rest.len() - length;
            if given != checksum(whole, at..at + length) {
                return Err(Malformed);
            }
        }
        extensions = rest;
    }
    Ok(())
}

/// CRC-32C, with zeros where the checksum itself stands.
fn checksum(bytes: &[u8], itself: std::ops::Range<usize>) -> u32 {
    let step = |sum: u32, (at, byte): (usize, &u8)| {
        let byte = if itself.contains(&at) { 0 } else { *byte };
        (0..8).fold(sum ^ u32::from(byte), |sum, _| {
            let polynomial = if sum & 1 == 1 { 0x82f6_3b78 } else { 0 };
            (sum >> 1) ^ polynomial
        })
    };
    !bytes.iter().enumerate().fold(u32::MAX, step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reads as a connection is read: what is asked for, and no more.
    fn read(bytes: &[u8]) -> Result<(Source, usize), Malformed> {
        let mut taken = 0;
        loop {
            match parse(&bytes[..taken])? {
                Parsed::More(more) => {
                    assert!(more > 0);
                    taken += more;
                    if taken > bytes.len() {
                        return Err(Malformed);
                    }
                }
                Parsed::Whole(source) => return Ok((source, taken)),
            }
        }
    }

    fn client(address: &str) -> Source {
        Source::Client(address.parse().unwrap())
    }

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[command, family], &length, rest].concat()
    }

    const TCP4: &[u8] = &[192, 0, 2, 7, 10, 0, 0, 1, 0x12, 0x34, 0, 80];

    #[test]
    fn t11_a_line_says_who_the_client_is_and_nothing_after_it_is_read() {
        for (header, source) in [
            ("PROXY TCP4 192.0.2.7 10.0.0.1 4660 80\r\n", client("192.0.2.7:4660")),
            ("PROXY TCP6 2001:db8::7 2001:db8::1 0 65535\r\n", client("[2001:db8::7]:0")),
            ("PROXY UNKNOWN\r\n", Source::Balancer),
            ("PROXY UNKNOWN ffff::1 whatever\r\n", Source::Balancer),
        ] {
            let bytes = format!("{header}\r\n\nGET / HTTP/1.1\r\n\r\n");
            assert_eq!(read(bytes.as_bytes()), Ok((source, header.len())), "{header:?}");
        }
    }

    #[test]
    fn t11_what_is_not_a_line_of_the_protocol_is_malformed() {
        let long = format!("PROXY UNKNOWN {}\r\n", "a".repeat(LONGEST_LINE));
        for header in [
            "GET / HTTP/1.1\r\n\r\n",
            "PROXY  TCP4 192.0.2.7 10.0.0.1 1 2\r\n",
            "PROXY TCP4 192.0.2.7 10.0.0.1 1 2\n",
            "PROXY TCP4 192.0.2.7 10.0.0.1 1 2 3\r\n",
            "PROXY TCP4 192.0.2.7 10.0.0.1 01 2\r\n",
            "PROXY TCP4 192.0.2.7 10.0.0.1 1 65536\r\n",
            "PROXY TCP4 192.0.2.7 10.0.0.1 +1 2\r\n",
            "PROXY TCP4 192.0.2.07 10.0.0.1 1 2\r\n",
            "PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n",
            "PROXY TCP6 192.0.2.7 10.0.0.1 1 2\r\n",
            "PROXY UDP4 192.0.2.7 10.0.0.1 1 2\r\n",
            "PROXY TCP4\r\n                    ",
            &long,
        ] {
            assert_eq!(read(header.as_bytes()), Err(Malformed), "{header:?}");
        }
    }

    #[test]
    fn t11_the_binary_form_says_the_same() {
        let six: Vec<u8> = [&Ipv6Addr::LOCALHOST.octets()[..], &[0; 16], &[0, 9, 0, 80]].concat();
        let extended = [TCP4, &[0x20, 0, 2, 1, 2], &[0x04, 0, 0]].concat();
        for (header, source) in [
            (v2(0x21, 0x11, TCP4), client("192.0.2.7:4660")),
            (v2(0x21, 0x21, &six), client("[::1]:9")),
            (v2(0x21, 0x11, &extended), client("192.0.2.7:4660")),
            (v2(0x20, 0x00, &[]), Source::Balancer),
            (v2(0x20, 0x11, TCP4), Source::Balancer),
            (v2(0x21, 0x00, &[]), Source::Balancer),
        ] {
            let bytes = [&header[..], b"\r\n\r\n"].concat();
            assert_eq!(read(&bytes), Ok((source, header.len())), "{header:x?}");
        }
    }

    #[test]
    fn t11_a_binary_header_that_does_not_add_up_is_malformed() {
        let cut = |extensions: &[u8]| v2(0x21, 0x11, &[TCP4, extensions].concat());
        for header in [
            v2(0x31, 0x11, TCP4),
            v2(0x22, 0x11, TCP4),
            v2(0x21, 0x12, TCP4),
            v2(0x21, 0x31, &[0; 216]),
            v2(0x21, 0x21, TCP4),
            v2(0x21, 0x11, &TCP4[..11]),
            v2(0x21, 0x11, &[0; LONGEST_REST + 1]),
            cut(&[0x20]),
            cut(&[0x20, 0, 1]),
            cut(&[0x20, 0xff, 0xff, 0]),
            cut(&[CRC32C, 0, 4, 0, 0, 0, 0]),
            cut(&[CRC32C, 0, 3, 0, 0, 0]),
        ] {
            assert_eq!(read(&header), Err(Malformed), "{header:x?}");
        }
    }

    #[test]
    fn t11_the_checksum_is_that_of_the_specification() {
        // The check value of CRC-32C.
        assert_eq!(checksum(b"123456789", 0..0), 0xe306_9283);
        let mut header = v2(0x21, 0x11, &[TCP4, &[CRC32C, 0, 4, 0, 0, 0, 0]].concat());
        let at = header.len() - 4;
        let sum = checksum(&header, at..at + 4).to_be_bytes();
        header[at..].copy_from_slice(&sum);
        assert_eq!(read(&header), Ok((client("192.0.2.7:4660"), header.len())));
        header[20] ^= 1;
        assert_eq!(read(&header), Err(Malformed));
    }

    proptest! {
        #[test]
        fn t11_nothing_makes_it_panic_and_it_asks_for_little(
            beginning in prop::sample::select(vec![&b""[..], V1, b"PROXY TCP4 ", SIGNATURE]),
            rest in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let bytes = [beginning, &rest].concat();
            for end in 0..=bytes.len() {
                if let Ok(Parsed::More(more)) = parse(&bytes[..end]) {
                    prop_assert!(more > 0 && end + more <= FIXED + LONGEST_REST);
                }
            }
        }

        #[test]
        fn t11_every_address_comes_back(address: (u32, u16), to: (u32, u16)) {
            let (from, to) = [address, to].map(|(ip, port)| SocketAddr::from((Ipv4Addr::from(ip), port))).into();
            let line = format!("PROXY TCP4 {} {} {} {}\r\n", from.ip(), to.ip(), from.port(), to.port());
            prop_assert_eq!(read(line.as_bytes()), Ok((Source::Client(from), line.len())));
        }
    }
}

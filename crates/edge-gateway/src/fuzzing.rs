//! The way in for the fuzz targets of what is private here: how a connection's bytes fall into requests. Nothing else uses
//! it, and nothing is promised about it.

use crate::listener::framing::{Broken, Framing};

/// How the guard reads a connection.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Framed {
    /// Where each whole request ends, as offsets into what was given.
    pub ends: Vec<usize>,
    /// Refused in the line that ends here.
    pub broken: Option<usize>,
    /// Another protocol was asked for by the head that ends here; nothing after it was read.
    pub asked: Option<usize>,
    /// HTTP/2, which frames itself.
    pub is_http2: bool,
}

/// Reads byte by byte.
pub fn frame(bytes: &[u8]) -> Framed {
    let (mut framing, mut framed, mut is_open) = (Framing::default(), Framed::default(), false);
    for (at, byte) in bytes.iter().enumerate() {
        match framing.read(std::slice::from_ref(byte)) {
            Err(Broken { .. }) => {
                framed.broken = Some(at);
                break;
            }
            Ok(_) if framing.asked().is_some() => {
                framed.asked = Some(at + 1);
                break;
            }
            Ok(_) => {}
        }
        if is_open && framing.is_between() {
            framed.ends.push(at + 1);
        }
        is_open = framing.is_within();
    }
    framed.is_http2 = framing.is_http2();
    framed
}

/// Whether all of it is taken in one piece, of which so much is HTTP.
pub fn frame_at_once(bytes: &[u8]) -> Option<usize> {
    Framing::default().read(bytes).ok()
}

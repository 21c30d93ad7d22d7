//! The way in for the fuzz targets: what is said over the bus, sealed and opened. Nothing else uses it, and nothing is
//! promised about it.

use crate::broadcast::BroadcastKey;
use bytes::Bytes;
use model::Error;
use proto::change_feed::Broadcast;

/// Sealed under a key of 32 bytes.
pub fn seal(key: &[u8], broadcast: &Broadcast) -> Result<Bytes, Error> {
    Ok(BroadcastKey::new(key)?.seal(broadcast))
}

/// None: not sealed under this key of 32 bytes.
pub fn open(key: &[u8], message: Bytes) -> Option<Broadcast> {
    BroadcastKey::new(key).ok()?.open(message)
}

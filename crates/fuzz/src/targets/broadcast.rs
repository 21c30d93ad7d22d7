//! What is said on the bus. `<edits>` of a broadcast that the owner sealed, or a message of anybody.

use change_feed::fuzzing::{open, seal};
use prost::Message as _;
use proto::change_feed::{Broadcast, Entry, SealedBroadcast};

const KEY: [u8; 32] = [7; 32];

pub fn run(data: &[u8]) {
    // Anybody's words are nobody's, whatever they are.
    assert_eq!(open(&KEY, data.to_vec().into()), None);
    let forged = SealedBroadcast { broadcast: data.to_vec(), tag: vec![0; 32] };
    assert_eq!(open(&KEY, forged.encode_to_vec().into()), None);
    // The owner's are the owner's.
    if let Ok(broadcast) = Broadcast::decode(data) {
        let sealed = seal(&KEY, &broadcast).unwrap();
        assert_eq!(open(&[8; 32], sealed.clone()), None);
        assert_eq!(open(&KEY, sealed), Some(broadcast));
    }
    // Whoever alters them has nothing, or the same.
    let said = Broadcast {
        epoch: "e".to_owned(),
        entries: vec![Entry { position: 7, object: "token/x".to_owned(), state: vec![1, 2], removed: false }],
        position: 7,
    };
    let mut altered = seal(&KEY, &said).unwrap().to_vec();
    for edit in data.chunks_exact(2) {
        let at = usize::from(edit[0]) % altered.len();
        altered[at] ^= edit[1];
    }
    let opened = open(&KEY, altered.into());
    assert!(opened.is_none() || opened == Some(said));
}

use super::*;
use crate::config::Throttle;
use crate::endpoints::Logout;
use crate::exchange::Exchange;
use crate::metadata::Metadata;
use crate::session::{Origins, remember};
use model::{Clock as _, SystemClock};
use service_kit::{Callers, GrpcChannel};
use tonic::service::Routes;

fn gatekeeper() -> Gatekeeper {
    let channel = GrpcChannel::local(Routes::default(), Callers::new([]), "edge-gateway");
    let clock = Arc::new(SystemClock);
    let metadata = Metadata::new(channel.clone(), clock.clone());
    let logout = Logout::new(channel.clone(), clock.clone());
    Gatekeeper {
        knowledge: Arc::new(Knowledge::empty()),
        clock: clock.clone(),
        verified: remember(100_000),
        pairs: remember(1),
        origins: Origins::default(),
        exchange: Exchange::new(channel, false, &Throttle::default(), clock),
        usage: Arc::default(),
        fallbacks: Arc::default(),
        decisions: Arc::default(),
        metadata,
        logout,
    }
}

#[test]
fn q6_sessions_that_do_not_verify_are_kept_nowhere() {
    let gatekeeper = gatekeeper();
    let snapshot = gatekeeper.knowledge.directory.snapshot().clone();
    let now = SystemClock.now();
    for kid in 0..10_000 {
        let kid = format!("{kid:064}");
        let header = base64(format!("{{\"alg\":\"RS256\",\"kid\":\"{kid}\",\"typ\":\"JWT\"}}").as_bytes());
        let token = format!("{header}.e30.{}", "A".repeat(342));
        let refusal = gatekeeper.verified(&token, &snapshot, now).err().unwrap();
        assert_eq!(refusal.reason, "SESSION_KEY_UNKNOWN");
    }
    assert_eq!(gatekeeper.verified.len(), 0);
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let groups = bytes.chunks(3).flat_map(|group| {
        let word = (0..3).fold(0, |word, at| word << 8 | usize::from(group.get(at).copied().unwrap_or(0)));
        (0..=group.len()).map(move |at| char::from(ALPHABET[word >> (18 - 6 * at) & 63]))
    });
    groups.collect()
}

//! What many sessions have in common.

use super::Session;
use crate::usage::Uses;
use model::Audience;
use parking_lot::Mutex;
use session_token::{AsOf, Claims, KeyId, Thumbprint, Verified};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8};

/// For which application a session was issued, by whom, under which key, and bound to which client certificate.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    pub audience: Audience,
    pub issuer: String,
    pub kid: KeyId,
    pub certificate: Option<Thumbprint>,
}

/// Each origin once: there are as many as applications, times the keys of their accounts, and as many as client
/// certificates that are bound.
#[derive(Default)]
pub struct Origins(Mutex<Known>);

#[derive(Default)]
struct Known {
    origins: HashSet<Arc<Origin>>,
    /// At so many, those are forgotten that no session has any more.
    most: usize,
}

/// Fewer are not worth looking through.
const FEW: usize = 1_024;

impl Origins {
    /// What is remembered of a verified session. Takes a lock: called once for each session.
    pub fn session(&self, verified: Verified) -> Arc<Session> {
        let Verified { claims, kid } = verified;
        let Claims {
            audience, issuer, session, token, secret_version, expires_at_s, as_of, certificate, ..
        } = claims;
        let AsOf { token_registry, policy_evaluator: _, session_issuer } = as_of;
        Arc::new(Session {
            origin: self.one(Origin { audience, issuer, kid, certificate }),
            id: session,
            token,
            secret_version,
            expires_at_s,
            as_of_registry: token_registry,
            as_of_issuer: session_issuer,
            last_used_ms: AtomicI64::default(),
            last_used_from: AtomicU8::default(),
            uses: Uses::default(),
        })
    }

    fn one(&self, origin: Origin) -> Arc<Origin> {
        let mut known = self.0.lock();
        if let Some(known) = known.origins.get(&origin) {
            return known.clone();
        }
        if known.origins.len() >= known.most.max(FEW) {
            known.origins.retain(|origin| Arc::strong_count(origin) > 1);
            known.most = known.origins.len() * 2;
        }
        let origin = Arc::new(origin);
        known.origins.insert(origin.clone());
        origin
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use session_token::{Algorithm, SigningKey};

    fn origin(issuer: usize, kid: KeyId) -> Origin {
        Origin {
            audience: "ab".repeat(32).parse().unwrap(),
            issuer: issuer.to_string(),
            kid,
            certificate: None,
        }
    }

    #[test]
    fn equal_origins_are_one_and_those_that_nobody_has_are_forgotten() {
        let (origins, kid) = (Origins::default(), SigningKey::generate(Algorithm::Rs256).unwrap().kid());
        let kept = origins.one(origin(0, kid));
        assert!(Arc::ptr_eq(&kept, &origins.one(origin(0, kid))));
        for issuer in 1..10 * FEW {
            origins.one(origin(issuer, kid));
        }
        assert!(origins.0.lock().origins.len() <= FEW + 1);
        assert!(Arc::ptr_eq(&kept, &origins.one(origin(0, kid))));
    }
}

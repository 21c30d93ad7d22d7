//! Credentials that the issuer has called wrong: a machine that goes on with an old secret is told so from memory, and
//! uses up nothing of what its neighbours may try.
//!
//! An answer counts for a minute at most, and only while nothing is applied here that it did not see. Whatever makes a
//! wrong secret right is an entry of the registry's feed, and a new token has an id that nobody has tried.

use crate::exchange::Question;
use crate::refusal::Refusal;
use crate::session::{AsItIs, Key};
use http::StatusCode;
use model::BootTime;
use quick_cache::UnitWeighter;
use quick_cache::sync::{Cache, DefaultLifecycle};
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::time::Duration;

/// About 300 bytes each.
const ENTRIES: usize = 16_384;
const KEEP: Duration = Duration::from_mins(1);

struct Entry {
    positions: [u64; 3],
    until: BootTime,
    refusal: Refusal,
}

/// Refusals by digest of credential and application.
pub struct Refused(Cache<Key, Arc<Entry>, UnitWeighter, BuildHasherDefault<AsItIs>>);

impl Default for Refused {
    fn default() -> Self {
        let lifecycle = DefaultLifecycle::default();
        Self(Cache::with(ENTRIES, ENTRIES as u64, UnitWeighter, BuildHasherDefault::default(), lifecycle))
    }
}

impl Refused {
    pub fn find(&self, question: &Question, now: BootTime) -> Option<Refusal> {
        let entry = self.0.get(&question.key)?;
        let counts = entry.positions == question.positions && now < entry.until;
        counts.then(|| entry.refusal.clone())
    }

    /// A wrong credential only: what policies refuse depends on more than the credential.
    pub fn remember(&self, question: &Question, refusal: &Refusal, now: BootTime) {
        if refusal.status == StatusCode::UNAUTHORIZED {
            let entry =
                Entry { positions: question.positions, until: now.after(KEEP), refusal: refusal.clone() };
            self.0.insert(question.key, Arc::new(entry));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::credential::Pair;
    use model::ApplicationId;

    fn question(number: usize, positions: [u64; 3]) -> Question {
        let pair = Pair { client_id: number.to_string().into(), client_secret: "secret".into() };
        let key = Key::of_pair(Some(&pair), &ApplicationId::from_bytes([7; 16]), None);
        Question { key, address: None, country: None, positions }
    }

    #[test]
    fn k3_a_wrong_credential_is_remembered_until_something_changes_or_a_minute_is_over() {
        let (refused, now) = (Refused::default(), BootTime::from_duration(Duration::from_hours(1)));
        let wrong = Refusal::unauthenticated("TOKEN_UNKNOWN", "unknown");
        let asked = question(1, [5, 6, 7]);
        refused.remember(&asked, &wrong, now);
        assert_eq!(refused.find(&asked, now), Some(wrong));
        for other in [[6, 6, 7], [4, 6, 7], [5, 7, 7], [5, 6, 8]] {
            assert_eq!(refused.find(&question(1, other), now), None, "{other:?}");
        }
        assert_eq!(refused.find(&question(2, [5, 6, 7]), now), None);
        assert_eq!(refused.find(&asked, now.after(KEEP)), None);
    }

    #[test]
    fn only_what_depends_on_the_credential_alone_is_remembered() {
        let (refused, now) = (Refused::default(), BootTime::from_duration(Duration::ZERO));
        for refusal in [
            Refusal::denied("POLICY_DENIED", "no"),
            Refusal::unavailable("later"),
            Refusal::throttled(Duration::from_secs(1)),
        ] {
            refused.remember(&question(1, [0; 3]), &refusal, now);
        }
        assert_eq!(refused.find(&question(1, [0; 3]), now), None);
    }

    #[test]
    fn q3_k3_it_does_not_grow_with_a_flood() {
        let (refused, now) = (Refused::default(), BootTime::from_duration(Duration::ZERO));
        let wrong = Refusal::unauthenticated("TOKEN_UNKNOWN", "unknown");
        for number in 0..3 * ENTRIES {
            refused.remember(&question(number, [0; 3]), &wrong, now);
        }
        assert!(refused.0.len() <= ENTRIES);
    }
}

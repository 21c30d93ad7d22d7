//! Credentials that the issuer has called wrong: a machine that goes on with an old secret is told so from memory, and
//! uses up nothing of what its neighbours may try.
//!
//! An answer counts for ten seconds. A wrong secret never becomes right: the registry makes each new one, and one that is
//! over does not come back. A right one that is refused for its token's state is asked about again after any change of
//! the registry's feed, which is how that state changes.

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
const KEEP: Duration = Duration::from_secs(10);

struct Entry {
    /// Of the registry's feed.
    position: u64,
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
        let [position, ..] = question.positions;
        let counts = entry.refusal.names_no_token() || entry.position == position;
        (counts && now < entry.until).then(|| entry.refusal.clone())
    }

    /// A wrong credential only: what policies refuse depends on more than the credential.
    pub fn remember(&self, question: &Question, refusal: &Refusal, now: BootTime) {
        if refusal.status == StatusCode::UNAUTHORIZED {
            let [position, ..] = question.positions;
            let entry = Entry { position, until: now.after(KEEP), refusal: refusal.clone() };
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
    fn k3_a_refused_credential_is_remembered_for_a_moment_and_a_right_one_until_its_token_may_have_changed() {
        for (reason, is_wrong) in [("TOKEN_UNKNOWN", true), ("TOKEN_DISABLED", false)] {
            let (refused, now) = (Refused::default(), BootTime::from_duration(Duration::from_hours(1)));
            let refusal = Refusal::unauthenticated(reason, "no");
            let asked = question(1, [5, 6, 7]);
            refused.remember(&asked, &refusal, now);
            for (positions, is_known) in [([5, 6, 7], true), ([5, 7, 8], true), ([6, 6, 7], is_wrong)] {
                assert_eq!(refused.find(&question(1, positions), now).is_some(), is_known, "{positions:?}");
            }
            assert_eq!(refused.find(&question(2, [5, 6, 7]), now), None);
            assert_eq!(refused.find(&asked, now.after(KEEP)), None);
        }
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

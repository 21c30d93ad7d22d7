//! One message to one recipient.
//!
//! `pending` → `sent` (at most once), or `cancelled` (the token is gone or has another expiry), or `dead` (given up). A
//! pending row whose policy or token is switched off, or whose token is used again, is withdrawn, that is deleted: when
//! that is undone, it comes back with the same id.

use aws_lc_rs::digest::{Context, SHA256};
use model::Error;
use std::time::Duration;

/// How long before its expiry, or its end because nobody uses it, a token's people are told.
pub const AHEAD: Duration = Duration::from_hours(7 * 24);
/// For how long people may still be told of a token's end. The registry remembers it for a day more.
pub const LOOK_BACK: Duration = Duration::from_hours(30 * 24);
/// How long a sender may take over one delivery; longer than any adapter's time-out.
pub const CLAIM: Duration = Duration::from_mins(2);
/// Given up after this many.
pub const MOST_ATTEMPTS: i64 = 12;
/// How long history is kept.
pub const KEPT: Duration = Duration::from_hours(90 * 24);

const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_hours(4);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    Email,
    Webhook,
}

impl Channel {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Webhook => "webhook",
        }
    }
}

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Matter {
    /// A token expires.
    Expiry,
    /// A token is about to be disabled or deleted because nobody uses it.
    Unused,
    /// It was.
    Ended,
}

impl Matter {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expiry => "expiry",
            Self::Unused => "unused",
            Self::Ended => "ended",
        }
    }

    /// Of what is stored.
    ///
    /// # Errors
    /// `Internal` for what no version of the notifier stores.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let all = [Self::Expiry, Self::Unused, Self::Ended];
        let found = all.into_iter().find(|matter| matter.as_str() == text);
        found.ok_or_else(|| Error::internal(format!("a delivery of an unknown matter: {text:?}")))
    }
}

/// What makes a delivery the same delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub account_id: String,
    pub policy_id: String,
    pub token_id: String,
    pub matter: Matter,
    /// When it expires, is due to be ended, or was ended.
    pub expires_at_ms: i64,
    pub channel: Channel,
    /// The address, or the webhook's id.
    pub recipient: String,
}

impl Key {
    /// 32 hex digits, a digest of the key: the `Message-ID` and `alert_correlation_id` by which a recipient knows a
    /// repetition, whatever happened to the row in between.
    pub fn id(&self) -> String {
        let Self { account_id: _, policy_id, token_id, matter, expires_at_ms, channel, recipient } = self;
        let expires_at = expires_at_ms.to_string();
        let mut digest = Context::new(&SHA256);
        let parts = [policy_id, token_id, expires_at.as_str(), channel.as_str(), recipient.as_str()];
        // An expiry has no sixth part: its id is what it was when there was no other matter.
        let sixth = Some(matter.as_str()).filter(|_| *matter != Matter::Expiry);
        for part in parts.into_iter().chain(sixth) {
            digest.update(&part.len().to_be_bytes());
            digest.update(part.as_bytes());
        }
        hex::encode(digest.finish()).chars().take(32).collect()
    }
}

/// A delivery in a sender's hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    pub id: String,
    pub key: Key,
    /// This attempt's number, from 1.
    pub attempt: i64,
    /// Which claim holds it.
    pub claim: String,
}

impl Claimed {
    /// How long to wait after this attempt failed: doubling, and spread over the upper half so that what failed
    /// together does not come back together.
    pub fn pause(&self) -> Duration {
        let doublings = u32::try_from(self.attempt.clamp(1, 20) - 1).unwrap_or_default();
        let whole = FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE);
        let mut digest = Context::new(&SHA256);
        digest.update(self.id.as_bytes());
        digest.update(&self.attempt.to_be_bytes());
        let spread = digest.finish().as_ref().first().copied().unwrap_or_default();
        whole / 2 + whole.mul_f64(f64::from(spread) / 512.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(policy: &str, recipient: &str) -> Key {
        Key {
            account_id: "a".into(),
            policy_id: policy.into(),
            token_id: "t".into(),
            matter: Matter::Expiry,
            expires_at_ms: 5,
            channel: Channel::Email,
            recipient: recipient.into(),
        }
    }

    #[test]
    fn each_matter_of_one_moment_is_another_delivery_and_an_expirys_id_stays() {
        let of = |matter| Key { matter, ..key("p", "r") }.id();
        let all = [Matter::Expiry, Matter::Unused, Matter::Ended];
        assert_eq!(all.map(of).into_iter().collect::<std::collections::HashSet<_>>().len(), 3);
        assert_eq!(all.map(|matter| Matter::parse(matter.as_str()).unwrap()), all);
        assert!(Matter::parse("other").is_err());
        assert_eq!(of(Matter::Expiry), "0193c35f1e2c502becf2613f55636911");
    }

    fn pause(id: &str, attempt: i64) -> Duration {
        Claimed { id: id.into(), key: key("p", "r"), attempt, claim: String::new() }.pause()
    }

    #[test]
    fn pauses_double_and_are_spread() {
        for attempt in 1..=MOST_ATTEMPTS {
            let whole = (FIRST_PAUSE * 2_u32.pow(u32::try_from(attempt).unwrap() - 1)).min(LONGEST_PAUSE);
            let got = pause("x", attempt);
            assert!(got >= whole / 2 && got <= whole, "{attempt}: {got:?}");
        }
        let all = (0..50).map(|n| pause(&n.to_string(), 3)).collect::<std::collections::HashSet<_>>();
        assert!(all.len() > 30, "{}", all.len());
        assert!(pause("x", i64::MAX) <= LONGEST_PAUSE && pause("x", i64::MIN) <= FIRST_PAUSE);
    }

    proptest! {
        #[test]
        fn no_two_keys_share_an_id(a in ".{0,9}", b in ".{0,9}", c in ".{0,9}", d in ".{0,9}") {
            prop_assert_eq!(key(&a, &b).id() == key(&c, &d).id(), (a, b) == (c, d));
        }
    }
}

//! What is told of a token that nobody uses.

use super::words::in_days;
use super::{About, Alert, second};
use serde_json::{Value, json};

/// What its organization wants done with a token that nobody uses.
#[derive(Debug, Clone)]
pub struct Inactivity {
    /// When it was ended; before that: it is not ended before then.
    pub at_ms: i64,
    pub threshold_days: u32,
    /// It is deleted; otherwise disabled.
    pub deletes: bool,
}

impl Inactivity {
    const fn ended(&self) -> &'static str {
        if self.deletes { "deleted" } else { "disabled" }
    }

    pub(super) fn will_end(&self, days: i64) -> String {
        let threshold = self.threshold_days;
        format!("will be {} {}: nobody has used it for about {threshold} days", self.ended(), in_days(days))
    }

    pub(super) fn has_ended(&self) -> String {
        format!("was {}: nobody had used it for {} days", self.ended(), self.threshold_days)
    }

    pub(super) fn what_to_do_before(&self) -> String {
        format!(
            "From then on, every request that presents it is refused{}.\n\n\
             Still needed?   Use it, refresh it, or name it in a policy: one that a policy or group names stays.\n\
             Needed more seldom?   Raise the threshold, service_token_inactivity of the organization: now {} days.\n\
             No longer needed?   There is nothing to do.\n",
            if self.deletes { ", and it cannot be restored" } else { "" },
            self.threshold_days
        )
    }

    pub(super) fn what_to_do_after(&self) -> String {
        let remedy = if self.deletes {
            "Still needed?   Create another one: this one cannot be restored.\n"
        } else {
            "Still needed?   Enable it: its secret works as before. One that a policy or group names stays enabled.\n\
             No longer needed?   Delete it.\n"
        };
        format!(
            "Since then, every request that presents it is refused. The organization wants it so: \
             service_token_inactivity, {} days.\n\n{remedy}",
            self.threshold_days
        )
    }
}

impl Alert<'_> {
    /// `data.inactivity` of the generic message.
    pub(super) fn inactivity(&self) -> Option<Value> {
        let (event, inactivity) = match self.about {
            About::Expiry => return None,
            About::Unused(unused) => ("will_end", unused),
            About::Ended(ended) => ("ended", ended),
        };
        Some(json!({
            "event": event,
            "action": if inactivity.deletes { "delete" } else { "disable" },
            "at": second(inactivity.at_ms).to_string(),
            "threshold_days": inactivity.threshold_days,
            "last_seen_at": self.token.last_seen_at_ms.map(|at| second(at).to_string()),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::webhook::Kind;
    use model::Timestamp;

    const DAY_MS: i64 = 24 * 60 * 60 * 1000;
    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_123);

    fn told(about: &About, last_seen_at_ms: Option<i64>) -> (String, String, Value) {
        let mut token = fixture::token("build", NOW.as_millis() + 300 * DAY_MS);
        token.last_seen_at_ms = last_seen_at_ms;
        let policy = fixture::policy("p1", &[], &[]);
        let alert = Alert { id: "d1", policy: &policy, token: &token, about, now: NOW };
        (alert.subject(), alert.mail(), alert.webhook(Kind::Generic))
    }

    fn inactivity(days: i64, deletes: bool) -> Inactivity {
        Inactivity { at_ms: NOW.as_millis() + days * DAY_MS, threshold_days: 60, deletes }
    }

    #[test]
    fn a_warning_says_when_and_what_keeps_the_token() {
        let (subject, mail, body) = told(&About::Unused(inactivity(7, false)), None);
        let expected =
            "Service token \"build\" will be disabled in 7 days: nobody has used it for about 60 days";
        assert_eq!(subject, expected);
        for part in
            ["not before 2023-11-21T22:13:20Z", "Last used:  never", "name it in a policy", "threshold"]
        {
            assert!(mail.contains(part), "{part} in {mail}");
        }
        let data = &body["data"]["inactivity"];
        assert_eq!(
            *data,
            json!({
                "event": "will_end", "action": "disable", "at": "2023-11-21T22:13:20Z", "threshold_days": 60,
                "last_seen_at": null,
            })
        );
        assert_eq!(body["data"]["days_til_expiration"], 300);
        assert_eq!(body["alert_type"], "expiring_service_token_alert");
        // Due already: it is only a matter of whose turn it is.
        assert!(told(&About::Unused(inactivity(-3, true)), None).0.contains("will be deleted within a day"));
        assert!(told(&About::Unused(inactivity(3, true)), None).1.contains("cannot be restored"));
    }

    #[test]
    fn an_end_says_what_happened_and_what_can_be_done() {
        let (subject, mail, body) =
            told(&About::Ended(inactivity(-1, false)), Some(NOW.as_millis() - 62 * DAY_MS));
        assert_eq!(subject, "Service token \"build\" was disabled: nobody had used it for 60 days");
        for part in ["(2023-11-13T22:13:20Z)", "Last used:  2023-09-13T22:13:20Z", "Enable it"] {
            assert!(mail.contains(part), "{part} in {mail}");
        }
        assert_eq!(body["data"]["inactivity"]["event"], "ended");
        assert_eq!(body["data"]["inactivity"]["last_seen_at"], "2023-09-13T22:13:20Z");
        let (subject, mail, body) = told(&About::Ended(inactivity(-1, true)), None);
        assert!(
            subject.contains("was deleted")
                && mail.contains("Create another one")
                && !mail.contains("Enable")
        );
        assert_eq!(body["data"]["inactivity"]["action"], "delete");
        assert!(body["text"].as_str().unwrap().contains("Create another one"));
    }
}

//! The words and shapes of a message.

mod inactivity;
mod words;

pub use inactivity::Inactivity;

use crate::alert_policy::AlertPolicy;
use crate::text::{cut, plain};
use crate::webhook::Kind;
use model::Timestamp;
use proto::token_registry::Token;
use serde_json::{Value, json};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What a policy tells of a token.
#[derive(Debug, Clone)]
pub enum About {
    /// It expires.
    Expiry,
    /// It is about to be ended because nobody uses it.
    Unused(Inactivity),
    /// It was.
    Ended(Inactivity),
}

/// News of a token, as one policy tells it to one recipient.
pub struct Alert<'a> {
    /// The delivery's id.
    pub id: &'a str,
    pub policy: &'a AlertPolicy,
    pub token: &'a Token,
    pub about: &'a About,
    pub now: Timestamp,
}

/// Days until then, a begun one counted; 0 once it is past.
fn days_until(at_ms: i64, now: Timestamp) -> i64 {
    let left = at_ms - now.as_millis();
    left.max(0).div_euclid(DAY_MS) + i64::from(left > 0 && left.rem_euclid(DAY_MS) > 0)
}

/// To the second.
fn second(at_ms: i64) -> Timestamp {
    Timestamp::from_millis(Timestamp::from_millis(at_ms).as_seconds() * 1000)
}

impl Alert<'_> {
    /// Days that are left, a begun one counted; 0 once it has expired.
    fn days(&self) -> i64 {
        days_until(self.token.expires_at_ms, self.now)
    }

    fn expires_at(&self) -> Timestamp {
        second(self.token.expires_at_ms)
    }

    /// One line.
    pub fn subject(&self) -> String {
        format!("Service token \"{}\" {}", plain(&self.token.name), self.what())
    }

    /// The JSON that a destination of this type understands.
    pub fn webhook(&self, kind: Kind) -> Value {
        let line = self.line();
        match kind {
            Kind::Generic => self.generic(&line),
            Kind::Splunk => json!({ "event": self.generic(&line), "time": self.now.as_seconds() }),
            Kind::Opsgenie => json!({
                "message": cut(&self.subject(), 130), "description": line, "alias": self.id, "source": "Sallyport",
            }),
            Kind::Datadog => json!({
                "title": self.subject(), "text": line, "alert_type": "warning", "aggregation_key": self.id,
            }),
            Kind::Slack | Kind::GoogleChat | Kind::Discord | Kind::Feishu => words(kind, &line),
        }
    }

    fn generic(&self, line: &str) -> Value {
        let (token, policy) = (self.token, self.policy);
        let mut data = json!({
            "service_token_id": token.id,
            "service_token_name": token.name,
            "client_id": token.client_id,
            "expires_at": self.expires_at().to_string(),
            "days_til_expiration": self.days(),
            "account_tag": token.account_id,
        });
        if let (Some(data), Some(inactivity)) = (data.as_object_mut(), self.inactivity()) {
            data.insert("inactivity".to_owned(), inactivity);
        }
        json!({
            "name": plain(&policy.spec.name),
            "text": line,
            "data": data,
            "ts": self.now.as_seconds(),
            "account_id": token.account_id,
            "policy_id": policy.id,
            "policy_name": policy.spec.name,
            "alert_type": policy.spec.alert_type,
            "alert_correlation_id": self.id,
            "alert_event": "ALERT_STATE_EVENT_START",
        })
    }
}

/// What a new destination is sent, to prove that it takes messages.
pub fn test_message(kind: Kind) -> Value {
    let line = "This is a test from Sallyport: alerts about service tokens will arrive here.";
    match kind {
        Kind::Splunk => json!({ "event": { "text": line } }),
        Kind::Opsgenie => json!({ "message": line, "source": "Sallyport", "priority": "P5" }),
        Kind::Datadog => json!({ "title": "Sallyport test", "text": line }),
        _ => words(kind, line),
    }
}

/// Words alone, such that a name among them can neither call everyone in the room nor dress up as a link.
fn words(kind: Kind, line: &str) -> Value {
    let without_tags = || line.replace('<', "‹").replace('>', "›");
    match kind {
        Kind::Slack => {
            json!({ "text": line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;") })
        }
        Kind::Discord => json!({ "content": line, "allowed_mentions": { "parse": [] } }),
        Kind::Feishu => json!({ "msg_type": "text", "content": { "text": without_tags() } }),
        Kind::GoogleChat => json!({ "text": without_tags() }),
        Kind::Generic | Kind::Datadog | Kind::Opsgenie | Kind::Splunk => json!({ "text": line }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn alert<'a>(policy: &'a AlertPolicy, token: &'a Token, now: Timestamp) -> Alert<'a> {
        Alert { id: "d1", policy, token, about: &About::Expiry, now }
    }

    #[test]
    fn begun_days_are_counted() {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let policy = fixture::policy("p1", &[], &[]);
        for (left, days, words) in [
            (7 * DAY_MS, 7, "expires in 7 days"),
            (7 * DAY_MS - 1, 7, "expires in 7 days"),
            (6 * DAY_MS + 1, 7, "expires in 7 days"),
            (DAY_MS, 1, "expires within a day"),
            (1, 1, "expires within a day"),
            (0, 0, "has expired"),
            (-5, 0, "has expired"),
        ] {
            let token = fixture::token("build", now.as_millis() + left);
            assert_eq!(alert(&policy, &token, now).days(), days, "{left}");
            assert!(alert(&policy, &token, now).subject().ends_with(words), "{left}");
        }
    }

    #[test]
    fn the_generic_body_is_the_contracts() {
        let now = Timestamp::from_millis(1_700_000_000_123);
        let token = fixture::token("build", now.as_millis() + 3 * DAY_MS);
        let policy = fixture::policy("p1", &[], &[]);
        let body = alert(&policy, &token, now).webhook(Kind::Generic);
        let keys = body.as_object().unwrap().keys().map(String::as_str).collect::<Vec<_>>();
        let wanted = [
            "name",
            "text",
            "data",
            "ts",
            "account_id",
            "policy_id",
            "policy_name",
            "alert_type",
            "alert_correlation_id",
            "alert_event",
        ];
        assert_eq!(keys, wanted);
        assert_eq!(body["ts"], 1_700_000_000);
        assert_eq!(body["alert_event"], "ALERT_STATE_EVENT_START");
        assert_eq!(body["data"]["days_til_expiration"], 3);
        assert_eq!(body["data"]["expires_at"], "2023-11-17T22:13:20Z");
        assert_eq!(body["data"]["client_id"], token.client_id);
    }

    #[test]
    fn a_name_cannot_speak_for_the_message() {
        let now = Timestamp::from_millis(0);
        let token = fixture::token("<!channel> <http://evil|x> @everyone\r\nBcc: a@b\u{202E}", DAY_MS);
        let policy = fixture::policy("p1", &[], &[]);
        let alert = alert(&policy, &token, now);
        let slack = alert.webhook(Kind::Slack)["text"].as_str().unwrap().to_owned();
        assert!(!slack.contains('<') && slack.contains("&lt;!channel&gt;"), "{slack}");
        assert_eq!(alert.webhook(Kind::Discord)["allowed_mentions"]["parse"], json!([]));
        for kind in [Kind::GoogleChat, Kind::Feishu] {
            assert!(!alert.webhook(kind).to_string().contains('<'));
        }
        assert!(!alert.subject().contains(['\r', '\n', '\u{202E}']));
        assert!(!alert.mail().contains("\nBcc"), "{}", alert.mail());
    }
}

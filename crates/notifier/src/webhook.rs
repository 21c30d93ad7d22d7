//! Webhooks: destinations that a policy may name.

use model::Violation;
use reqwest::Url;
use reqwest::header::HeaderValue;

const LONGEST_URL: usize = 2048;
const LONGEST_SECRET: usize = 1024;

/// Holds no secret; that one stays in the store, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    pub id: String,
    pub account_id: String,
    pub name: String,
    pub url: String,
    pub kind: Kind,
    pub created_at_ms: i64,
    pub last_success_at_ms: Option<i64>,
    pub last_failure_at_ms: Option<i64>,
}

/// Whose API a destination speaks: it decides the shape of the message and the header of the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Generic,
    Slack,
    GoogleChat,
    Discord,
    Datadog,
    Opsgenie,
    Splunk,
    Feishu,
}

impl Kind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Slack => "slack",
            Self::GoogleChat => "gchat",
            Self::Discord => "discord",
            Self::Datadog => "datadog",
            Self::Opsgenie => "opsgenie",
            Self::Splunk => "splunk",
            Self::Feishu => "feishu",
        }
    }

    /// From the URL's host.
    pub fn of(url: &Url) -> Self {
        let host = url.host_str().unwrap_or_default().trim_end_matches('.');
        let within = |domain: &str| host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
        match host {
            "hooks.slack.com" | "hooks.slack-gov.com" => Self::Slack,
            "chat.googleapis.com" => Self::GoogleChat,
            "discord.com" | "discordapp.com" | "ptb.discord.com" | "canary.discord.com" => Self::Discord,
            "api.opsgenie.com" | "api.eu.opsgenie.com" => Self::Opsgenie,
            "open.feishu.cn" | "open.larksuite.com" => Self::Feishu,
            _ if within("datadoghq.com") || within("datadoghq.eu") || within("ddog-gov.com") => Self::Datadog,
            _ if within("splunkcloud.com") => Self::Splunk,
            _ => Self::Generic,
        }
    }
}

/// Reads a destination's URL.
///
/// # Errors
/// The broken rule, which never repeats the URL: with some services its path is the secret.
pub fn parse_url(text: &str) -> Result<Url, Violation> {
    let refused = |rule: &str| Violation { field: "url".to_owned(), rule: rule.to_owned() };
    if text.len() > LONGEST_URL {
        return Err(refused("must not be longer than 2048 bytes"));
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(refused("must not contain white space or control characters"));
    }
    let url = Url::parse(text).map_err(|_| refused("must be an absolute http or https URL"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(refused("must be an absolute http or https URL"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("must not carry a user name or password; give a secret instead"));
    }
    Ok(url)
}

/// A secret is a header's value. Empty: none.
pub fn check_secret(secret: &str) -> Option<Violation> {
    let is_visible = secret.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    let is_fine = secret.len() <= LONGEST_SECRET
        && is_visible
        && secret.trim() == secret
        && HeaderValue::from_str(secret).is_ok();
    let rule = "must be at most 1024 visible ASCII characters: it is sent as a header".to_owned();
    (!is_fine).then(|| Violation { field: "secret".to_owned(), rule })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_tells_the_type() {
        for (url, kind) in [
            ("https://hooks.slack.com/services/T/B/x", "slack"),
            ("https://HOOKS.slack.com./services/T/B/x", "slack"),
            ("https://chat.googleapis.com/v1/spaces/A/messages?key=k", "gchat"),
            ("https://discord.com/api/webhooks/1/x", "discord"),
            ("https://api.datadoghq.com/api/v1/events", "datadog"),
            ("https://api.opsgenie.com/v2/alerts", "opsgenie"),
            ("https://http-inputs-acme.splunkcloud.com/services/collector/event", "splunk"),
            ("https://open.feishu.cn/open-apis/bot/v2/hook/x", "feishu"),
            ("https://hooks.slack.com.evil.example/services", "generic"),
            ("https://evildatadoghq.com/", "generic"),
            ("http://127.0.0.1:9/", "generic"),
        ] {
            assert_eq!(Kind::of(&parse_url(url).unwrap()).as_str(), kind, "{url}");
        }
    }

    #[test]
    fn only_plain_http_urls_are_destinations() {
        let long = format!("https://a.example/{}", "x".repeat(2048));
        for url in [
            "",
            "a.example",
            "/path",
            "ftp://a.example",
            "file:///etc/passwd",
            "https://",
            "https://user:pw@a.example/",
            "https://a.example/ b",
            "https://a.example/\r\nX: y",
            "javascript:alert(1)",
            &long,
        ] {
            let refused = parse_url(url).unwrap_err();
            assert_eq!(refused.field, "url", "{url}");
            assert!(!refused.rule.contains("a.example"), "{url}");
        }
    }

    #[test]
    fn a_secret_fits_a_header() {
        for secret in ["a\r\nb", "a\0", "é", " a", "a ", &"x".repeat(1025)] {
            assert!(check_secret(secret).is_some(), "{secret:?}");
        }
        assert!(check_secret("correct horse-battery_9").is_none());
    }
}

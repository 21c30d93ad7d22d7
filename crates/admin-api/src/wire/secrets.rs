//! The versions of a token's secret, without the secret.

use super::time;
use model::AddressClass;
use proto::token_registry::token_secret::State;
use proto::token_registry::{ListTokenSecretsResponse, TokenSecret};
use serde_json::{Map, Value, json};

pub fn view(answer: ListTokenSecretsResponse) -> Value {
    let ListTokenSecretsResponse { secrets, read_at_ms } = answer;
    secrets.into_iter().map(|secret| view_one(secret, read_at_ms)).collect()
}

/// What is not known is left out.
fn view_one(secret: TokenSecret, now_ms: i64) -> Value {
    let state = match secret.state() {
        State::Current => "current",
        State::Previous => "previous",
        State::Ended | State::Unspecified => "ended",
    };
    let TokenSecret {
        client_secret_version,
        state: _,
        valid_until_ms,
        last_used_at_ms,
        last_used_at_gateway,
        last_used_from,
        uses,
        restored_from_version,
    } = secret;
    let mut shown = Map::new();
    let mut show = |field: &str, value: Value| shown.insert(field.to_owned(), value);
    show("client_secret_version", json!(client_secret_version));
    show("state", json!(state));
    if let Some(until) = valid_until_ms {
        show("valid_until", json!(time(until)));
    }
    if restored_from_version > 0 {
        show("restored_from_version", json!(restored_from_version));
    }
    if let Some(at) = last_used_at_ms {
        show("last_used_at", json!(time(at)));
        show("unused_for_seconds", json!(now_ms.saturating_sub(at).max(0) / 1_000));
        if !last_used_at_gateway.is_empty() {
            show("last_used_at_gateway", json!(last_used_at_gateway));
        }
        let from = AddressClass::from_number(last_used_from.into());
        if from != AddressClass::Unknown {
            show("last_used_from", json!(from.as_str()));
        }
    }
    show("uses", json!(uses));
    Value::Object(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::token_registry::AddressClass as From;

    #[test]
    fn a_secret_says_how_long_it_has_not_been_used() {
        let previous = TokenSecret {
            client_secret_version: 3,
            state: State::Previous.into(),
            valid_until_ms: Some(90_000_000),
            last_used_at_ms: Some(1_000_000),
            last_used_at_gateway: "g1".into(),
            last_used_from: From::PrivateIpv4.into(),
            uses: 12,
            restored_from_version: 0,
        };
        let unused =
            TokenSecret { client_secret_version: 4, state: State::Current.into(), ..TokenSecret::default() };
        // A gateway whose clock is ahead.
        let ahead = TokenSecret { last_used_at_ms: Some(90_000_000), ..unused.clone() };
        let answer =
            ListTokenSecretsResponse { secrets: vec![previous, unused, ahead], read_at_ms: 26_200_999 };
        let shown = view(answer);
        assert_eq!(
            shown[0],
            json!({
                "client_secret_version": 3, "state": "previous", "valid_until": "1970-01-02T01:00:00Z",
                "last_used_at": "1970-01-01T00:16:40Z", "unused_for_seconds": 25_200,
                "last_used_at_gateway": "g1", "last_used_from": "private_ipv4", "uses": 12,
            })
        );
        assert_eq!(shown[1], json!({"client_secret_version": 4, "state": "current", "uses": 0}));
        assert_eq!(shown[2]["unused_for_seconds"], 0);
    }
}

//! A session verifies with a JWT library's own decoding, given only the published key set.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use model::{AccountId, Audience, Clock, SessionId, SystemClock, TokenId};
use serde_json::{Value, json};
use session_token::{AsOf, Claims, SigningKey, key_set};
use std::time::Duration;

const ISSUER: &str = "https://team.example";

fn claims(audience: &Audience) -> Claims {
    let now = SystemClock.now().as_seconds();
    Claims {
        audience: audience.clone(),
        expires_at_s: now + 600,
        issuer: ISSUER.into(),
        common_name: "0123456789abcdef0123456789abcdef.access".into(),
        issued_at_s: now,
        session: SessionId::random(),
        account: AccountId::random(),
        token: Some(TokenId::random()),
        secret_version: 1,
        certificate: None,
        binding: None,
        as_of: AsOf { token_registry: 1, policy_evaluator: 2, session_issuer: 3 },
    }
}

#[test]
fn a_session_verifies_against_the_published_key_set() {
    let keys = [
        SigningKey::generate(session_token::Algorithm::Rs256).unwrap(),
        SigningKey::generate(session_token::Algorithm::Rs256).unwrap(),
    ];
    let now = SystemClock.now();
    let published: Vec<_> = keys
        .iter()
        .map(|key| key.publish("team.example", now, now.after(Duration::from_hours(24))).unwrap())
        .collect();
    let document = key_set::document(&published).unwrap();
    let jwks: JwkSet = serde_json::from_str(&document).unwrap();
    assert_eq!(jwks.keys.len(), 2);

    let audience = Audience::random();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&[audience.as_str()]);
    validation.set_issuer(&[ISSUER]);
    validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);

    for (key, other) in [(&keys[0], &keys[1]), (&keys[1], &keys[0])] {
        let claims = claims(&audience);
        let token = key.sign(&claims).unwrap();
        let header = decode_header(&token).unwrap();
        assert_eq!((header.alg, header.typ.as_deref()), (Algorithm::RS256, Some("JWT")));
        assert_eq!(header.kid, Some(key.kid().to_string()));

        let jwk = jwks.find(&header.kid.unwrap()).unwrap();
        let decoded = decode::<Value>(&token, &DecodingKey::from_jwk(jwk).unwrap(), &validation).unwrap();
        let expected = json!({
            "type": "app",
            "aud": [audience.as_str()],
            "exp": claims.expires_at_s,
            "iss": ISSUER,
            "common_name": claims.common_name,
            "iat": claims.issued_at_s,
            "sub": "",
            "sallyport": {
                "sid": claims.session.to_string(),
                "account": claims.account.to_string(),
                "token": claims.token.unwrap().to_string(),
                "version": 1,
                "as_of": {"token_registry": 1, "policy_evaluator": 2, "session_issuer": 3},
            },
        });
        assert_eq!(decoded.claims, expected);

        let wrong = jwks.find(&other.kid().to_string()).unwrap();
        assert!(decode::<Value>(&token, &DecodingKey::from_jwk(wrong).unwrap(), &validation).is_err());
    }
}

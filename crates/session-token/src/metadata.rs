//! What a client is told of an application before it has a session: signed, so that nobody else can tell it.
//!
//! It is public, and its key signs sessions too: whatever takes sessions must not take it for one. Its header has a type of
//! its own, it names no issuer and nobody, and its `exp` is long past: validators of any make that look at a signature, an
//! audience and a time refuse it. Whoever reads it goes by `iat`.

use crate::algorithm::Algorithm;
use crate::key::SigningKey;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::{Audience, Error, Result};
use serde::Serialize;

/// `typ` of the header. A session's is `JWT`.
pub const TYPE: &str = "access-metadata+jwt";

/// The first second of 1970 but one: 0 is nothing to some validators.
const LONG_PAST: i64 = 1;

/// Which application answers at a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata<'a> {
    /// The host that was asked, in lower case, without a port.
    pub hostname: &'a str,
    /// Host of the team domain, which serves the key set, with a port where it has one of its own.
    pub auth_domain: &'a str,
    pub audience: &'a Audience,
    /// The application's first domain as it was given: a wildcard and a path are part of it.
    pub app_hostname: &'a str,
    /// Seconds since 1970.
    pub issued_at_s: i64,
}

#[derive(Serialize)]
struct Written<'a> {
    r#type: &'static str,
    hostname: &'a str,
    auth_domain: &'a str,
    aud: &'a str,
    app_hostname: &'a str,
    iat: i64,
    exp: i64,
}

impl SigningKey {
    /// The statement as a compact JWS.
    ///
    /// # Errors
    /// If this is no key of RS256, which is all that clients read, or if the text is longer than a session may be.
    pub fn sign_metadata(&self, metadata: &Metadata<'_>) -> Result<String> {
        if self.algorithm() != Algorithm::Rs256 {
            return Err(Error::internal("metadata is signed with RS256 alone"));
        }
        let Metadata { hostname, auth_domain, audience, app_hostname, issued_at_s } = *metadata;
        let header = format!(r#"{{"alg":"{}","kid":"{}","typ":"{TYPE}"}}"#, self.algorithm(), self.kid());
        let written = Written {
            r#type: "match",
            hostname,
            auth_domain,
            aud: audience.as_str(),
            app_hostname,
            iat: issued_at_s,
            exp: LONG_PAST,
        };
        let payload = serde_json::to_vec(&written).map_err(Error::internal)?;
        self.sign_payload(&format!("{}.", URL_SAFE_NO_PAD.encode(header)), &payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{self, ec_key, key, refused, signed};
    use crate::{Rejection, VerificationKey, verify};
    use serde_json::{Value, json};

    fn sign() -> String {
        let audience = fixture::claims().audience;
        let metadata = Metadata {
            hostname: "a.example",
            auth_domain: "team.example:8443",
            audience: &audience,
            app_hostname: "*.example/b",
            issued_at_s: fixture::NOW_S,
        };
        assert_eq!(ec_key().sign_metadata(&metadata).unwrap_err().reason(), "INTERNAL");
        key().sign_metadata(&metadata).unwrap()
    }

    #[test]
    fn it_says_what_the_contract_has_and_is_signed() {
        let token = sign();
        let parts: Vec<&str> = token.split('.').collect();
        let read =
            |part: &str| -> Value { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap() };
        let header = json!({"alg": "RS256", "kid": key().kid().to_string(), "typ": TYPE});
        assert_eq!(read(parts[0]), header);
        let claims = json!({
            "type": "match", "hostname": "a.example", "auth_domain": "team.example:8443",
            "aud": "ab".repeat(32), "app_hostname": "*.example/b", "iat": fixture::NOW_S, "exp": 1,
        });
        assert_eq!(read(parts[1]), claims);
        // The same text under a session's header: its signature is right, and it is none.
        let payload = String::from_utf8(URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
        refused(&signed(&fixture::header(), &payload), Rejection::Malformed);
    }

    #[test]
    fn j11_it_is_no_session() {
        let token = sign();
        refused(&token, Rejection::TypeWrong);
        // Nor is a session's payload one, under this type.
        let header = fixture::header_with("typ", json!(TYPE));
        refused(&fixture::sealed(&header), Rejection::TypeWrong);
        let known = VerificationKey::new(fixture::jwk(), fixture::ACCOUNT);
        let find = |_| Some((&known, fixture::ISSUER));
        assert_eq!(verify(&token, find, model::Timestamp::from_millis(0)), Err(Rejection::TypeWrong));
    }
}

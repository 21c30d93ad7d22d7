//! Which credential a request carries. Half a pair, duplicates and two styles at once are refused.

use crate::refusal::Refusal;
use crate::request::cookie::{self, Unreadable};
use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use model::{ClientId, ClientSecret};
use serde::Deserialize;
use std::borrow::Cow;

pub const CLIENT_ID: HeaderName = HeaderName::from_static("cf-access-client-id");
pub const CLIENT_SECRET: HeaderName = HeaderName::from_static("cf-access-client-secret");
pub const SESSION: HeaderName = HeaderName::from_static("cf-access-token");

/// What the client presented, of the right shape, not yet judged.
pub enum Credential<'a> {
    None,
    Session(&'a str),
    Pair(Pair<'a>),
}

/// A Client ID and Client Secret of the right shape and checksum.
pub struct Pair<'a> {
    pub client_id: Cow<'a, str>,
    pub client_secret: Cow<'a, str>,
}

/// `single_header`: the application's header that carries both as JSON.
pub fn find<'a>(
    headers: &'a HeaderMap,
    single_header: Option<&HeaderName>,
) -> Result<Credential<'a>, Refusal> {
    let pair = pair(headers)?;
    let single = single_header.map(|name| single(headers, name)).transpose()?.flatten();
    match (pair, single) {
        (Some(_), Some(_)) => Err(Refusal::unauthenticated(
            "CREDENTIAL_AMBIGUOUS",
            "the credential is given twice, in two styles",
        )),
        // Service headers win over a session: cookie jars send both.
        (Some(pair), None) | (None, Some(pair)) => checked(pair).map(Credential::Pair),
        (None, None) => session(headers),
    }
}

fn session(headers: &HeaderMap) -> Result<Credential<'_>, Refusal> {
    if let Some(token) = only(headers, &SESSION)? {
        return Ok(Credential::Session(token));
    }
    match cookie::session(headers) {
        Ok(Some(token)) => Ok(Credential::Session(token)),
        Ok(None) => Ok(Credential::None),
        Err(Unreadable::Ambiguous) => Err(Refusal::unauthenticated(
            "CREDENTIAL_AMBIGUOUS",
            "there are several CF_Authorization cookies that differ",
        )),
        Err(Unreadable::Malformed) => {
            Err(Refusal::unauthenticated("COOKIE_MALFORMED", "the Cookie header is not text"))
        }
    }
}

fn pair(headers: &HeaderMap) -> Result<Option<Pair<'_>>, Refusal> {
    match (only(headers, &CLIENT_ID)?, only(headers, &CLIENT_SECRET)?) {
        (Some(id), Some(secret)) => Ok(Some(Pair { client_id: id.into(), client_secret: secret.into() })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(Refusal::unauthenticated(
            "CREDENTIAL_INCOMPLETE",
            "CF-Access-Client-Secret is missing beside CF-Access-Client-Id",
        )),
        (None, Some(_)) => Err(Refusal::unauthenticated(
            "CREDENTIAL_INCOMPLETE",
            "CF-Access-Client-Id is missing beside CF-Access-Client-Secret",
        )),
    }
}

/// A session that a request brought, as the application gets it.
pub fn assertion(headers: &HeaderMap, token: &str) -> Option<HeaderValue> {
    let whole = headers.get(&SESSION).filter(|value| value.as_bytes() == token.as_bytes());
    let mut value = whole.cloned().or_else(|| HeaderValue::from_str(token).ok())?;
    value.set_sensitive(true);
    Some(value)
}

/// The value of a header that may be there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Refusal::unauthenticated(
            "CREDENTIAL_AMBIGUOUS",
            format!("there is more than one {name} header"),
        ));
    }
    let text = value.to_str().ok().filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| {
        Refusal::unauthenticated("CREDENTIAL_MALFORMED", format!("{name} is empty or not ASCII"))
    });
    text.map(Some)
}

/// The single-header form: `{"cf-access-client-id":"…","cf-access-client-secret":"…"}`, keys in lower case.
#[derive(Deserialize)]
struct Both<'a> {
    #[serde(rename = "cf-access-client-id", borrow)]
    client_id: Cow<'a, str>,
    #[serde(rename = "cf-access-client-secret", borrow)]
    client_secret: Cow<'a, str>,
}

/// Whether both parts are claimed to be there, in either style; nothing is read.
pub fn has_pair(headers: &HeaderMap, single_header: Option<&HeaderName>) -> bool {
    headers.contains_key(CLIENT_ID)
        || single_header
            .is_some_and(|name| headers.get_all(name).iter().any(|value| is_object(value.as_bytes())))
}

/// The Client ID of a pair that was found good.
pub fn client_id(headers: &HeaderMap, single_header: Option<&HeaderName>) -> Option<Box<str>> {
    if let Some(id) = headers.get(CLIENT_ID) {
        return id.to_str().ok().map(Into::into);
    }
    match find(headers, single_header) {
        Ok(Credential::Pair(pair)) => Some((*pair.client_id).into()),
        Ok(Credential::Session(_) | Credential::None) | Err(_) => None,
    }
}

/// A header that holds something else, such as the application's own `Authorization`, is not a credential of ours.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<Pair<'a>>, Refusal> {
    if !headers.get_all(name).iter().any(|value| is_object(value.as_bytes())) {
        return Ok(None);
    }
    let Some(text) = only(headers, name)? else { return Ok(None) };
    let both: Both<'_> = serde_json::from_str(text).map_err(|_| {
        let message = format!(
            "{name} must be a JSON object with the keys \"cf-access-client-id\" and \"cf-access-client-secret\", in lower case"
        );
        Refusal::unauthenticated("CREDENTIAL_MALFORMED", message)
    })?;
    Ok(Some(Pair { client_id: both.client_id, client_secret: both.client_secret }))
}

pub fn is_object(value: &[u8]) -> bool {
    value.trim_ascii_start().starts_with(b"{")
}

/// Takes a credential out of what the application gets; its own use of the same header stays.
pub fn strip_single(headers: &mut HeaderMap, name: &HeaderName) {
    if headers.get_all(name).iter().any(|value| is_object(value.as_bytes())) {
        headers.remove(name);
    }
}

/// Junk goes before anybody is asked.
fn checked(pair: Pair<'_>) -> Result<Pair<'_>, Refusal> {
    if !ClientId::is_one(&pair.client_id) {
        return Err(Refusal::unauthenticated(
            "CREDENTIAL_MALFORMED",
            "the Client ID must be 32 hex digits and \".access\"",
        ));
    }
    ClientSecret::check(&pair.client_secret).map_err(Refusal::from)?;
    Ok(pair)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const ID: &str = "88bf3b6d86161464f6509f7219099e57.access";

    fn found(lines: &[(&str, &str)], single: Option<&str>) -> Result<String, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        let single = single.map(|name| HeaderName::try_from(name).unwrap());
        match find(&headers, single.as_ref()) {
            Ok(Credential::None) => Ok("none".into()),
            Ok(Credential::Session(token)) => Ok(format!("session {token}")),
            Ok(Credential::Pair(pair)) => Ok(format!("pair {}", pair.client_id)),
            Err(refusal) => Err(refusal.reason.into_owned()),
        }
    }

    #[test]
    fn the_application_gets_the_session_that_was_judged() {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::COOKIE, HeaderValue::from_static("a=1; CF_Authorization=y; b=2"));
        for (line, expected) in [(None, "y"), (Some("x"), "x")] {
            headers.extend(line.map(|line| (SESSION, HeaderValue::from_static(line))));
            let Ok(Credential::Session(token)) = find(&headers, None) else { panic!("no session") };
            let assertion = assertion(&headers, token).unwrap();
            assert_eq!(assertion, expected);
            assert!(assertion.is_sensitive());
        }
    }

    #[test]
    fn each_style_is_found() {
        let secret = ClientSecret::generate().unwrap();
        let secret = secret.expose();
        let pair = [("cf-access-client-id", ID), ("cf-access-client-secret", secret)];
        assert_eq!(found(&pair, None), Ok(format!("pair {ID}")));
        assert_eq!(found(&[("cf-access-token", "x")], None), Ok("session x".into()));
        assert_eq!(found(&[("cookie", "CF_Authorization=y")], None), Ok("session y".into()));
        let json = format!(r#"{{"cf-access-client-id":"{ID}","cf-access-client-secret":"{secret}"}}"#);
        assert_eq!(found(&[("authorization", &json)], Some("authorization")), Ok(format!("pair {ID}")));
        assert_eq!(found(&[("authorization", &json)], None), Ok("none".into()));
        assert_eq!(found(&[("authorization", "Bearer x")], Some("authorization")), Ok("none".into()));
        let with_cookie = [pair[0], pair[1], ("cookie", "CF_Authorization=y")];
        assert_eq!(found(&with_cookie, None), Ok(format!("pair {ID}")));
    }

    #[test]
    fn broken_credentials_are_refused_and_nothing_else_is_tried() {
        let secret = ClientSecret::generate().unwrap();
        let secret = secret.expose();
        let (id, good) = (("cf-access-client-id", ID), ("cf-access-client-secret", secret));
        let cookie = ("cookie", "CF_Authorization=y");
        for lines in [vec![id, cookie], vec![good, cookie]] {
            assert_eq!(found(&lines, None), Err("CREDENTIAL_INCOMPLETE".into()));
        }
        for lines in [
            vec![id, id, good],
            vec![id, good, good],
            vec![("cf-access-token", "a"), ("cf-access-token", "b")],
        ] {
            assert_eq!(found(&lines, None), Err("CREDENTIAL_AMBIGUOUS".into()));
        }
        assert_eq!(
            found(&[id, ("cf-access-client-secret", &format!("{secret}0"))], None),
            Err("TOKEN_SECRET_MALFORMED".into())
        );
        assert_eq!(
            found(&[("cf-access-client-id", &format!("{ID},{ID}")), good], None),
            Err("CREDENTIAL_MALFORMED".into())
        );
        assert_eq!(found(&[("cf-access-client-id", ""), good], None), Err("CREDENTIAL_MALFORMED".into()));
        assert_eq!(
            found(&[("authorization", "{\"a\":1}")], Some("authorization")),
            Err("CREDENTIAL_MALFORMED".into())
        );
        let json = format!(r#"{{"cf-access-client-id":"{ID}","cf-access-client-secret":"{secret}"}}"#);
        assert_eq!(
            found(&[id, good, ("authorization", &json)], Some("authorization")),
            Err("CREDENTIAL_AMBIGUOUS".into())
        );
    }
}

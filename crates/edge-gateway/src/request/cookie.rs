//! The `Cookie` header.

use http::HeaderMap;
use http::header::{COOKIE, HeaderValue};

/// The session cookie.
pub const SESSION: &str = "CF_Authorization";
/// Cookies of ours: none of them reaches an application.
const OURS: [&str; 3] = [SESSION, "CF_Binding", "CF_AppSession"];

/// Why no session can be read from the cookies.
#[derive(Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// Several session cookies that differ: one of them may have been planted.
    Ambiguous,
    /// Not text.
    Malformed,
}

fn pairs(headers: &HeaderMap) -> impl Iterator<Item = Option<(&str, &str)>> {
    headers.get_all(COOKIE).iter().flat_map(|line| {
        let text = line.to_str().ok();
        let broken = text.is_none().then_some(None);
        let pairs =
            text.into_iter().flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.map(Some).chain(broken)
    })
}

/// The session, if there is one.
pub fn session(headers: &HeaderMap) -> Result<Option<&str>, Unreadable> {
    if !headers.contains_key(COOKIE) {
        return Ok(None);
    }
    let mut found = None;
    for pair in pairs(headers) {
        let (name, value) = pair.ok_or(Unreadable::Malformed)?;
        if name != SESSION {
            continue;
        }
        if found.is_some_and(|first| first != value) {
            return Err(Unreadable::Ambiguous);
        }
        found = Some(value);
    }
    Ok(found)
}

/// Takes our cookies out of what the application gets.
pub fn strip(headers: &mut HeaderMap) {
    let is_ours = |text: &str| OURS.iter().any(|name| text.contains(name));
    if !headers.get_all(COOKIE).iter().any(|line| line.to_str().map_or(true, is_ours)) {
        return;
    }
    let kept: Vec<String> = pairs(headers)
        .flatten()
        .filter(|(name, _)| !OURS.contains(name))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    headers.remove(COOKIE);
    if let Some(value) = (!kept.is_empty()).then(|| HeaderValue::try_from(kept.join("; ")).ok()).flatten() {
        headers.insert(COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (COOKIE, HeaderValue::from_str(line).unwrap())).collect()
    }

    #[test]
    fn a_planted_second_cookie_is_ambiguous() {
        assert_eq!(session(&headers(&["a=1; CF_Authorization=x; b=2"])), Ok(Some("x")));
        assert_eq!(session(&headers(&["CF_Authorization=x; CF_Authorization=x"])), Ok(Some("x")));
        assert_eq!(
            session(&headers(&["CF_Authorization=x; CF_Authorization=y"])),
            Err(Unreadable::Ambiguous)
        );
        assert_eq!(
            session(&headers(&["CF_Authorization=x", "CF_Authorization=y"])),
            Err(Unreadable::Ambiguous)
        );
        assert_eq!(session(&headers(&["a=1"])), Ok(None));
    }

    #[test]
    fn applications_never_get_the_session() {
        let mut jar = headers(&["a=1; CF_Authorization=x; b=2", "CF_Binding=y; c=3"]);
        strip(&mut jar);
        assert_eq!(jar.get(COOKIE).unwrap(), "a=1; b=2; c=3");
        let mut jar = headers(&["CF_Authorization=x"]);
        strip(&mut jar);
        assert!(jar.is_empty());
    }
}

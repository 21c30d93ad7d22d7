//! The `Cookie` and `Set-Cookie` headers.

use http::HeaderMap;
use http::header::{COOKIE, HeaderValue, SET_COOKIE};
use memchr::memchr;

/// The session cookie.
pub const SESSION: &str = "CF_Authorization";
/// What the session is bound to, where an application asks for that.
pub const BINDING: &str = "CF_Binding";
/// Cookies of ours: none of them reaches an application, and no application sets one.
const OURS: [&str; 3] = [SESSION, BINDING, "CF_AppSession"];

/// Why no session can be read from the cookies.
#[derive(Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// Several cookies of the name that differ: one of them may have been planted.
    Ambiguous,
    /// Not text.
    Malformed,
}

/// What stands between semicolons. Bytes: an application's own cookie may be anything.
fn pairs(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let lines = headers.get_all(COOKIE).iter();
    lines.flat_map(|line| split(line.as_bytes())).map(<[u8]>::trim_ascii)
}

/// Between semicolons. A session is a thousand bytes without any: they are not looked at one by one.
fn split(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        let Some((piece, after)) = memchr(b';', text).and_then(|at| text.split_at_checked(at)) else {
            return Some(text);
        };
        rest = after.get(1..);
        Some(piece)
    })
}

fn name(pair: &[u8]) -> &[u8] {
    pair.split(|b| *b == b'=').next().unwrap_or_default().trim_ascii()
}

/// The session, if there is one.
pub fn session(headers: &HeaderMap) -> Result<Option<&str>, Unreadable> {
    only(headers, SESSION)
}

/// What it is bound to, if that is there.
pub fn binding(headers: &HeaderMap) -> Result<Option<&str>, Unreadable> {
    only(headers, BINDING)
}

fn only<'h>(headers: &'h HeaderMap, wanted: &str) -> Result<Option<&'h str>, Unreadable> {
    if !headers.contains_key(COOKIE) {
        return Ok(None);
    }
    let mut found = None;
    for pair in pairs(headers).filter(|pair| name(pair) == wanted.as_bytes()) {
        let value = pair.splitn(2, |b| *b == b'=').nth(1).ok_or(Unreadable::Malformed)?;
        if found.is_some_and(|first| first != value) {
            return Err(Unreadable::Ambiguous);
        }
        found = Some(value);
    }
    let text = |value| std::str::from_utf8(value).map_err(|_| Unreadable::Malformed);
    found.map(text).transpose()
}

/// Names one of ours anywhere: whoever reads cookies otherwise, at a comma for example, must not find it either.
fn mentions_ours(text: &[u8]) -> bool {
    let is_at = |at: &[u8]| {
        OURS.iter()
            .any(|ours| at.get(..ours.len()).is_some_and(|it| it.eq_ignore_ascii_case(ours.as_bytes())))
    };
    // Nearly every cookie has nothing of the kind.
    text.iter()
        .enumerate()
        .any(|(index, byte)| matches!(byte, b'C' | b'c') && text.get(index..).is_some_and(is_at))
}

/// What looks like the session or its binding in a line that somebody has joined of several, by commas.
pub fn ours_in_joined(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let pairs = line.split(|b| matches!(*b, b';' | b',')).map(<[u8]>::trim_ascii);
    pairs.filter(|pair| [SESSION, BINDING].iter().any(|ours| name(pair) == ours.as_bytes()))
}

/// The lines without our cookies, as one; none: there are none of ours.
pub fn without_ours<'l, I: Iterator<Item = &'l [u8]>>(lines: impl Fn() -> I) -> Option<Vec<u8>> {
    if !lines().any(mentions_ours) {
        return None;
    }
    let pairs = lines().flat_map(split).map(<[u8]>::trim_ascii);
    let kept: Vec<&[u8]> = pairs.filter(|pair| !pair.is_empty() && !mentions_ours(pair)).collect();
    Some(kept.join(&b"; "[..]))
}

/// Takes our cookies out of what the application gets; its own stay as they are.
pub fn strip(headers: &mut HeaderMap) {
    let lines = || headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
    let Some(kept) = without_ours(lines) else { return };
    let kept = HeaderValue::from_bytes(&kept).ok().filter(|value| !value.is_empty());
    headers.remove(COOKIE);
    if let Some(value) = kept {
        headers.insert(COOKIE, value);
    }
}

/// The application's own cookies, on one line; none if it has none.
pub fn theirs(headers: &HeaderMap) -> Option<HeaderValue> {
    let kept: Vec<&[u8]> = pairs(headers).filter(|pair| !pair.is_empty() && !mentions_ours(pair)).collect();
    HeaderValue::from_bytes(&kept.join(&b"; "[..])).ok().filter(|value| !value.is_empty())
}

/// Takes our cookies out of what an application sets: it could give its visitors another one's session.
pub fn strip_answer(headers: &mut HeaderMap) {
    let is_ours = |line: &HeaderValue| {
        let pair = line.as_bytes().split(|b| *b == b';').next().unwrap_or_default();
        // A cookie without a name is sent back as its value alone, which could be a name and a value of ours.
        let begins = pair.iter().position(|b| *b != b'=' && !b.is_ascii_whitespace()).unwrap_or_default();
        let name = name(pair.get(begins..).unwrap_or_default());
        OURS.iter().any(|ours| ours.as_bytes() == name)
    };
    if !headers.get_all(SET_COOKIE).iter().any(is_ours) {
        return;
    }
    let kept: Vec<HeaderValue> =
        headers.get_all(SET_COOKIE).iter().filter(|line| !is_ours(line)).cloned().collect();
    headers.remove(SET_COOKIE);
    for line in kept {
        headers.append(SET_COOKIE, line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (COOKIE, HeaderValue::from_bytes(line.as_bytes()).unwrap())).collect()
    }

    #[test]
    fn lines_are_split_as_by_looking_at_each_byte() {
        for line in ["", ";", "a", "a;", ";a", "a;;b", "a; b=c ;d", ";;;"] {
            let by_byte: Vec<&[u8]> = line.as_bytes().split(|b| *b == b';').collect();
            assert_eq!(split(line.as_bytes()).collect::<Vec<_>>(), by_byte, "{line}");
        }
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
        assert_eq!(session(&headers(&["CF_Authorization"])), Err(Unreadable::Malformed));
        assert_eq!(session(&headers(&["a=1"])), Ok(None));
    }

    #[test]
    fn cookies_of_others_may_be_anything() {
        assert_eq!(session(&headers(&["a=\u{e9}; b; CF_Authorization=x"])), Ok(Some("x")));
    }

    #[test]
    fn applications_never_get_the_session() {
        for (lines, expected) in [
            (&["a=1; CF_Authorization=x; b=2", "CF_Binding=y; c=3"][..], "a=1; b=2; c=3"),
            (&["a=\u{e9}; CF_Authorization=x; flag"], "a=\u{e9}; flag"),
            (&["a=1, CF_Authorization=x; b=2"], "b=2"),
            (&["cf_authorization=x; CF_Authorization =y; b=2"], "b=2"),
            (&["a=1;b=2"], "a=1;b=2"),
        ] {
            let mut jar = headers(lines);
            strip(&mut jar);
            assert_eq!(jar.get(COOKIE).unwrap().as_bytes(), expected.as_bytes());
        }
        let mut jar = headers(&["CF_Authorization=x"]);
        strip(&mut jar);
        assert!(jar.is_empty());
    }

    #[test]
    fn applications_never_set_the_session() {
        let lines = [
            "a=1; Path=/",
            "CF_Authorization=x; Path=/",
            " CF_Binding = y",
            "=CF_Authorization=x",
            " = CF_AppSession",
            "b=CF_Authorization",
        ];
        let mut answer: HeaderMap =
            lines.iter().map(|line| (SET_COOKIE, HeaderValue::from_static(line))).collect();
        strip_answer(&mut answer);
        let left: Vec<_> = answer.get_all(SET_COOKIE).iter().map(|line| line.to_str().unwrap()).collect();
        assert_eq!(left, ["a=1; Path=/", "b=CF_Authorization"]);
    }
}

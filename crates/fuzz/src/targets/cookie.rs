//! Cookies in lines, with those of a request after `Cookie:` and those of an answer after `Set-Cookie:`.

use crate::input::{headers, lines};
use edge_gateway::request::cookie::{session, strip, strip_answer};
use http::header::{COOKIE, HeaderMap, SET_COOKIE};

const OURS: [&str; 3] = ["cf_authorization", "cf_binding", "cf_appsession"];

pub fn run(data: &[u8]) {
    let given = headers(data);
    check_session(&given);

    let mut stripped = given.clone();
    strip(&mut stripped);
    assert_eq!(others(&stripped, "cookie"), others(&given, "cookie"));
    let all: Vec<_> = stripped.get_all(COOKIE).iter().flat_map(|line| pairs(line.as_bytes())).collect();
    let kept = given.get_all(COOKIE).iter().flat_map(|line| pairs(line.as_bytes()));
    let kept: Vec<_> = kept.filter(|pair| !names_ours(pair)).collect();
    assert_eq!(all, kept, "ours are gone, and every other is as it was");
    assert_eq!(session(&stripped), Ok(None));

    let mut stripped = given.clone();
    strip_answer(&mut stripped);
    assert_eq!(others(&stripped, "set-cookie"), others(&given, "set-cookie"));
    let kept = given.get_all(SET_COOKIE).iter().filter(|line| !sets_ours(line.as_bytes()));
    assert!(stripped.get_all(SET_COOKIE).iter().eq(kept), "what a browser would keep as ours is gone");
}

fn check_session(given: &HeaderMap) {
    let all = given.get_all(COOKIE).iter().flat_map(|line| pairs(line.as_bytes()));
    let values = all.filter_map(|pair| {
        let text = pair.split(|b| *b == b'=').next()?.trim_ascii();
        (text == b"CF_Authorization")
            .then(|| pair.iter().position(|b| *b == b'=').map(|at| pair[at + 1..].to_vec()))
    });
    let values: Vec<Option<Vec<u8>>> = values.collect();
    match session(given) {
        Ok(None) => assert!(values.is_empty()),
        Ok(Some(token)) => {
            assert!(!values.is_empty());
            assert!(values.iter().all(|value| value.as_deref() == Some(token.as_bytes())), "one of several");
        }
        Err(_) => assert!(!values.is_empty()),
    }
}

fn pairs(line: &[u8]) -> Vec<Vec<u8>> {
    let pairs = line.split(|b| *b == b';').map(|pair| pair.trim_ascii().to_vec());
    pairs.filter(|pair| !pair.is_empty()).collect()
}

fn names_ours(pair: &[u8]) -> bool {
    let pair = pair.to_ascii_lowercase();
    OURS.iter().any(|ours| pair.windows(ours.len()).any(|at| at == ours.as_bytes()))
}

/// RFC 6265bis: a cookie without a name is sent back as its value alone, which may look like a name and a value.
fn sets_ours(line: &[u8]) -> bool {
    let pair = line.split(|b| *b == b';').next().unwrap();
    let (name, value) = match pair.iter().position(|b| *b == b'=') {
        Some(at) => (pair[..at].trim_ascii(), pair[at + 1..].trim_ascii()),
        None => (&b""[..], pair.trim_ascii()),
    };
    let sent = if name.is_empty() { value.to_vec() } else { [name, b"=", value].concat() };
    let begins = sent.iter().position(|b| !matches!(b, b'=' | b' ' | b'\t')).unwrap_or_default();
    let name = sent[begins..].split(|b| *b == b'=').next().unwrap().trim_ascii();
    ["CF_Authorization", "CF_Binding", "CF_AppSession"].iter().any(|ours| ours.as_bytes() == name)
}

fn others(headers: &HeaderMap, name: &str) -> Vec<(String, Vec<u8>)> {
    let mut others = lines(headers);
    others.retain(|(header, _)| header != name);
    others.sort();
    others
}

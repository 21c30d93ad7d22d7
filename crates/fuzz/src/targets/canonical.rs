//! `<target>\n<Host>`: one form of host and path, which everybody reads in one way.

use crate::input::split_line;
use crate::model::path;
use edge_gateway::request::canonical::{Target, target};
use http::header::{HOST, HeaderMap, HeaderValue};
use http::{StatusCode, Uri};
use policy::DomainPattern;

pub fn run(data: &[u8]) {
    let (line, host) = split_line(data);
    let Ok(uri) = Uri::try_from(line) else { return };
    let mut headers = HeaderMap::new();
    for line in host.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        headers.extend(HeaderValue::from_bytes(line).ok().map(|value| (HOST, value)));
    }
    match target(&uri, &headers) {
        Ok(target) => check(&target, uri.path()),
        Err(refusal) => assert_eq!(refusal.status, StatusCode::BAD_REQUEST),
    }
}

fn check(judged: &Target<'_>, raw: &str) {
    let again = again(judged, &judged.path).expect("what is forwarded is read again");
    assert_eq!((&*again.0, &*again.1), (judged.authority().as_str(), &*judged.path), "idempotent");
    assert_eq!(again.2, judged.loose_path);

    // P15: whoever reads what is forwarded reads what was judged, in whatever order.
    let reading = path::decoded_then_resolved(raw);
    assert_eq!(path::decoded_then_resolved(&judged.path), reading, "decoded, resolved");
    assert_eq!(path::resolved_then_decoded(&judged.path), reading, "resolved, decoded");
    assert_eq!(path::only_decoded(&judged.path), reading, "only decoded");
    let loose = judged.loose_path.as_deref().unwrap_or(&judged.path);
    assert_eq!(path::only_decoded(loose), path::loosely(&reading), "as file systems of Windows do");

    // P5: who writes the same path otherwise is judged in the same place.
    let encoded = self::again(judged, &path::encode_all(&reading));
    if reading.iter().flatten().any(|b| matches!(b, b'/' | b'\\' | b';')) {
        assert!(encoded.is_none());
    } else {
        let (_, path, other) = encoded.expect("another spelling is read");
        assert_eq!(other.as_deref().unwrap_or(&path), loose, "one form for all spellings");
    }

    // What can be said of the path in a pattern covers it.
    if let Ok(pattern) = DomainPattern::parse(&format!("{}{loose}", judged.host))
        && !loose.contains('*')
    {
        assert!(pattern.matches(&judged.host, loose), "{pattern} covers {loose}");
    }
}

type Reading = (String, String, Option<String>);

fn again(judged: &Target<'_>, path: &str) -> Option<Reading> {
    let uri = Uri::try_from(path).ok()?;
    let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_str(&judged.authority()).unwrap())]);
    let read = target(&uri, &headers).ok()?;
    Some((read.authority(), read.path.into_owned(), read.loose_path))
}

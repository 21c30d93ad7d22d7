//! What Envoy asks, encoded: read as generated code reads it, and judged as our own proxy would judge it.

use bytes::Bytes;
use edge_gateway::fuzzing::{Said, check_request};
use edge_gateway::request::credential::{Credential, find};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use prost::Message as _;
use proto::ext_authz::CheckRequest;

pub fn run(data: &[u8]) {
    let Some(said) = check_request(&Bytes::copy_from_slice(data)) else { return };
    // Generated code also refuses text that is not UTF-8 where nothing is looked at here.
    if let Ok(question) = CheckRequest::decode(data) {
        compare(&said, question);
    }
    match &said.judged {
        Ok(looked_at) if !said.is_joined => check_credential(&said, looked_at),
        Ok(_) => {}
        Err(refusal) => assert!(refusal.status.is_client_error()),
    }
}

fn compare(said: &Said, question: CheckRequest) {
    let attributes = question.attributes.unwrap();
    assert_eq!(said.application.as_deref(), attributes.context_extensions.get("app_aud").map(String::as_str));
    let http = attributes.request.unwrap().http.unwrap();
    assert_eq!(
        (&said.method, &said.target, &said.host, &said.scheme),
        (&http.method, &http.path, &http.host, &http.scheme)
    );
    assert_eq!(said.is_joined, http.header_map.is_none());
    match http.header_map {
        Some(map) => {
            let lines = map.headers.into_iter().map(|line| {
                let value = if line.raw_value.is_empty() { line.value.into_bytes() } else { line.raw_value };
                (line.key, value)
            });
            assert_eq!(said.headers, lines.collect::<Vec<_>>());
        }
        // A map has one of each name, the last; a line that is lost so is only judged more strictly here.
        None => {
            for (name, value) in http.headers {
                let last = said.headers.iter().rfind(|(given, _)| *given == name).unwrap();
                assert_eq!(last.1, value.into_bytes());
            }
        }
    }
}

/// The credential is the one of all the headers, and so is a refusal.
fn check_credential(said: &Said, looked_at: &HeaderMap) {
    let mut all = HeaderMap::new();
    for (name, value) in said.headers.iter().filter(|(name, _)| !name.starts_with(':')) {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_bytes(value);
        if let (Ok(name), Ok(value)) = (name, value) {
            all.append(name, value);
        }
    }
    assert_eq!(outcome(looked_at), outcome(&all));
}

fn outcome(headers: &HeaderMap) -> String {
    match find(headers, None) {
        Ok(Credential::None) => String::new(),
        Ok(Credential::Session(token)) => token.to_owned(),
        Ok(Credential::Pair(pair)) => format!("{} {}", pair.client_id, pair.client_secret),
        Err(refusal) => refusal.reason.into_owned(),
    }
}

//! What is read and written by hand, against generated code.

use super::check::Check;
use super::wire::{Fields, Malformed, Writer};
use super::{answer, too_long};
use crate::refusal::Refusal;
use proptest::prelude::*;
use prost::Message as _;
use proto::ext_authz as envoy;
use std::collections::{BTreeMap, HashMap};

fn request(http: envoy::attribute_context::HttpRequest) -> envoy::CheckRequest {
    let attributes = envoy::AttributeContext {
        request: Some(envoy::attribute_context::Request { http: Some(http) }),
        ..envoy::AttributeContext::default()
    };
    envoy::CheckRequest { attributes: Some(attributes) }
}

fn headers(check: &Check<'_>) -> BTreeMap<String, Vec<u8>> {
    check.headers.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect()
}

proptest! {
    #[test]
    fn what_generated_code_writes_is_read_as_it_was_meant(
        method in ".{0,10}", path in ".{0,300}", host in ".{0,20}", scheme in ".{0,6}", aud in proptest::option::of(".{0,70}"),
        lines in proptest::collection::btree_map("[a-z-]{0,20}", ".{0,200}", 0..20),
    ) {
        let mut asked = request(envoy::attribute_context::HttpRequest {
            method: method.clone(), path: path.clone(), host: host.clone(), scheme: scheme.clone(),
            headers: lines.clone().into_iter().collect(),
            header_map: None,
        });
        if let Some(attributes) = &mut asked.attributes {
            attributes.context_extensions = aud.clone().map(|aud| ("app_aud".to_owned(), aud)).into_iter().collect();
        }
        let bytes = asked.encode_to_vec();
        let check = Check::read(&bytes).unwrap();
        prop_assert_eq!((check.method, check.target, check.host, check.scheme), (&*method, &*path, &*host, &*scheme));
        prop_assert_eq!(check.application, aud.as_deref());
        let lines: BTreeMap<_, _> = lines.into_iter().map(|(name, value)| (name, value.into_bytes())).collect();
        prop_assert_eq!(headers(&check), lines);
    }

    #[test]
    fn no_bytes_end_the_gateway(
        at in 0..400_usize, byte: u8, lines in proptest::collection::hash_map("[a-z]{0,9}", ".{0,40}", 0..8),
    ) {
        let mut bytes = request(envoy::attribute_context::HttpRequest { headers: lines, ..Default::default() }).encode_to_vec();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(check) = Check::read(&bytes) {
            prop_assert!(check.headers.iter().all(|(name, value)| name.len() + value.len() <= bytes.len()));
        }
    }

    #[test]
    fn a_message_that_is_cut_short_is_never_another_request(cut in 0..400_usize) {
        let lines = HashMap::from([("cf-access-token".to_owned(), "x".repeat(300))]);
        let bytes = request(envoy::attribute_context::HttpRequest { headers: lines, ..Default::default() }).encode_to_vec();
        prop_assert!(cut >= bytes.len() || Check::read(&bytes[..cut]).is_err());
    }

    #[test]
    fn what_is_written_is_read_by_generated_code(sizes in proptest::collection::vec(0..40_000_usize, 0..5), number: u32) {
        let mut writer = Writer::with_capacity(0);
        writer.message(2, |denied| {
            denied.message(1, |status| status.number(1, number));
            for size in &sizes {
                denied.message(2, |option| option.message(1, |header| {
                    header.bytes(1, b"name");
                    header.text(2, "x".repeat(*size));
                }));
            }
        });
        let written = envoy::CheckResponse::decode(&*writer.into_bytes()).unwrap();
        let Some(envoy::check_response::HttpResponse::DeniedResponse(denied)) = written.http_response else {
            return Err(TestCaseError::fail("another answer"));
        };
        prop_assert_eq!(denied.status.unwrap().code.cast_unsigned(), number);
        let read: Vec<_> = denied.headers.iter().map(|it| it.header.as_ref().unwrap().value.len()).collect();
        prop_assert_eq!(read, sizes);
    }
}

#[test]
fn lines_as_bytes_count_alone_and_in_their_order() {
    let line = |value: &[u8]| envoy::HeaderValue {
        key: "cookie".into(),
        raw_value: value.to_vec(),
        value: String::new(),
    };
    let bytes = request(envoy::attribute_context::HttpRequest {
        headers: HashMap::from([("cookie".to_owned(), "joined".to_owned())]),
        header_map: Some(envoy::HeaderMap { headers: vec![line(b"a"), line(b"\xff"), line(b"b")] }),
        ..Default::default()
    })
    .encode_to_vec();
    let check = Check::read(&bytes).unwrap();
    assert!(!check.is_joined);
    assert_eq!(check.headers.iter().map(|(_, value)| *value).collect::<Vec<_>>(), [&b"a"[..], b"\xff", b"b"]);
}

#[test]
fn what_comes_twice_where_there_is_one_is_malformed() {
    let http = |path: &str| envoy::attribute_context::HttpRequest { path: path.into(), ..Default::default() };
    let twice = [request(http("/public")).encode_to_vec(), request(http("/admin")).encode_to_vec()].concat();
    assert!(envoy::CheckRequest::decode(&*twice).is_ok());
    assert_eq!(Check::read(&twice).err(), Some(Malformed));
}

#[test]
fn a_question_without_a_request_is_malformed() {
    for asked in [
        envoy::CheckRequest::default(),
        envoy::CheckRequest { attributes: Some(envoy::AttributeContext::default()) },
    ] {
        assert_eq!(Check::read(&asked.encode_to_vec()).err(), Some(Malformed));
    }
    let text =
        request(envoy::attribute_context::HttpRequest { path: "/\u{e9}".into(), ..Default::default() });
    let mut bytes = text.encode_to_vec();
    *bytes.last_mut().unwrap() = b'\xff';
    assert_eq!(Check::read(&bytes).err(), Some(Malformed));
}

#[test]
fn numbers_that_have_no_end_are_malformed() {
    for bytes in [&[0x08, 0xff][..], &[0xff; 11], &[0x0a, 0x02, 0x00], &[0x00], &[0x0b], &[0x0d, 1, 2]] {
        assert!(Fields(bytes).any(|field| field == Err(Malformed)), "{bytes:?}");
    }
}

#[test]
fn no_refusal_is_an_allow() {
    for refusal in [
        Refusal::bad_request("A", "b"),
        Refusal::unauthenticated("A", "b"),
        Refusal::denied("A", "b"),
        Refusal::not_found("A", "b"),
        Refusal::unavailable("b"),
        too_long(),
    ] {
        let answer =
            envoy::CheckResponse::decode(&*answer::denied(&refusal, None, None, None, None)).unwrap();
        assert_ne!(answer.status.unwrap().code, 0);
        let Some(envoy::check_response::HttpResponse::DeniedResponse(denied)) = answer.http_response else {
            panic!("no denied response")
        };
        assert_eq!(denied.status.unwrap().code, i32::from(refusal.status.as_u16()));
    }
}

//! `<single header, or nothing>\n<headers in lines>`: one credential, whole, or none.

use crate::input::{headers, split_line};
use edge_gateway::request::cookie;
use edge_gateway::request::credential::{Credential, find, strip_single};
use edge_gateway::request::headers::strip_ours;
use http::StatusCode;
use http::header::{HeaderMap, HeaderName};
use model::{ClientId, ClientSecret};

pub fn run(data: &[u8]) {
    let (single, rest) = split_line(data);
    let single = HeaderName::from_bytes(single).ok();
    let given = headers(rest);
    let count = |name: &str| given.get_all(name).iter().count();
    let (ids, secrets, tokens) =
        (count("cf-access-client-id"), count("cf-access-client-secret"), count("cf-access-token"));
    match find(&given, single.as_ref()) {
        Ok(Credential::Pair(pair)) => {
            assert!(ClientId::parse(&pair.client_id).is_some());
            assert!(ClientSecret::parse(&pair.client_secret).is_ok());
            match (ids, secrets) {
                (1, 1) => {
                    assert_eq!(given["cf-access-client-id"], *pair.client_id);
                    assert_eq!(given["cf-access-client-secret"], *pair.client_secret);
                }
                (0, 0) => {
                    check_single(&given, single.as_ref().unwrap(), &pair.client_id, &pair.client_secret);
                }
                _ => unreachable!("half a pair, or more than one"),
            }
        }
        Ok(Credential::Session(token)) => {
            assert!(ids == 0 && secrets == 0 && tokens <= 1, "nothing else is there");
            match tokens {
                1 => assert_eq!(given["cf-access-token"], token),
                _ => assert_eq!(cookie::session(&given), Ok(Some(token))),
            }
        }
        Ok(Credential::None) => {
            assert!(ids == 0 && secrets == 0 && tokens == 0, "H3: half of one is refused");
        }
        Err(refusal) => assert_eq!(refusal.status, StatusCode::UNAUTHORIZED),
    }

    // H6: what goes on to the application carries nothing that could be presented again.
    let mut forwarded = given.clone();
    if let Some(single) = &single {
        strip_single(&mut forwarded, single);
    }
    strip_ours(&mut forwarded);
    cookie::strip(&mut forwarded);
    assert!(matches!(find(&forwarded, single.as_ref()), Ok(Credential::None)), "{forwarded:?}");
}

fn check_single(given: &HeaderMap, name: &HeaderName, id: &str, secret: &str) {
    let mut lines = given.get_all(name).iter();
    let text = lines.next().unwrap().to_str().unwrap();
    assert!(lines.next().is_none(), "one header");
    let both: serde_json::Value = serde_json::from_str(text).unwrap();
    assert_eq!(
        (both["cf-access-client-id"].as_str(), both["cf-access-client-secret"].as_str()),
        (Some(id), Some(secret))
    );
}

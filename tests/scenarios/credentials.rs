//! Items 1 and 2: nothing without a credential; with the pair, the application's own answer.

use crate::worlds::{Scenario, scenarios};
use harness::http::Call;
use harness::upstream::Seen;
use harness::{App, Token, World, jwt, policy, service_auth};
use http::Method;
use serde_json::{Value, json};

pub fn all() -> Vec<Scenario> {
    scenarios![Shared:
        without_a_credential_nothing_passes,
        the_pair_gets_the_applications_own_answer,
        the_upstreams_status_is_kept,
        the_session_cookie_is_scoped_as_the_application_says,
        the_upstream_sees_an_assertion_and_no_credential,
        no_claimed_identity_reaches_the_upstream_in_any_spelling,
        the_connection_header_takes_nothing_of_ours_out,
        broken_credentials_are_refused_and_nothing_else_is_tried,
        an_unknown_client_id_and_a_wrong_secret_answer_alike,
        both_may_come_in_one_header,
    ]
}

async fn without_a_credential_nothing_passes(world: &World) {
    let (app, _) = world.opened().await;
    for gateway in &world.gateways {
        let reply = gateway.get(&app.domain).send().await;
        assert_eq!(reply.refused(401), "CREDENTIAL_MISSING");
        assert_eq!(reply.header("cf-access-aud"), Some(app.aud.as_str()));
        assert_eq!(reply.header("cf-access-domain"), Some(app.domain.as_str()));
        assert!(reply.header("www-authenticate").is_some(), "{reply:?}");
        assert!(reply.header("cache-control").unwrap().contains("no-store"), "{reply:?}");
    }
    assert!(world.upstream().requests_to(&app.domain).is_empty());
}

async fn the_pair_gets_the_applications_own_answer(world: &World) {
    let (app, token) = world.opened().await;
    for gateway in &world.gateways {
        let call = gateway.call(Method::POST, &app.domain, "/a%20b/c?x=1&y=%2F").pair(&token);
        let reply = call.header("x-own", "kept").body("the body").send().await;
        let seen = reply.admitted();
        assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/a%20b/c?x=1&y=%2F"));
        assert_eq!((seen.body.as_str(), seen.header("x-own")), ("the body", Some("kept")));
        assert_eq!(seen.header("host"), Some(app.domain.as_str()));
        let session = reply.cookie().unwrap();
        assert_eq!(jwt::claims(&session)["aud"], json!([app.aud]));
        world.secrets.note_session(&session);
    }
}

async fn the_upstreams_status_is_kept(world: &World) {
    let (app, token) = world.opened().await;
    for status in [204, 404, 418, 500] {
        let path = format!("/?status={status}");
        let reply = world.gateway().call(Method::GET, &app.domain, &path).pair(&token).send().await;
        assert!(reply.status == status && reply.is_from_upstream(), "{reply:?}");
    }
}

async fn the_session_cookie_is_scoped_as_the_application_says(world: &World) {
    let (plain, token) = world.opened().await;
    let reply = world.gateway().get(&plain.domain).pair(&token).send().await;
    let line = reply.cookie_line().unwrap().to_ascii_lowercase();
    assert!(line.contains("; path=/;") && line.contains("; httponly"), "{line}");
    assert!(!line.contains("domain=") && !line.contains("samesite"), "{line}");

    let host = world.unique_host();
    let fields = json!({
        "domain": format!("{host}/area"), "http_only_cookie_attribute": false,
        "same_site_cookie_attribute": "strict", "path_cookie_attribute": true,
    });
    let (_, token) = world.opened_with(fields).await;
    let reply = world.gateway().call(Method::GET, &host, "/area/x").pair(&token).send().await;
    let line = reply.cookie_line().unwrap().to_ascii_lowercase();
    assert!(line.contains("; path=/area;") && line.contains("; samesite=strict"), "{line}");
    assert!(!line.contains("httponly"), "{line}");
}

async fn the_upstream_sees_an_assertion_and_no_credential(world: &World) {
    let (app, token) = world.opened().await;
    let session = world.gateway().session(&app, &token).await;
    let get = || world.gateway().get(&app.domain);
    let own = "theme=dark; lang=pt";
    let with_cookie = get().header("cookie", &format!("theme=dark; CF_Authorization={session}; lang=pt"));
    for (call, cookie) in
        [(get().pair(&token), None), (with_cookie, Some(own)), (get().session(&session), None)]
    {
        let seen = call.send().await.admitted();
        expect_assertion(world, &seen, &app, &token);
        expect_no_credential(&seen, &token);
        assert_eq!(seen.header("cookie"), cookie, "{seen:?}");
    }
}

fn expect_assertion(world: &World, seen: &Seen, app: &App, token: &Token) {
    let assertion = seen.header("cf-access-jwt-assertion").unwrap();
    world.secrets.note_session(assertion);
    let claims = jwt::claims(assertion);
    assert_eq!((&claims["aud"], &claims["common_name"]), (&json!([app.aud]), &json!(token.client_id)));
}

/// Nothing in any header or value, whatever its name.
fn expect_no_credential(seen: &Seen, token: &Token) {
    for (name, value) in &seen.headers {
        assert!(!value.contains(&token.client_secret), "{name} shows the secret");
        assert!(
            !["cf-access-client-id", "cf-access-client-secret", "cf-access-token"].contains(&name.as_str()),
            "{name}"
        );
        assert!(!value.contains("CF_Authorization"), "{name} shows the session cookie");
    }
}

const CLAIMED: [&str; 14] = [
    "Cf-Access-Jwt-Assertion",
    "cf_access_jwt_assertion",
    "CF_ACCESS_JWT_ASSERTION",
    "cf.access.jwt.assertion",
    "Cf-Access-Authenticated-User-Email",
    "Cf_Access_Authenticated_User_Email",
    "Cf-Access-User",
    "CF_Access_Client_Secret",
    "Cf-Client-Cert-Der-Base64",
    "Cf_Client_Cert_Sha256",
    "X-Original-URL",
    "X_Forwarded_For",
    "X-Real-IP",
    "Forwarded",
];

async fn no_claimed_identity_reaches_the_upstream_in_any_spelling(world: &World) {
    let (app, token) = world.opened().await;
    let open = world.app(&[policy("bypass", &json!([{"everyone": {}}]))]).await;
    let claim = |call: Call| CLAIMED.iter().fold(call, |call, name| call.header(name, "admin@victim.test"));
    for gateway in &world.gateways {
        let seen = claim(gateway.get(&app.domain).pair(&token)).send().await.admitted();
        expect_assertion(world, &seen, &app, &token);
        let bypassed = claim(gateway.get(&open.domain)).send().await.admitted();
        assert!(!bypassed.names().contains(&"cf-access-jwt-assertion"), "{bypassed:?}");
        for seen in [seen, bypassed] {
            assert!(!seen.headers.iter().any(|(_, value)| value.contains("victim")), "{seen:?}");
        }
    }
}

async fn the_connection_header_takes_nothing_of_ours_out(world: &World) {
    let (app, token) = world.opened().await;
    let call = world.gateway().get(&app.domain).pair(&token);
    let call =
        call.header("connection", "Cf-Access-Jwt-Assertion, x-forwarded-for").header("connection", "Host");
    expect_assertion(world, &call.send().await.admitted(), &app, &token);
}

async fn broken_credentials_are_refused_and_nothing_else_is_tried(world: &World) {
    let (app, token) = world.opened().await;
    let session = world.gateway().session(&app, &token).await;
    let before = world.upstream().requests_to(&app.domain).len();
    let (id, secret) = (token.client_id.as_str(), token.client_secret.as_str());
    let bad_checksum = format!("{}{}", &secret[..52], if secret.ends_with('0') { '1' } else { '0' });
    let (long, other_long) = (format!("{}a", "x".repeat(199)), format!("{}b", "x".repeat(199)));
    let (both, twice) = (format!("{id},{id}"), format!("{secret},{secret}"));
    for (ids, secrets, reason) in [
        (vec![id], vec![], "CREDENTIAL_INCOMPLETE"),
        (vec![], vec![secret], "CREDENTIAL_INCOMPLETE"),
        (vec![id, id], vec![secret], "CREDENTIAL_AMBIGUOUS"),
        (vec![id], vec![secret, secret], "CREDENTIAL_AMBIGUOUS"),
        (vec![both.as_str()], vec![secret], "CREDENTIAL_MALFORMED"),
        (vec![id], vec![twice.as_str()], "TOKEN_SECRET_MALFORMED"),
        (vec![""], vec![secret], "CREDENTIAL_MALFORMED"),
        (vec![id], vec![""], "CREDENTIAL_MALFORMED"),
        (vec!["é"], vec![secret], "CREDENTIAL_MALFORMED"),
        (vec![id], vec![bad_checksum.as_str()], "TOKEN_SECRET_MALFORMED"),
        (vec![id], vec![long.as_str()], "TOKEN_SECRET_MALFORMED"),
        (vec![id], vec![other_long.as_str()], "TOKEN_SECRET_MALFORMED"),
    ] {
        // A good session beside it changes nothing.
        for cookie in [None, Some(&session)] {
            let call = cookie
                .into_iter()
                .fold(world.gateway().get(&app.domain), |call, session| call.cookie(session));
            let call = ids.iter().fold(call, |call, id| call.header("cf-access-client-id", id));
            let call =
                secrets.iter().fold(call, |call, secret| call.header("cf-access-client-secret", secret));
            let reply = call.send().await;
            assert_eq!(reply.refused(401), reason, "{ids:?} {secrets:?}");
            assert!(!reply.text().contains(secret), "{reply:?}");
        }
    }
    assert_eq!(world.upstream().requests_to(&app.domain).len(), before);
}

async fn an_unknown_client_id_and_a_wrong_secret_answer_alike(world: &World) {
    let ((app, token), other) = (world.opened().await, world.token().await);
    let unknown = Token { client_id: format!("{}.access", "0f".repeat(16)), ..token.clone() };
    // Refused by policy only after it was authenticated: the secret of another token is a wrong one.
    let wrong = token.with_secret(&other.client_secret);
    let imported = token.with_secret(&"a1".repeat(32));
    for gateway in &world.gateways {
        let mut answers = Vec::new();
        for presented in [&unknown, &wrong, &imported] {
            let reply = gateway.get(&app.domain).pair(presented).send().await;
            assert_eq!(reply.refused(401), "TOKEN_UNKNOWN");
            answers.push(reply.body);
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "{answers:?}");
        gateway.get(&app.domain).pair(&token).send().await.admitted();
    }
}

async fn both_may_come_in_one_header(world: &World) {
    let token = world.token().await;
    let fields =
        json!({"read_service_tokens_from_header": "Authorization", "policies": [service_auth(&[&token])]});
    let app = world.app_with(fields).await;
    let get = || world.gateway().get(&app.domain);
    let both = |keys: [&str; 2]| {
        let members = [(keys[0], &token.client_id), (keys[1], &token.client_secret)];
        Value::Object(members.map(|(key, value)| (key.to_owned(), json!(value))).into_iter().collect())
            .to_string()
    };
    let value = both(["cf-access-client-id", "cf-access-client-secret"]);
    let seen = get().header("authorization", &value).send().await.admitted();
    expect_no_credential(&seen, &token);
    expect_assertion(world, &seen, &app, &token);

    let upper = both(["CF-Access-Client-Id", "CF-Access-Client-Secret"]);
    assert_eq!(get().header("authorization", &upper).send().await.refused(401), "CREDENTIAL_MALFORMED");
    let two_styles = get().header("authorization", &value).pair(&token).send().await;
    assert_eq!(two_styles.refused(401), "CREDENTIAL_AMBIGUOUS");
    // The application's own use of the header is left alone.
    let own = get().pair(&token).header("authorization", "Bearer own").send().await.admitted();
    assert_eq!(own.header("authorization"), Some("Bearer own"));
    let elsewhere = world.opened().await.0;
    let reply = world.gateway().get(&elsewhere.domain).header("authorization", &value).send().await;
    assert_eq!(reply.refused(401), "CREDENTIAL_MISSING");
}

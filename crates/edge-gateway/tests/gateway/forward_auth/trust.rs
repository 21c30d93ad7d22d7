//! Who may ask, and which headers count.

use super::{ALL, Asker, Dialect, only, outcome};
use crate::world::{Beginning, World};

/// What each dialect is told by, but for the client's address.
const HEADERS: [(Dialect, &[&str]); 2] = [
    (Dialect::AuthRequest, &["X-Original-Method", "X-Original-URL"]),
    (Dialect::Forwarded, &["X-Forwarded-Method", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Uri"]),
];

/// Every header of every dialect, as a client sends them that wants something else to be decided.
const FOREIGN: [&str; 9] = [
    "X-Original-Method: OPTIONS",
    "X-Original-URL: http://open.localhost/",
    "X-Original-URI: /open",
    "X-Rewrite-URL: /open",
    "X-Forwarded-Method: OPTIONS",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: open.localhost",
    "X-Forwarded-Uri: /open",
    "X-Forwarded-Prefix: /open",
];

#[tokio::test]
async fn p13_a_peer_that_is_not_listed_may_not_ask() {
    // That `edge_gateway.trusted_proxies` lists this machine does not matter.
    let world = World::begin(Beginning { askers: Vec::new(), ..Beginning::default() }).await;
    world.until_ready().await;
    world.protect().await;
    for dialect in ALL {
        let answer = world.asker().await.ask(dialect, "open.localhost", "/", "").await;
        assert_eq!(outcome(&answer), (403, "PROXY_NOT_TRUSTED"), "{dialect:?}");
        let says = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(says.contains("edge_gateway.forward_auth.trusted_proxies"), "{says}");
    }
}

#[tokio::test]
async fn p13_another_dialects_headers_say_nothing() {
    let world = World::open().await;
    let pair = world.token().await;
    for dialect in ALL {
        let own: Vec<_> = dialect.lines("GET", "app.localhost", "/admin");
        let is_own = |line: &&&str| {
            let name = line.split(':').next().unwrap();
            own.iter().any(|own| own.split(':').next().unwrap() == name)
        };
        let foreign: Vec<_> = FOREIGN.into_iter().filter(|line| !is_own(&line)).collect();
        let foreign = foreign.join("\r\n") + "\r\n";
        let mut asker = world.asker().await;
        let answer = asker.ask(dialect, "app.localhost", "/admin", &(foreign.clone() + &pair.lines())).await;
        assert_eq!(outcome(&answer), (403, "POLICY_NO_MATCH"), "{dialect:?}");
        let answer = asker.ask(dialect, "app.localhost", "/", &foreign).await;
        assert_eq!(outcome(&answer), (401, "CREDENTIAL_MISSING"), "{dialect:?}");
        // Nor do they stand in for its own.
        if dialect != Dialect::ExtAuthz {
            let request = format!(
                "GET {} HTTP/1.1\r\nHost: open.localhost\r\nX-Forwarded-For: 203.0.113.9\r\n{foreign}\r\n",
                dialect.endpoint("/")
            );
            assert_eq!(outcome(&asker.raw(request).await), (400, "PROXY_HEADER_MISSING"), "{dialect:?}");
        }
    }
}

async fn with(asker: &mut Asker, dialect: Dialect, lines: &[String]) -> crate::client::Answer {
    asker.raw(format!("GET {} HTTP/1.1\r\n{}\r\n\r\n", dialect.endpoint("/"), lines.join("\r\n"))).await
}

#[tokio::test]
async fn a_header_that_the_proxy_must_set_is_there_once_and_readable_or_its_operator_is_told() {
    let world = World::open().await;
    let mut asker = world.asker().await;
    for (dialect, headers) in HEADERS {
        let lines = dialect.lines("GET", "open.localhost", "/");
        assert_eq!(with(&mut asker, dialect, &lines).await.status, 200);
        for name in headers {
            let at = lines.iter().position(|line| line.starts_with(&format!("{name}: "))).unwrap();
            let changed = |line: Option<&str>, more: Option<&str>| {
                let mut lines = lines.clone();
                match line {
                    Some(line) => lines[at] = line.to_owned(),
                    None => drop(lines.remove(at)),
                }
                lines.extend(more.map(ToOwned::to_owned));
                lines
            };
            for (lines, reason) in [
                (changed(None, None), "PROXY_HEADER_MISSING"),
                (changed(Some(&format!("{}: GET", name.replace('-', "_"))), None), "PROXY_HEADER_MISSING"),
                (changed(Some(&lines[at]), Some(&lines[at])), "PROXY_HEADER_AMBIGUOUS"),
                (changed(Some(&lines[at]), Some(&format!("{name}: other"))), "PROXY_HEADER_AMBIGUOUS"),
            ] {
                let answer = with(&mut asker, dialect, &lines).await;
                assert_eq!(outcome(&answer), (400, reason), "{lines:?}");
                let says = String::from_utf8_lossy(&answer.body).into_owned();
                assert!(says.contains(&name.to_ascii_lowercase()) && says.contains("It is set so"), "{says}");
            }
            let empty = with(&mut asker, dialect, &changed(Some(&format!("{name}:")), None)).await;
            assert_eq!(empty.status, 400, "{name}: {empty:?}");
        }
    }
    for (dialect, lines) in [
        (Dialect::AuthRequest, ["X-Original-URL: /a", "X-Original-Method: GET"]),
        (Dialect::AuthRequest, ["X-Original-URL: open.localhost/a", "X-Original-Method: GET"]),
        (Dialect::AuthRequest, ["X-Original-URL: ftp://open.localhost/", "X-Original-Method: GET"]),
        (Dialect::AuthRequest, ["X-Original-URL: http://open.localhost/", "X-Original-Method: G T"]),
    ] {
        let mut lines = lines.map(ToOwned::to_owned).to_vec();
        lines.extend(["Host: x".to_owned(), "X-Forwarded-For: 203.0.113.9".to_owned()]);
        assert_eq!(
            outcome(&with(&mut asker, dialect, &lines).await),
            (400, "PROXY_HEADER_MALFORMED"),
            "{lines:?}"
        );
    }
    let lines = Dialect::Forwarded.lines("GET", "open.localhost", "/");
    let lines: Vec<_> = lines.iter().map(|line| line.replace("Proto: https", "Proto: gopher")).collect();
    assert_eq!(with(&mut asker, Dialect::Forwarded, &lines).await.reason(), "PROXY_HEADER_MALFORMED");
}

#[tokio::test]
async fn h11_the_clients_address_is_what_the_proxy_says_and_never_the_proxys_own() {
    let world = World::open().await;
    let mut asker = world.asker().await;
    for dialect in ALL {
        for (forwarded, expected) in [
            (Some("127.0.0.1"), (200, "-")),
            (Some("::ffff:127.0.0.1"), (200, "-")),
            (Some("203.0.113.9"), (401, "CREDENTIAL_MISSING")),
            (Some("127.0.0.1, 203.0.113.9"), (401, "CREDENTIAL_MISSING")),
            (Some("203.0.113.9, 127.0.0.1"), (401, "CREDENTIAL_MISSING")),
            (Some("nonsense"), (400, "PROXY_HEADER_MALFORMED")),
            (Some(""), (400, "PROXY_HEADER_MALFORMED")),
            (None, (400, "PROXY_HEADER_MISSING")),
        ] {
            let mut lines = dialect.lines("GET", "inside.localhost", "/");
            lines.pop();
            lines.extend(forwarded.map(|it| format!("X-Forwarded-For: {it}")));
            let answer = with(&mut asker, dialect, &lines).await;
            assert_eq!(outcome(&answer), expected, "{dialect:?} {forwarded:?}");
        }
        // The country stands in the header that was named for proxies that ask, and in no other.
        for (lines, expected) in [
            ("X-Country: PT\r\n", (200, "-")),
            ("X-Country: NO\r\nCF-IPCountry: PT\r\n", (401, "CREDENTIAL_MISSING")),
            ("X-Country: PT\r\nCF-IPCountry: NO\r\n", (200, "-")),
            ("X-Country: PT\r\nX-Country: NO\r\n", (dialect.or_403(400), "COUNTRY_AMBIGUOUS")),
        ] {
            let answer = asker.ask(dialect, "country.localhost", "/", lines).await;
            assert_eq!(outcome(&answer), expected, "{dialect:?}");
        }
    }
}

#[tokio::test]
async fn h2_credentials_are_read_as_strictly_as_from_a_client() {
    let world = World::open().await;
    let pair = world.token().await;
    let (id, secret) = (&pair.token.client_id, &pair.secret);
    for dialect in ALL {
        let mut asker = world.asker().await;
        for (lines, reason) in [
            (pair.lines() + &format!("CF-Access-Client-Id: {id}\r\n"), "CREDENTIAL_AMBIGUOUS"),
            (
                format!("CF-Access-Client-Id: {id},{id}\r\nCF-Access-Client-Secret: {secret}\r\n"),
                "CREDENTIAL_MALFORMED",
            ),
            ("Cookie: CF_Authorization=a,CF_Authorization=b\r\n".to_owned(), "SESSION_MALFORMED"),
            ("Cookie: CF_Authorization=a; CF_Authorization=b\r\n".to_owned(), "CREDENTIAL_AMBIGUOUS"),
        ] {
            let answer = asker.ask(dialect, "app.localhost", "/", &lines).await;
            assert_eq!(outcome(&answer), (401, reason), "{dialect:?}");
            assert_eq!(only(&answer, "sallyport-decision"), "refused");
        }
    }
}

#[tokio::test]
async fn h1_a_twin_of_our_headers_which_no_proxy_would_remove_is_refused() {
    let world = World::open().await;
    let pair = world.token().await;
    let lines = pair.lines();
    let twins =
        ["Cf_Access_Jwt_Assertion", "Cf-Access-Jwt_Assertion", "cf.access.jwt.assertion", "X~Auth~User"];
    let forged = twins.map(|twin| format!("{lines}{twin}: forged\r\n"));
    let underscores = lines.replace("CF-Access-Client-", "CF_Access_Client_");
    for dialect in ALL {
        let mut asker = world.asker().await;
        let status = if dialect == Dialect::AuthRequest { 403 } else { 400 };
        for lines in forged.iter().chain([&underscores]) {
            let answer = asker.ask(dialect, "app.localhost", "/", lines).await;
            assert_eq!(outcome(&answer), (status, "HEADER_AMBIGUOUS"), "{dialect:?}");
        }
        let own = format!("{lines}X-Auth_Token: own\r\nX_Own: own\r\n");
        assert_eq!(outcome(&asker.ask(dialect, "app.localhost", "/", &own).await).0, 200, "{dialect:?}");
    }
}

#[tokio::test]
async fn p13_other_paths_decide_nothing() {
    let world = World::open().await;
    let mut asker = world.asker().await;
    for path in [
        "/",
        "/authz",
        "/authz/auth-request/",
        "/authz//auth-request",
        "/authz/ext-authz",
        "/authz/ext-authzx/",
        "/a/authz/forward-auth",
    ] {
        let answer = asker.raw(format!("GET {path} HTTP/1.1\r\nHost: open.localhost\r\n\r\n")).await;
        assert_eq!(outcome(&answer), (404, "ENDPOINT_NOT_FOUND"), "{path}");
    }
}

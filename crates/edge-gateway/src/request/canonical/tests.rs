use super::*;
use proptest::prelude::*;

fn canonical(raw: &str) -> Option<String> {
    path(raw).ok().map(Cow::into_owned)
}

#[test]
fn one_path_has_one_form() {
    for (raw, expected) in [
        ("/", "/"),
        ("/a/b", "/a/b"),
        ("//admin", "/admin"),
        ("/a//b", "/a/b"),
        ("/pub/../admin", "/admin"),
        ("/./a/.", "/a/"),
        ("/a/%2e%2E/b", "/b"),
        ("/%7Euser", "/~user"),
        ("/a%20b", "/a%20b"),
        ("/caf%c3%a9", "/caf%C3%A9"),
        ("/%252e%252e/x", "/%252e%252e/x"),
        ("/.well-known/x", "/.well-known/x"),
        ("/a/..", "/"),
        // Applications decode them all, so there is one spelling for a pattern to name.
        ("/%21%24%26%27%28%29%2b%2C%3d%3A%40", "/!$&'()+,=:@"),
        ("/%22%5b%7c\"[]^`{|}", "/%22%5B%7C%22%5B%5D%5E%60%7B%7C%7D"),
        ("/a*b/%2a", "/a%2Ab/%2A"),
    ] {
        assert_eq!(canonical(raw).as_deref(), Some(expected), "{raw}");
    }
}

#[test]
fn p14_what_others_forward_as_it_was_given_is_canonical_already() {
    for path in [
        "/",
        "/a/b",
        "/a/b/?x=/../y&z=%2e",
        "/caf%c3%a9",
        "/caf%C3%a9",
        "/a%20b",
        "/.well-known/x",
        "/?",
        "/a.",
        "/a(b)*[c]|d",
        "/a%28b%29%2a%5bc%5d%7C",
        "/a%25",
    ] {
        let target = target_as_given("App.test:8080", path).unwrap();
        assert_eq!((&*target.host, target.port), ("app.test", Some(8080)), "{path}");
    }
    for path in [
        "//admin",
        "/a//b",
        "/pub/../admin",
        "/./a",
        "/a/.",
        "/pub/%2e%2e/admin",
        "/%7euser",
        "/%61dmin",
        "/pub/..%2fadmin",
        "/pub/..;/admin",
        "/a#b",
        "/a?b#c",
        "",
        "?",
        "admin",
        "*",
        "http://app.test/",
        "/\u{e9}",
        "/a b",
        "/a\\b",
        "/%00",
    ] {
        assert!(target_as_given("app.test", path).is_err(), "{path}");
    }
    for host in
        ["app.test.", "app.test.:80", "", "a@app.test", "app.test,evil.test", "app.test/x", "app..test"]
    {
        assert!(target_as_given(host, "/").is_err(), "{host}");
    }
    assert!(target_as_given("[::1]:80", "/").is_ok());
}

#[test]
fn two_readings_are_refused() {
    for raw in [
        "",
        "*",
        "admin",
        "/%2f",
        "/a%2Fb",
        "/%5c",
        "/a\\b",
        "/%00",
        "/%0a",
        "/a%",
        "/a%2",
        "/%zz",
        "/..",
        "/a/../..",
        "/pub/..;/admin",
        "/.;x/a",
        "/admin;x=/pub",
        "/a%3bb",
        "/%c0%af",
        "/%ff",
        "/a#b",
        "/a b",
        "/é",
    ] {
        assert_eq!(canonical(raw), None, "{raw}");
    }
}

#[test]
fn a_path_that_others_read_loosely_says_so() {
    for (raw, loose) in [
        ("/admin", None),
        ("/a.b/c", None),
        ("/admin.", Some("/admin")),
        ("/admin./x", Some("/admin/x")),
        ("/admin%20", Some("/admin")),
        ("/admin%20./x", Some("/admin/x")),
        ("/a/.../b", Some("/a/b")),
        // It is still a folder: `/a/*` covers `/a/` and not `/a`.
        ("/a./", Some("/a/")),
        ("/a/...", Some("/a/")),
        ("/...", Some("/")),
    ] {
        let path = path(raw).unwrap();
        assert_eq!(loosely(&path).as_deref(), loose, "{raw}");
        assert!(loose.is_none() || matches!(path, Cow::Owned(_)), "{raw} passes for canonical");
    }
}

#[test]
fn one_host_has_one_form() {
    for (authority, expected) in [
        ("APP.Test:8080", "app.test:8080"),
        ("app.test.", "app.test"),
        ("app.test.:", "app.test"),
        ("app.test:080", "app.test:80"),
        ("[::1]:80", "[::1]:80"),
        ("127.0.0.1:1", "127.0.0.1:1"),
    ] {
        let mut headers = HeaderMap::new();
        headers.append(HOST, authority.parse().unwrap());
        assert_eq!(target(&Uri::from_static("/"), &headers).unwrap().authority(), expected);
    }
    for authority in
        ["", ":80", "a@b", "a b", "a..b", ".a", "a:b", "a:99999", "a:+1", "[::1", "[x]", "a,b", "a/b", "ä.de"]
    {
        assert!(host(authority).is_err(), "{authority}");
    }
}

#[test]
fn two_hosts_are_refused() {
    let uri: Uri = "/".parse().unwrap();
    let mut headers = HeaderMap::new();
    assert!(target(&uri, &headers).is_err());
    headers.append(HOST, "a.test".parse().unwrap());
    assert!(target(&uri, &headers).is_ok());
    assert!(target(&"http://b.test/".parse().unwrap(), &headers).is_err());
    assert!(target(&"http://a.test/".parse().unwrap(), &headers).is_ok());
    assert!(target(&"ftp://a.test/".parse().unwrap(), &headers).is_err());
    headers.append(HOST, "a.test".parse().unwrap());
    assert!(target(&uri, &headers).is_err());
}

proptest! {
    #[test]
    fn the_canonical_form_is_its_own(raw in "/[a-zA-Z0-9%./;\\\\~ -]{0,40}") {
        if let Some(once) = canonical(&raw) {
            prop_assert_eq!(canonical(&once), Some(once.clone()));
            prop_assert!(!once.contains("//") && !once.split('/').any(|s| s == ".." || s == "."));
        }
    }

    #[test]
    fn p15_what_is_forwarded_as_it_was_given_is_what_was_judged(raw in "/[a-cA-C0-9%./;\\\\~#? -]{0,40}") {
        let decoded = |path: &str| {
            let parts = path.split('%').enumerate();
            let part = |(index, part): (usize, &str)| if index == 0 { part.to_owned() } else { part[..2].to_ascii_uppercase() + &part[2..] };
            parts.map(part).collect::<Vec<_>>().join("%")
        };
        if let Ok(target) = target_as_given("app.test", &raw) {
            let path = raw.split('?').next().unwrap();
            prop_assert_eq!(decoded(path), target.path.to_string());
        }
    }

    #[test]
    fn no_text_panics(raw in ".*") {
        let _ = (path(&raw), host(&raw));
    }
}

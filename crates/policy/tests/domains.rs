//! Domain patterns: the contract's table, and the index against a scan of all patterns.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy takes only test functions for tests, not the functions they call"
)]

use policy::{DomainIndex, DomainPattern};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::cmp::Ordering;

fn pattern(text: &str) -> DomainPattern {
    DomainPattern::parse(text).unwrap()
}

fn covers(text: &str, url: &str) -> bool {
    let (host, path) = url.split_at(url.find('/').unwrap_or(url.len()));
    pattern(text).matches(host, path)
}

#[test]
fn patterns_cover_what_the_contract_says() {
    let table: [(&str, &[&str], &[&str]); 11] = [
        (
            "example.com",
            &["example.com", "example.com/", "example.com/alpha", "EXAMPLE.com./x"],
            &["alpha.example.com", "example.com.evil", "xample.com", "com"],
        ),
        ("example.com/*", &["example.com", "example.com/alpha/beta"], &["alpha.example.com"]),
        (
            "*.example.com",
            &["alpha.example.com", "alpha.example.com/x"],
            &["example.com", "foo.bar.example.com", ".example.com"],
        ),
        ("*.*.example.com", &["foo.bar.example.com"], &["bar.example.com", "a.foo.bar.example.com"]),
        ("*.test.example.com", &["alpha.test.example.com"], &["test.example.com", "example.com"]),
        (
            "*test.example.com",
            &["test.example.com", "alphatest.example.com"],
            &["beta.test.example.com", "testa.example.com"],
        ),
        ("a*a.example.com", &["aa.example.com", "abca.example.com"], &["a.example.com", "ab.example.com"]),
        (
            "example.com/alpha",
            &["example.com/alpha", "example.com/alpha/", "example.com/alpha/one"],
            &["example.com/alphabet", "example.com/Alpha", "example.com", "example.com/alph"],
        ),
        (
            "example.com/alpha/*",
            &["example.com/alpha/one", "example.com/alpha/one/two", "example.com/alpha/"],
            &["example.com/alpha", "example.com", "example.com/alphabet/x"],
        ),
        (
            "example.com/foo*/bar",
            &[
                "example.com/foo/bar",
                "example.com/food/bar",
                "example.com/food/stuff/bar",
                "example.com/foo/bar/x",
            ],
            &["example.com/food", "example.com/foo/barn", "example.com/fo/bar"],
        ),
        (
            "example.com/*/admin/*.php",
            &[
                "example.com/x/admin/a.php",
                "example.com/x/y/admin/z/a.php/more",
                "example.com/x/admin/.php.php",
            ],
            &["example.com/admin/a.php", "example.com/x/admin/a.phpx"],
        ),
    ];
    for (text, covered, not_covered) in table {
        for url in covered {
            assert!(covers(text, url), "{text} covers {url}");
        }
        for url in not_covered {
            assert!(!covers(text, url), "{text} does not cover {url}");
        }
    }
}

#[test]
fn what_is_no_domain_is_refused_by_its_field() {
    let long_label = format!("{}.com", "a".repeat(64));
    let long_host = format!("{}com", "a.".repeat(126));
    let long_path = format!("a.com/{}", "a".repeat(512));
    for text in [
        "",
        "/path",
        ".",
        "https://example.com",
        "example.com:8443",
        "example.com?x=1",
        "example.com/a?x",
        "example.com/#a",
        "user@example.com",
        "exa mple.com",
        "example.com/a b",
        "example.com/a\\b",
        "example..com",
        ".example.com",
        "example.com..",
        "-a.example.com",
        "a-.example.com",
        "bücher.example",
        "example.com/ü",
        "foo*bar*baz.example.com",
        "**.example.com",
        "example.com/foo*bar*baz",
        "example.com/**",
        "*",
        "example.*",
        "*.com*",
        "example.com//a",
        "example.com/a//",
        "example.com/a/../b",
        "example.com/./a",
        "example.com/%2e%2E/b",
        "example.com/a%2fb",
        "example.com/a%5Cb",
        "example.com/a%00",
        "example.com/a%252e",
        "example.com/a%4",
        "example.com/a%+1",
        "example.com/a\n",
        "[::1]",
        &long_label,
        &long_host,
        &long_path,
    ] {
        let error = DomainPattern::parse(text).expect_err(text);
        assert_eq!(error.violations()[0].field, "domain", "{text}");
    }
}

#[test]
fn equal_patterns_have_one_text() {
    for (text, canonical) in [
        ("Example.COM", "example.com"),
        ("example.com.", "example.com"),
        ("example.com/", "example.com"),
        ("example.com/*", "example.com"),
        ("example.com/*/", "example.com"),
        ("example.com/Alpha/", "example.com/Alpha"),
        ("example.com/alpha/*", "example.com/alpha/*"),
        ("example.com/%61%7e%c3%bc%2A", "example.com/a~%C3%BC%2A"),
        ("example.com/%28%3a%40%2b%22", "example.com/(:@+%22"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("127.0.0.1", "127.0.0.1"),
        ("app.localhost", "app.localhost"),
    ] {
        assert_eq!(pattern(text).to_string(), canonical);
        assert_eq!(pattern(text), pattern(canonical));
    }
}

#[test]
fn a_request_that_is_not_canonical_belongs_to_nobody() {
    let index: DomainIndex<()> = [(pattern("example.com"), ()), (pattern("*.com"), ())].into_iter().collect();
    assert!(index.find("example.com", "").is_some() && index.find("EXAMPLE.com.", "/x").is_some());
    let long = format!("{}.com", "a".repeat(300));
    for (host, path) in [
        ("example.com", "/a?b"),
        ("example.com", "/a#b"),
        ("example.com", "*"),
        ("example.com", "a"),
        ("example.com:80", "/"),
        ("example.com..", "/"),
        ("a@example.com", "/"),
        (".com", "/"),
        ("[::1]", "/"),
        ("", "/"),
        (".", "/"),
        (&long, "/"),
    ] {
        assert!(index.find(host, path).is_none(), "{host}{path}");
        assert!(index.iter().all(|(pattern, ())| !pattern.matches(host, path)), "{host}{path}");
    }
}

#[test]
fn the_most_specific_pattern_wins_and_nothing_is_inherited() {
    let texts = [
        "dashboard.com/eng",
        "dashboard.com/eng/exec",
        "dashboard.com/eng/*/plan",
        "dashboard.com/*/plan",
        "*.dashboard.com",
        "a.dashboard.com/x",
        "a*.dashboard.com",
        "*.test.dashboard.com",
        "alpha.*.dashboard.com",
    ];
    let index: DomainIndex<&str> = texts.iter().map(|text| (pattern(text), *text)).collect();
    for (host, path, winner) in [
        ("dashboard.com", "/eng", Some("dashboard.com/eng")),
        ("dashboard.com", "/eng/other", Some("dashboard.com/eng")),
        ("dashboard.com", "/eng/exec/plan", Some("dashboard.com/eng/exec")),
        ("dashboard.com", "/eng/x/plan", Some("dashboard.com/eng/*/plan")),
        ("dashboard.com", "/eng/plan", Some("dashboard.com/eng")),
        ("dashboard.com", "/ops/plan", Some("dashboard.com/*/plan")),
        ("dashboard.com", "/", None),
        ("a.dashboard.com", "/x/y", Some("a.dashboard.com/x")),
        ("a.dashboard.com", "/y", Some("a*.dashboard.com")),
        ("b.dashboard.com", "/y", Some("*.dashboard.com")),
        ("alpha.test.dashboard.com", "/", Some("*.test.dashboard.com")),
        ("alpha.dev.dashboard.com", "/", Some("alpha.*.dashboard.com")),
    ] {
        assert_eq!(index.find(host, path).map(|(_, text)| *text), winner, "{host}{path}");
    }
}

#[test]
fn a_hundred_thousand_patterns_do_not_slow_a_find() {
    let index: DomainIndex<usize> =
        (0..100_000).map(|n| (pattern(&format!("app{n}.example.com/team/{n}")), n)).collect();
    assert_eq!(index.len(), 100_000);
    let allocated = allocation_counter::measure(|| {
        assert_eq!(index.find("APP77.example.com", "/team/77/x").map(|(_, n)| *n), Some(77));
        assert_eq!(index.find("app77.example.com", "/team/78"), None);
    });
    assert_eq!(allocated.count_total, 0);
    assert_eq!(index.get(&pattern("app5.example.com/team/5/")), Some(&5));
    assert_eq!(index.get(&pattern("app5.example.com")), None);
}

#[test]
fn of_equal_patterns_the_first_counts() {
    let index: DomainIndex<u8> =
        [(pattern("a.com"), 1), (pattern("A.com/*"), 2), (pattern("a.com/x"), 3)].into_iter().collect();
    assert_eq!(index.len(), 2);
    assert_eq!(index.find("a.com", "/").map(|(_, n)| *n), Some(1));
}

/// Few labels and segments, so that patterns and requests meet.
fn any_pattern() -> impl Strategy<Value = DomainPattern> {
    let label = select(vec!["a", "b", "ab", "*", "a*", "*b", "a*b"]);
    let segment = select(vec!["a", "b", "ab", "*", "a*", "*b", "a*b"]);
    (vec(label, 0..3), select(vec!["com", "net"]), vec(segment, 0..4)).prop_map(|(labels, top, segments)| {
        let host = labels.iter().fold(top.to_owned(), |host, label| format!("{label}.{host}"));
        pattern(&format!("{host}/{}", segments.join("/")))
    })
}

fn any_host() -> impl Strategy<Value = String> {
    (vec(select(vec!["a", "b", "ab", "aab", "c"]), 0..4), select(vec!["com", "net", "COM."]))
        .prop_map(|(labels, top)| labels.iter().fold(top.to_owned(), |host, label| format!("{label}.{host}")))
}

fn any_path() -> impl Strategy<Value = String> {
    vec(select(vec!["a", "b", "ab", "aab", "c", ""]), 0..5)
        .prop_map(|segments| format!("/{}", segments.join("/")))
}

/// What a path pattern covers, by its definition: every way to split the path.
fn naively_covers(pattern: &[u8], path: &[u8]) -> bool {
    match pattern {
        [] => path.is_empty() || path[0] == b'/',
        // A final star has swallowed everything below as well.
        [b'*', rest @ ..] => (0..=path.len()).any(|n| naively_covers(rest, &path[n..])),
        [byte, rest @ ..] => path.first() == Some(byte) && naively_covers(rest, &path[1..]),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_index_finds_what_a_scan_finds(
        patterns in vec(any_pattern(), 0..40), host in any_host(), path in any_path()
    ) {
        let index: DomainIndex<()> = patterns.iter().map(|pattern| (pattern.clone(), ())).collect();
        let scanned =
            patterns.iter().filter(|it| it.matches(&host, &path)).max_by(|a, b| a.specificity_cmp(b));
        prop_assert_eq!(index.find(&host, &path).map(|(found, ())| found), scanned);
        for pattern in &patterns {
            prop_assert!(index.get(pattern).is_some());
        }
    }

    #[test]
    fn paths_are_covered_by_definition(pattern in any_pattern(), path in any_path()) {
        let host = pattern.host().replace('*', "x");
        prop_assert_eq!(
            pattern.matches(&host, &path),
            naively_covers(pattern.path().as_bytes(), path.as_bytes()),
            "{} {}", pattern, path
        );
    }

    #[test]
    fn the_order_is_total(a in any_pattern(), b in any_pattern(), c in any_pattern()) {
        prop_assert_eq!(a.specificity_cmp(&b) == Ordering::Equal, a == b);
        prop_assert_eq!(a.specificity_cmp(&b), b.specificity_cmp(&a).reverse());
        if a.specificity_cmp(&b).is_ge() && b.specificity_cmp(&c).is_ge() {
            prop_assert!(a.specificity_cmp(&c).is_ge());
        }
    }

    #[test]
    fn a_star_in_place_of_text_is_less_specific(it in any_pattern(), from in any::<Index>(), to in any::<Index>()) {
        let text = it.to_string();
        let (from, to) = (from.index(text.len() + 1), to.index(text.len() + 1));
        let (from, to) = (from.min(to), from.max(to));
        let Ok(wider) = DomainPattern::parse(&format!("{}*{}", &text[..from], &text[to..])) else { return Ok(()) };
        // Not across a dot or from the host into the path: that makes another host, not a wider pattern.
        let has_as_many_labels = wider.host().split('.').count() == it.host().split('.').count();
        if wider != it && has_as_many_labels && (from >= it.host().len() || to <= it.host().len()) {
            prop_assert_eq!(wider.specificity_cmp(&it), Ordering::Less, "{} {}", wider, it);
        }
    }

    #[test]
    fn parsing_never_panics_and_its_text_parses_to_itself(text in "[a-zA-Z0-9./*%:?#@_ ü\\\\-]{0,40}") {
        if let Ok(pattern) = DomainPattern::parse(&text) {
            prop_assert_eq!(DomainPattern::parse(&pattern.to_string()).unwrap(), pattern);
        }
    }
}

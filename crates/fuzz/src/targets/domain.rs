//! `<host> <path>\n<patterns in lines>`: patterns cover what their definition says, and the index finds the best of them.

use crate::input::split_line;
use crate::model::wildcard::{covers_host, covers_path};
use policy::{DomainIndex, DomainPattern};
use std::cmp::Ordering;

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (request, patterns) = split_line(text.as_bytes());
    let (request, patterns) = (std::str::from_utf8(request).unwrap(), std::str::from_utf8(patterns).unwrap());
    let (host, path) = request.split_once(' ').unwrap_or((request, ""));
    let mut kept: Vec<DomainPattern> = Vec::new();
    for line in patterns.lines().take(32) {
        match DomainPattern::parse(line) {
            Ok(pattern) => {
                check(&pattern, host, path);
                kept.push(pattern);
            }
            Err(error) => assert_eq!(error.violations()[0].field, "domain"),
        }
    }
    let index: DomainIndex<()> = kept.iter().map(|pattern| (pattern.clone(), ())).collect();
    let best = kept.iter().filter(|it| it.matches(host, path)).max_by(|a, b| a.specificity_cmp(b));
    assert_eq!(index.find(host, path).map(|(pattern, ())| pattern), best, "the most specific one");
    for (one, other) in kept.iter().zip(kept.iter().skip(1)) {
        let order = one.specificity_cmp(other);
        assert_eq!(order, other.specificity_cmp(one).reverse());
        assert_eq!(order == Ordering::Equal, one == other, "total");
    }
}

fn check(pattern: &DomainPattern, host: &str, path: &str) {
    let written = pattern.to_string();
    assert_eq!(DomainPattern::parse(&written).as_ref().ok(), Some(pattern), "{written}");
    let given = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let is_host = (1..=253).contains(&given.len())
        && given.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    let whole = if path.is_empty() { "/" } else { path };
    let is_path = whole.starts_with('/') && !whole.contains(['?', '#']);
    let covers = is_host
        && is_path
        && covers_host(pattern.host(), &given)
        && covers_path(pattern.path().as_bytes(), whole.as_bytes());
    assert_eq!(pattern.matches(host, path), covers, "{written} and {host} {path}");
}

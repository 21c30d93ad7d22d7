//! What must hold of every case, and what a case says for itself.

use crate::client::Answer;
use crate::corpus::{Case, Expected};
use crate::reading::{hosts, is_under, path, paths};
use crate::recorder::{Seen, position};
use crate::words::{Words, unescape};

/// The host of which everything is closed.
pub const CLOSED: &str = "closed.test";

/// What is wrong, if anything.
pub fn problems(case: &Case, edge: &str, words: &Words, answer: &Answer, seen: &[Seen]) -> Vec<String> {
    let mut problems = Vec::new();
    for request in seen {
        problems.extend(always(request, words));
        problems.extend(protected(case, words.get("host"), request));
    }
    for expected in case.expected_at(edge) {
        problems.extend(broken(&expected, answer, seen, words));
    }
    problems
}

/// Secrets, identity and framing.
fn always(seen: &Seen, words: &Words) -> Vec<String> {
    let mut problems = Vec::new();
    let arrives = |bytes: &[u8], text: &str| !text.is_empty() && position(bytes, text.as_bytes()).is_some();
    if arrives(&seen.head, words.get("secret")) || arrives(&seen.body, words.get("secret")) {
        problems.push("the secret arrives".to_owned());
    }
    for (name, value) in &seen.headers {
        let plain = plain(name);
        let is_assertion = name.eq_ignore_ascii_case("cf-access-jwt-assertion");
        if value.contains("forged") && plain.starts_with("cf-access-") {
            problems.push(format!("a forged identity arrives: {name}: {value}"));
        }
        if plain.starts_with("cf-access-") && !(is_assertion && is_said(value)) {
            problems.push(format!("it speaks in our name: {name}: {value}"));
        }
        if !is_assertion && ["session", "session2"].iter().any(|word| value.contains(words.get(word))) {
            problems.push(format!("a session arrives in {name}"));
        }
    }
    let count = |name: &str| seen.all(name).count();
    if count("cf-access-jwt-assertion") > 1 {
        problems.push("two assertions arrive".to_owned());
    }
    if count("content-length") > 1 || count("transfer-encoding") > 1 {
        problems.push("a length or a coding twice".to_owned());
    }
    if count("content-length") + count("transfer-encoding") > 1 {
        problems.push("both length and coding".to_owned());
    }
    if count("host") != 1 {
        problems.push(format!("{} hosts", count("host")));
    }
    let is_bare = |at: usize| seen.head[at] == b'\n' && (at == 0 || seen.head[at - 1] != b'\r');
    if seen.head.contains(&0) || (0..seen.head.len()).any(is_bare) {
        problems.push("NUL or a bare line feed".to_owned());
    }
    problems
}

/// A session, or the word for none.
fn is_said(assertion: &str) -> bool {
    assertion.starts_with("eyJ") || assertion == "-"
}

/// Nothing closed is reached without a credential, whoever reads what arrived.
fn protected(case: &Case, host: &str, seen: &Seen) -> Option<String> {
    // Where nearly everything is open, another case is another path: that is documented.
    let fold = |path: &String| if host == "wide.test" { path.clone() } else { path.to_lowercase() };
    let is_closed_path = paths(&seen.target).iter().any(|path| is_under(&fold(path), "/admin"));
    let authority = seen.target.split_once("://").map(|(_, rest)| rest);
    let is_closed_host =
        seen.all("host").chain(authority).any(|host| hosts(host).iter().any(|it| it == CLOSED));
    if !is_closed_path && !is_closed_host {
        return None;
    }
    let is_admitted =
        case.has_credential() && seen.all("cf-access-jwt-assertion").any(|it| it.starts_with("eyJ"));
    (!is_admitted)
        .then(|| format!("the closed was reached: {} at {:?}", seen.target, seen.all("host").next()))
}

fn broken(expected: &Expected, answer: &Answer, seen: &[Seen], words: &Words) -> Option<String> {
    let value = |text: &str| String::from_utf8_lossy(&unescape(&words.fill(text))).into_owned();
    match expected {
        Expected::Safe => None,
        Expected::Refused(status) => {
            let is_refused = match (answer.status, status) {
                (Some(is), Some(status)) => is == *status,
                // A coding or a version that is not known is a client's fault too.
                (Some(is), None) => (400..500).contains(&is) || matches!(is, 501 | 505),
                (None, status) => status.is_none(),
            };
            let wanted = status.map_or("refused".to_owned(), |status| status.to_string());
            (!is_refused || !seen.is_empty())
                .then(|| format!("not {wanted}: {:?}, and {} arrived", answer.status, seen.len()))
        }
        Expected::Admitted => (answer.status != Some(200) || seen.is_empty())
            .then(|| format!("not admitted: {:?}, and {} arrived", answer.status, seen.len())),
        Expected::UpstreamPath(wanted) => seen
            .iter()
            .map(|it| path(&it.target))
            .find(|is| is != wanted)
            .map(|is| format!("its path is {is}")),
        Expected::UpstreamHost(wanted) => {
            let is_other = |it: &&Seen| hosts(it.all("host").next().unwrap_or_default()) != [wanted.as_str()];
            seen.iter().find(is_other).map(|it| format!("its host is {:?}", it.all("host").next()))
        }
        Expected::UpstreamLine(wanted) => {
            let wanted = format!("{} ", value(wanted));
            let is_other = |it: &&Seen| !it.head.starts_with(wanted.as_bytes());
            seen.iter().find(is_other).map(|it| format!("its line is {}", String::from_utf8_lossy(&it.head)))
        }
        Expected::UpstreamSays(wanted) => {
            let wanted = value(wanted);
            let is_other = |it: &&Seen| it.said() != wanted.as_bytes();
            seen.iter().find(is_other).map(|it| format!("it says {:?}", String::from_utf8_lossy(&it.body)))
        }
        Expected::UpstreamHas(header) => {
            let header = value(header);
            let (name, wanted) = header.split_once(": ").unwrap_or((header.as_str(), ""));
            let has = |it: &Seen| {
                it.all(name).any(|is| if wanted.is_empty() { !is.is_empty() } else { is == wanted })
            };
            seen.iter().find(|it| !has(it)).map(|it| format!("no {header}: {:?}", it.headers))
        }
        Expected::NeverHeader(header) => {
            let header = value(header);
            let (name, forbidden) = header.split_once(": ").unwrap_or((header.as_str(), ""));
            let mut all = seen.iter().flat_map(|it| &it.headers);
            let found = all.find(|(is, value)| plain(is) == plain(name) && value.contains(forbidden));
            found.map(|(name, value)| format!("it arrives: {name}: {value}"))
        }
        Expected::NeverTrailer(name) => {
            let is_in = |it: &Seen| String::from_utf8_lossy(&it.body).to_lowercase().contains(name);
            seen.iter().any(is_in).then(|| format!("{name} arrives in a trailer"))
        }
        Expected::Once => (seen.len() > 1).then(|| format!("{} requests arrive", seen.len())),
    }
}

/// As applications read a name that make every strange character alike.
fn plain(name: &str) -> String {
    name.trim().to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

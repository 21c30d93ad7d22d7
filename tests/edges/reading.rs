//! How applications read a target and a host, each as leniently as some real one does.

/// Every path that somebody could take the target for: `%xx` decoded once or not, `\` as a slash or not, what follows
/// `;` dropped or not; then empty and `.` segments dropped, `..` resolved, dots and spaces at ends dropped.
pub fn paths(target: &str) -> Vec<String> {
    let path = path_of(target);
    let decoded = decode(path);
    let mut readings = Vec::new();
    for path in [path, decoded.as_str()] {
        // What C takes for the end of a text.
        for path in [path, path.split('\0').next().unwrap_or_default()] {
            for path in [path.to_owned(), path.replace('\\', "/")] {
                for drops_parameters in [false, true] {
                    readings.push(resolve(&path, drops_parameters));
                }
            }
        }
    }
    readings.sort();
    readings.dedup();
    readings
}

/// The usual reading.
pub fn path(target: &str) -> String {
    resolve(&decode(path_of(target)), false)
}

/// Without query, fragment, scheme and authority.
fn path_of(target: &str) -> &str {
    let target = target.split(['?', '#']).next().unwrap_or_default();
    let after_scheme = target.split_once("://").filter(|(scheme, _)| !scheme.contains('/'));
    match after_scheme {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => target,
    }
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(|_| *first == b'%');
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn resolve(path: &str, drops_parameters: bool) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        let segment = if drops_parameters { segment.split(';').next().unwrap_or_default() } else { segment };
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            _ => segments.push(segment),
        }
    }
    let trimmed: Vec<_> =
        segments.iter().map(|it| it.trim_end_matches(['.', ' ', '\t', '\n', '\r'])).collect();
    // A name of dots alone stays.
    let kept =
        segments.iter().zip(trimmed).map(|(whole, short)| if short.is_empty() { whole } else { short });
    format!("/{}", kept.collect::<Vec<_>>().join("/"))
}

/// Whether the path is the prefix or below it.
pub fn is_under(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Every host that somebody could take the value of `Host` for.
pub fn hosts(value: &str) -> Vec<String> {
    let members = value.split([',', ' ', '@', '/', '\\', '#', '?', '\0', '\t']);
    let name = |member: &str| {
        let member = member.split(':').next().unwrap_or_default();
        member.trim().trim_end_matches('.').to_ascii_lowercase()
    };
    members.map(name).filter(|name| !name.is_empty()).collect()
}

pub fn a_lenient_reader_finds_the_way_to_the_closed() {
    for target in [
        "/admin",
        "//admin",
        "/x/../admin",
        "/%61dmin",
        "/x/%2e%2e/admin/y",
        "/x/..%2fadmin",
        "/x/..\\admin",
        "/x/..;/admin",
        "/admin;x",
        "/admin.",
        "/admin%20",
        "/admin%00.html",
        "http://a/admin?x",
        "/../admin",
    ] {
        assert!(paths(target).iter().any(|path| is_under(path, "/admin")), "{target}: {:?}", paths(target));
    }
    for target in ["/x/%252e%252e/admin", "/%2561dmin", "/public?/../admin", "/administration", "/..."] {
        assert!(!paths(target).iter().any(|path| is_under(path, "/admin")), "{target}: {:?}", paths(target));
    }
    assert_eq!(path("/public/.../x"), "/public/.../x");
    assert_eq!(hosts("Open.test:80@closed.test., x"), ["open.test", "closed.test", "x"]);
}

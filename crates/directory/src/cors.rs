//! What pages of other origins may do at an application (the Fetch standard, section 3.2).

use model::{Error, Violation};
use proto::policy_evaluator as wire;

/// Most entries of one list.
const MOST: usize = 100;
/// Most bytes of one entry.
const LONGEST: usize = 256;
/// The contract's.
const METHODS: [&str; 9] = ["GET", "POST", "HEAD", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
const MAX_AGE_S: std::ops::RangeInclusive<i32> = -1..=86_400;

/// Which origins may read answers, and what their pages may send. At least one origin may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors {
    pub origins: Origins,
    /// Pages may send cookies. Never with [`Origins::All`].
    pub allows_credentials: bool,
    /// As they stand in a header; none: every method.
    pub methods: Option<Box<str>>,
    /// The same of request headers.
    pub headers: Option<Box<str>>,
    /// Seconds.
    pub max_age_s: Option<i32>,
}

/// Whose pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origins {
    All,
    /// In the form in which browsers say them.
    These(Box<[Box<str>]>),
}

impl Cors {
    /// `None`: no origin may do anything.
    ///
    /// # Errors
    /// `Invalid`, with every entry that is wrong.
    pub fn read(wire: &wire::CorsHeaders) -> Result<Option<Self>, Error> {
        let wire::CorsHeaders {
            allow_all_headers,
            allow_all_methods,
            allow_all_origins,
            allow_credentials,
            allowed_headers,
            allowed_methods,
            allowed_origins,
            max_age_s,
        } = wire;
        let mut violations = Vec::new();
        let mut broken = |field: &str, rule: &str| {
            violations.push(Violation { field: format!("cors_headers/{field}"), rule: rule.into() });
        };
        for (field, list) in [
            ("allowed_headers", allowed_headers),
            ("allowed_methods", allowed_methods),
            ("allowed_origins", allowed_origins),
        ] {
            if list.len() > MOST {
                broken(field, "must not have more than 100 entries");
            }
        }
        for (at, _) in allowed_headers.iter().enumerate().filter(|(_, name)| !is_token(name)) {
            broken(&format!("allowed_headers/{at}"), "must be the name of a header");
        }
        for (at, _) in allowed_methods.iter().enumerate().filter(|(_, it)| !METHODS.contains(&it.as_str())) {
            broken(&format!("allowed_methods/{at}"), &format!("must be one of {}", METHODS.join(", ")));
        }
        let is_all = *allow_all_origins || allowed_origins.iter().any(|it| it == "*");
        let mut origins = Vec::new();
        for (at, text) in allowed_origins.iter().enumerate().filter(|(_, text)| *text != "*") {
            match origin(text) {
                Some(origin) => origins.push(origin),
                None => broken(
                    &format!("allowed_origins/{at}"),
                    "must be an origin as browsers say it: scheme://host, and a port that is not the scheme's own",
                ),
            }
        }
        if is_all && *allow_credentials {
            broken("allow_credentials", "must not be on where every origin is allowed");
        }
        if max_age_s.is_some_and(|seconds| !MAX_AGE_S.contains(&seconds)) {
            broken("max_age", "must be from -1 to 86400");
        }
        if !violations.is_empty() {
            let texts: Vec<_> = violations.iter().map(|it| format!("{}: {}", it.field, it.rule)).collect();
            let error = Error::new(model::ErrorKind::Invalid, "INVALID_FIELD", texts.join("; "));
            return Err(error.with_violations(violations));
        }
        let listed = |all: bool, names: &[String]| (!all).then(|| names.join(", ").into_boxed_str());
        Ok((is_all || !origins.is_empty()).then(|| Self {
            origins: if is_all { Origins::All } else { Origins::These(origins.into()) },
            allows_credentials: *allow_credentials,
            methods: listed(*allow_all_methods, allowed_methods),
            headers: listed(*allow_all_headers, allowed_headers),
            max_age_s: *max_age_s,
        }))
    }

    /// What a page of this origin is told as `Access-Control-Allow-Origin`; none: nothing.
    pub fn allowed<'o>(&self, origin: &'o str) -> Option<&'o str> {
        match &self.origins {
            Origins::All => Some("*"),
            Origins::These(these) => these.iter().any(|it| **it == *origin).then_some(origin),
        }
    }
}

/// As browsers say it: in lower case, without the scheme's own port. `null` is no origin: every sandboxed page says it.
fn origin(text: &str) -> Option<Box<str>> {
    let text = text.to_ascii_lowercase();
    let (scheme, authority) = text.split_once("://").filter(|_| text.len() <= LONGEST)?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    let is_host = !authority.is_empty()
        && authority.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b));
    let default = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => "",
    };
    (is_scheme && is_host).then(|| {
        let authority = authority.strip_suffix(default).filter(|_| !default.is_empty()).unwrap_or(authority);
        format!("{scheme}://{authority}").into()
    })
}

/// RFC 9110 section 5.6.2.
fn is_token(text: &str) -> bool {
    let is_one = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.len() <= LONGEST && text.bytes().all(is_one)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(origins: &[&str]) -> wire::CorsHeaders {
        let allowed_origins = origins.iter().map(|it| (*it).to_owned()).collect();
        wire::CorsHeaders { allowed_origins, ..wire::CorsHeaders::default() }
    }

    fn fields(wire: &wire::CorsHeaders) -> Vec<String> {
        let error = Cors::read(wire).unwrap_err();
        error.violations().iter().map(|it| it.field.clone()).collect()
    }

    #[test]
    fn an_origin_is_compared_as_browsers_say_it() {
        let cors = Cors::read(&listed(&["https://A.example:443", "http://b.example:8080"])).unwrap().unwrap();
        assert_eq!(cors.allowed("https://a.example"), Some("https://a.example"));
        assert_eq!(cors.allowed("http://b.example:8080"), Some("http://b.example:8080"));
        for other in ["https://a.example.evil", "https://a.exampl", "http://a.example", "null", ""] {
            assert_eq!(cors.allowed(other), None, "{other}");
        }
    }

    #[test]
    fn every_origin_is_a_star_and_never_with_credentials() {
        for all in [
            wire::CorsHeaders { allow_all_origins: true, ..wire::CorsHeaders::default() },
            listed(&["*", "https://a.example"]),
        ] {
            assert_eq!(Cors::read(&all).unwrap().unwrap().allowed("null"), Some("*"));
            let with = wire::CorsHeaders { allow_credentials: true, ..all };
            assert_eq!(fields(&with), ["cors_headers/allow_credentials"]);
        }
    }

    #[test]
    fn what_is_no_origin_no_header_and_no_method_is_refused() {
        for wrong in
            ["null", "https://a/", "a.example", "https://", "https://a b", "https://a\r\nb", "://a", ""]
        {
            assert_eq!(fields(&listed(&[wrong])), ["cors_headers/allowed_origins/0"], "{wrong:?}");
        }
        let wrong = wire::CorsHeaders {
            allowed_headers: vec!["x-a".into(), "x\r\ny".into()],
            allowed_methods: vec!["get".into()],
            max_age_s: Some(86_401),
            ..wire::CorsHeaders::default()
        };
        let expected =
            ["allowed_headers/1", "allowed_methods/0", "max_age"].map(|it| format!("cors_headers/{it}"));
        assert_eq!(fields(&wrong), expected);
    }

    #[test]
    fn without_an_origin_there_is_nothing() {
        let nobody = wire::CorsHeaders { allow_all_methods: true, max_age_s: Some(-1), ..Default::default() };
        assert_eq!(Cors::read(&nobody).unwrap(), None);
    }
}

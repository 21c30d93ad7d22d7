use super::Broken;
use super::requests;
use super::text::{check_name, check_session_duration, check_settings, check_tag};
use model::Error;
use policy::DomainPattern;
use proto::policy_evaluator::ApplicationSpec;
use serde_json::{Map, Value};
use std::collections::{BTreeSet, HashSet};

/// Most destinations of one application.
const MAX_DESTINATIONS: usize = 100;
/// Longest header name.
const MAX_HEADER: usize = 100;

/// An application as it is stored.
#[derive(Debug)]
pub struct CheckedApplication {
    /// With both views of its domains filled.
    pub spec: ApplicationSpec,
    /// Each of its domains once, and the field that gave it.
    pub domains: Vec<(DomainPattern, String)>,
    /// Each of its tags once.
    pub tags: BTreeSet<String>,
}

pub fn check_application(spec: &ApplicationSpec) -> Result<CheckedApplication, Error> {
    let mut broken = Broken::default();
    broken.check(check_name(&spec.name));
    if spec.r#type != "self_hosted" {
        broken.check::<()>(Err(Error::invalid("type", "must be self_hosted")));
    }
    let domains = check_domains(spec, &mut broken);
    broken.check(check_session_duration(spec.session_duration.as_deref()));
    broken.check(check_header(&spec.read_service_tokens_from_header));
    broken.check(directory::SameSite::parse(&spec.same_site_cookie_attribute));
    let mut tags = BTreeSet::new();
    if let Some(settings) = broken.check(check_settings(&spec.settings_json)) {
        requests::check(&settings, &mut broken);
        broken.check(check_preflight(spec.options_preflight_bypass, &settings));
        tags = broken.check(tags_of(&settings)).unwrap_or_default();
    }
    broken.refuse()?;
    let mut spec = spec.clone();
    if spec.destinations.is_empty() {
        spec.destinations = vec![spec.domain.clone()];
    } else if spec.domain.is_empty() {
        spec.domain = spec.destinations.first().cloned().unwrap_or_default();
    }
    Ok(CheckedApplication { spec, domains, tags })
}

/// `domain` and `destinations` are two views of one thing: with both given, the first is one of the second.
fn check_domains(spec: &ApplicationSpec, broken: &mut Broken) -> Vec<(DomainPattern, String)> {
    let ApplicationSpec { domain, destinations, .. } = spec;
    if destinations.len() > MAX_DESTINATIONS {
        let rule = format!("must not have more than {MAX_DESTINATIONS} entries");
        broken.check::<()>(Err(Error::invalid("destinations", rule)));
        return Vec::new();
    }
    let mut patterns: Vec<(DomainPattern, String)> = Vec::new();
    for (index, text) in destinations.iter().enumerate() {
        let field = format!("destinations/{index}/uri");
        let pattern = DomainPattern::parse(text).map_err(|error| rename(&error, &field));
        if let Some(pattern) = broken.check(pattern)
            && !patterns.iter().any(|(it, _)| *it == pattern)
        {
            patterns.push((pattern, field));
        }
    }
    if domain.is_empty() && !destinations.is_empty() {
        return patterns;
    }
    let Some(pattern) = broken.check(DomainPattern::parse(domain)) else { return patterns };
    if destinations.is_empty() {
        patterns.push((pattern, "domain".into()));
    } else if let Some((_, field)) = patterns.iter_mut().find(|(it, _)| *it == pattern) {
        "domain".clone_into(field);
    } else {
        broken.check::<()>(Err(Error::invalid("domain", "must be one of the destinations")));
    }
    patterns
}

fn rename(error: &Error, field: &str) -> Error {
    Error::invalid(field, error.violations().first().map(|it| it.rule.clone()).unwrap_or_default())
}

fn check_header(name: &str) -> Result<(), Error> {
    if name.is_empty() || (name.len() <= MAX_HEADER && http::HeaderName::try_from(name).is_ok()) {
        return Ok(());
    }
    let rule = format!("must be a header name of at most {MAX_HEADER} characters");
    Err(Error::invalid("read_service_tokens_from_header", rule))
}

fn tags_of(settings: &Map<String, Value>) -> Result<BTreeSet<String>, Error> {
    let given = settings.get("tags").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let text = |(index, tag): (usize, &Value)| match tag.as_str() {
        Some(tag) => check_tag(tag, &format!("tags/{index}")).map(|()| tag.to_owned()),
        None => Err(Error::invalid(format!("tags/{index}"), "must be a tag's name")),
    };
    given.iter().enumerate().map(text).collect()
}

fn check_preflight(is_bypassed: bool, settings: &Map<String, Value>) -> Result<(), Error> {
    let has_cors =
        settings.get("cors_headers").is_some_and(|it| it.as_object().is_some_and(|it| !it.is_empty()));
    if is_bypassed && has_cors {
        return Err(Error::invalid("options_preflight_bypass", "must not be on together with cors_headers"));
    }
    Ok(())
}

/// Precedences within an application, each with the field that gives it, or nothing for the place in the list.
/// Unique, and not below zero.
pub fn check_precedences(given: &[(Option<i32>, String)]) -> Result<Vec<i64>, Error> {
    let (mut broken, mut taken) = (Broken::default(), HashSet::new());
    let mut precedences = Vec::new();
    for (index, (precedence, field)) in given.iter().enumerate() {
        let place = i64::try_from(index).unwrap_or(i64::MAX).saturating_add(1);
        let precedence = precedence.map_or(place, i64::from);
        precedences.push(precedence);
        if precedence < 0 {
            broken.check::<()>(Err(Error::invalid(field, "must not be negative")));
        } else if !taken.insert(precedence) {
            broken.check::<()>(Err(Error::invalid(field, "is taken by another policy of the application")));
        }
    }
    broken.refuse().map(|()| precedences)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(domain: &str, destinations: &[&str]) -> ApplicationSpec {
        ApplicationSpec {
            name: "application".into(),
            r#type: "self_hosted".into(),
            domain: domain.into(),
            destinations: destinations.iter().map(|it| (*it).to_owned()).collect(),
            ..ApplicationSpec::default()
        }
    }

    fn fields(spec: &ApplicationSpec) -> Vec<String> {
        let error = check_application(spec).unwrap_err();
        error.violations().iter().map(|it| it.field.clone()).collect()
    }

    #[test]
    fn domain_and_destinations_are_views_of_one_thing() {
        let checked = check_application(&spec("a.example.com", &[])).unwrap();
        assert_eq!(checked.spec.destinations, ["a.example.com"]);
        let checked = check_application(&spec("", &["b.example.com/x", "a.example.com"])).unwrap();
        assert_eq!(checked.spec.domain, "b.example.com/x");
        let both = spec("A.example.com/*", &["b.example.com", "a.example.com", "b.example.com/"]);
        let given: Vec<_> =
            check_application(&both).unwrap().domains.into_iter().map(|(_, field)| field).collect();
        assert_eq!(given, ["destinations/0/uri", "domain"]);
        assert_eq!(fields(&spec("c.example.com", &["a.example.com"])), ["domain"]);
        assert_eq!(fields(&spec("", &[])), ["domain"]);
        assert_eq!(fields(&spec("", &["a.example.com", "https://b.example.com"])), ["destinations/1/uri"]);
    }

    #[test]
    fn bad_domains_are_refused() {
        for domain in
            ["a.example.com:8443", "a.example.com/?q=1", "a.example.com/#f", "https://a.example.com", "*"]
        {
            assert_eq!(fields(&spec(domain, &[])), ["domain"], "{domain}");
        }
    }

    #[test]
    fn every_other_field_is_checked() {
        let wrong = ApplicationSpec {
            name: "x".repeat(5000),
            r#type: "saas".into(),
            session_duration: Some("721h".into()),
            read_service_tokens_from_header: "not a header".into(),
            same_site_cookie_attribute: "Lax".into(),
            settings_json: "{\"cors_headers\": {\"max_age\": 1}, \"tags\": [\"a\", 5]}".into(),
            options_preflight_bypass: true,
            ..spec("a.example.com", &[])
        };
        let expected = [
            "name",
            "type",
            "session_duration",
            "read_service_tokens_from_header",
            "same_site_cookie_attribute",
            "options_preflight_bypass",
            "tags/1",
        ];
        assert_eq!(fields(&wrong), expected);
    }

    #[test]
    fn precedences_are_unique() {
        let given = |list: &[Option<i32>]| {
            let named =
                list.iter().enumerate().map(|(index, it)| (*it, format!("policies/{index}/precedence")));
            check_precedences(&named.collect::<Vec<_>>())
        };
        assert_eq!(given(&[None, None, Some(9)]).unwrap(), [1, 2, 9]);
        let error = given(&[Some(2), None, Some(-1)]).unwrap_err();
        let fields: Vec<_> = error.violations().iter().map(|it| it.field.as_str()).collect();
        assert_eq!(fields, ["policies/1/precedence", "policies/2/precedence"]);
    }
}

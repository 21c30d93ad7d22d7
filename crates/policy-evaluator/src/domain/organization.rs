use super::Broken;
use super::text::{check_name, check_session_duration, check_settings};
use model::Error;
use proto::policy_evaluator::Organization;

/// The fields that a change gives.
#[derive(Debug, Clone, Default)]
pub struct Given {
    pub name: Option<String>,
    pub auth_domain: Option<String>,
    pub issuer: Option<String>,
    pub session_duration: Option<String>,
    pub strict_service_token_auth: Option<bool>,
    pub deny_unmatched_requests: Option<bool>,
    pub settings_json: Option<String>,
    /// Members that replace or, if null, take away those of the same name.
    pub settings_changes_json: Option<String>,
}

/// The organization after the change. A new one needs an `auth_domain`; its issuer is then `https://<auth_domain>`,
/// and follows the `auth_domain` as long as it is made of it.
pub fn merge_organization(
    account: &str,
    before: Option<Organization>,
    given: &Given,
) -> Result<Organization, Error> {
    let Given { name, auth_domain, issuer, session_duration, .. } = given;
    let mut broken = Broken::default();
    let is_new = before.is_none();
    let mut after =
        before.unwrap_or_else(|| Organization { account_id: account.into(), ..Organization::default() });
    if let Some(auth_domain) = auth_domain {
        broken.check(check_auth_domain(auth_domain));
        let scheme = after.issuer.strip_suffix(&after.auth_domain).filter(|it| it.ends_with("://"));
        let scheme = if is_new { Some("https://") } else { scheme };
        if let Some(scheme) = scheme {
            after.issuer = format!("{scheme}{auth_domain}");
        }
        after.auth_domain.clone_from(auth_domain);
    } else if is_new {
        broken.check::<()>(Err(Error::invalid("auth_domain", "is needed for a new organization")));
    }
    if let Some(issuer) = issuer {
        broken.check(check_issuer(issuer));
        after.issuer.clone_from(issuer);
    }
    if let Some(name) = name {
        broken.check(check_name(name));
        after.name.clone_from(name);
    } else if is_new {
        after.name.clone_from(&after.auth_domain);
    }
    if let Some(duration) = session_duration {
        broken.check(check_session_duration(Some(duration)));
        after.session_duration.clone_from(duration);
    }
    if let Some(settings) = &given.settings_json {
        broken.check(check_settings(settings));
        after.settings_json.clone_from(settings);
    }
    if let Some(changes) = &given.settings_changes_json
        && let Some(changes) = broken.check(check_settings(changes))
    {
        if given.settings_json.is_some() {
            let rule = "must not be given together with settings_json";
            broken.check::<()>(Err(Error::invalid("settings_changes_json", rule)));
        }
        let mut settings = check_settings(&after.settings_json).unwrap_or_default();
        settings.retain(|name, _| !changes.contains_key(name));
        settings.extend(changes.into_iter().filter(|(_, value)| !value.is_null()));
        after.settings_json = serde_json::Value::Object(settings).to_string();
        broken.check(check_settings(&after.settings_json));
    }
    after.strict_service_token_auth =
        given.strict_service_token_auth.unwrap_or(after.strict_service_token_auth);
    after.deny_unmatched_requests = given.deny_unmatched_requests.unwrap_or(after.deny_unmatched_requests);
    broken.refuse().map(|()| after)
}

fn check_auth_domain(text: &str) -> Result<(), Error> {
    if is_authority(text) {
        return Ok(());
    }
    Err(Error::invalid("auth_domain", "must be a host name, with a port where it is not the scheme's own"))
}

fn check_issuer(text: &str) -> Result<(), Error> {
    let authority = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    if authority.is_some_and(is_authority) {
        return Ok(());
    }
    Err(Error::invalid(
        "issuer",
        "must be an http or https URL without a path, such as https://team.example.com",
    ))
}

fn is_authority(text: &str) -> bool {
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_port = |port: &str| {
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|it| it > 0)
    };
    host.len() <= 253 && host.split('.').all(is_label) && port.is_none_or(is_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = "0123456789abcdef0123456789abcdef";

    fn given(auth_domain: Option<&str>, issuer: Option<&str>) -> Given {
        Given { auth_domain: auth_domain.map(Into::into), issuer: issuer.map(Into::into), ..Given::default() }
    }

    #[test]
    fn the_issuer_follows_the_auth_domain_it_is_made_of() {
        let new = merge_organization(ACCOUNT, None, &given(Some("team.example.com"), None)).unwrap();
        assert_eq!(
            (new.issuer.as_str(), new.name.as_str()),
            ("https://team.example.com", "team.example.com")
        );
        let dev = given(Some("team.localhost:8080"), Some("http://team.localhost:8080"));
        let dev = merge_organization(ACCOUNT, Some(new), &dev).unwrap();
        assert_eq!(dev.issuer, "http://team.localhost:8080");
        let moved =
            merge_organization(ACCOUNT, Some(dev), &given(Some("team.localhost:9090"), None)).unwrap();
        assert_eq!(moved.issuer, "http://team.localhost:9090");
        let apart =
            merge_organization(ACCOUNT, Some(moved), &given(None, Some("https://id.example.com"))).unwrap();
        let apart = merge_organization(ACCOUNT, Some(apart), &given(Some("other.localhost"), None)).unwrap();
        assert_eq!(apart.issuer, "https://id.example.com");
    }

    #[test]
    fn fields_that_are_not_given_are_kept() {
        let strict = Given { strict_service_token_auth: Some(true), ..given(Some("team.example.com"), None) };
        let strict = merge_organization(ACCOUNT, None, &strict).unwrap();
        let named = Given { name: Some("Team".into()), ..Given::default() };
        let named = merge_organization(ACCOUNT, Some(strict.clone()), &named).unwrap();
        assert_eq!(named, Organization { name: "Team".into(), ..strict });
    }

    #[test]
    fn wrong_fields_are_named() {
        let broken = |given: &Given| {
            merge_organization(ACCOUNT, None, given).unwrap_err().violations()[0].field.clone()
        };
        assert_eq!(broken(&Given::default()), "auth_domain");
        for text in [
            "",
            "https://team.example.com",
            "team.example.com/",
            "team:",
            "team:0",
            "team:+1",
            "a b",
            "-a.b",
            "a..b",
        ] {
            assert_eq!(broken(&given(Some(text), None)), "auth_domain", "{text}");
        }
        for text in ["team.example.com", "https://", "https://team.example.com/", "ftp://team", "https://a@b"]
        {
            assert_eq!(broken(&given(Some("team.example.com"), Some(text))), "issuer", "{text}");
        }
    }
}

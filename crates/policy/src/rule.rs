//! One rule: a selector and its value.

use crate::definition::Decision;
use crate::facts::{Facts, Identity};
use crate::value::{CountryCode, EmailAddress, EmailDomain, Network, Text};
use model::{Error, GroupId, TokenId};
use std::fmt;
use std::ops::Not;

/// What must hold of a request.
///
/// The constructors refuse bad values with [`Error::invalid`] under the JSON path within the rule (`ip/ip`);
/// put it into its list with [`Error::within`]`("include/0")`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Rule {
    Everyone,
    Ip(Network),
    Country(CountryCode),
    ServiceToken(TokenId),
    AnyValidServiceToken,
    /// Any verified client certificate.
    Certificate,
    /// The certificate subject's common name, exactly.
    CommonName(Text),
    Email(EmailAddress),
    EmailDomain(EmailDomain),
    /// The identity provider's id, exactly.
    LoginMethod(Text),
    Group(GroupId),
}

/// Whether a rule holds. The order makes OR the maximum and AND the minimum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Truth {
    No,
    /// It cannot be said: see "closed on doubt" in the crate's documentation.
    Doubt,
    Yes,
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

impl Not for Truth {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Doubt => Self::Doubt,
            Self::Yes => Self::No,
        }
    }
}

impl Rule {
    /// An address or CIDR.
    pub fn ip(text: &str) -> Result<Self, Error> {
        text.parse().map(Self::Ip)
    }

    /// ISO 3166-1 alpha-2, of either case.
    pub fn country(text: &str) -> Result<Self, Error> {
        text.parse().map(Self::Country)
    }

    /// A token's id: never its name or Client ID.
    pub fn service_token(text: &str) -> Result<Self, Error> {
        text.parse().map(Self::ServiceToken).map_err(|_| {
            Error::invalid(
                "service_token/token_id",
                "must be a service token's id (a UUID), not its name or Client ID",
            )
        })
    }

    pub fn common_name(text: &str) -> Result<Self, Error> {
        Text::parse("common_name/common_name", text).map(Self::CommonName)
    }

    pub fn email(text: &str) -> Result<Self, Error> {
        text.parse().map(Self::Email)
    }

    pub fn email_domain(text: &str) -> Result<Self, Error> {
        text.parse().map(Self::EmailDomain)
    }

    pub fn login_method(text: &str) -> Result<Self, Error> {
        Text::parse("login_method/id", text).map(Self::LoginMethod)
    }

    pub fn group(text: &str) -> Result<Self, Error> {
        text.parse().map(Self::Group).map_err(|_| Error::invalid("group/id", "must be a group's id (a UUID)"))
    }

    /// The selector's key in the wire contract.
    pub fn selector(&self) -> &'static str {
        match self {
            Self::Everyone => "everyone",
            Self::Ip(_) => "ip",
            Self::Country(_) => "geo",
            Self::ServiceToken(_) => "service_token",
            Self::AnyValidServiceToken => "any_valid_service_token",
            Self::Certificate => "certificate",
            Self::CommonName(_) => "common_name",
            Self::Email(_) => "email",
            Self::EmailDomain(_) => "email_domain",
            Self::LoginMethod(_) => "login_method",
            Self::Group(_) => "group",
        }
    }

    /// Whether it looks at a person's login. A group's own rules are not seen here.
    pub fn needs_identity(&self) -> bool {
        match self {
            Self::Email(_) | Self::EmailDomain(_) | Self::LoginMethod(_) => true,
            Self::Everyone
            | Self::Ip(_)
            | Self::Country(_)
            | Self::ServiceToken(_)
            | Self::AnyValidServiceToken
            | Self::Certificate
            | Self::CommonName(_)
            | Self::Group(_) => false,
        }
    }

    /// A group is in doubt here: compiling puts the resolved group in its place.
    pub(crate) fn judge(&self, facts: &Facts<'_>, decision: Decision) -> Truth {
        match self {
            Self::Everyone => Truth::Yes,
            Self::Ip(network) => {
                facts.address().map_or(Truth::Doubt, |address| network.contains(address).into())
            }
            Self::Country(country) => (facts.country() == Some(*country)).into(),
            Self::ServiceToken(token) => (facts.service_token() == Some(*token)).into(),
            Self::AnyValidServiceToken => facts.service_token().is_some().into(),
            Self::Certificate => facts.certificate().is_some().into(),
            Self::CommonName(name) => {
                facts.certificate().is_some_and(|it| it.common_name == name.as_str()).into()
            }
            Self::Email(email) => judge_identity(facts, decision, |person| email.is(person.email())),
            Self::EmailDomain(domain) => judge_identity(facts, decision, |person| {
                person.email_domain().is_some_and(|its_domain| domain.is(its_domain))
            }),
            Self::LoginMethod(id) => {
                judge_identity(facts, decision, |person| person.login_method() == id.as_str())
            }
            Self::Group(_) => Truth::Doubt,
        }
    }
}

/// Bypass is judged before anyone logs in, so what a login would show is in doubt even when there is one: its
/// validation refuses such rules, but a group it names may gain one later.
fn judge_identity(facts: &Facts<'_>, decision: Decision, holds: impl FnOnce(&Identity<'_>) -> bool) -> Truth {
    match decision {
        Decision::Bypass => Truth::Doubt,
        Decision::Allow | Decision::Deny | Decision::NonIdentity => {
            facts.identity().is_some_and(holds).into()
        }
    }
}

impl fmt::Display for Rule {
    /// For people: `ip 10.0.0.0/8`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.selector())?;
        match self {
            Self::Everyone | Self::AnyValidServiceToken | Self::Certificate => Ok(()),
            Self::Ip(network) => write!(f, " {network}"),
            Self::Country(country) => write!(f, " {country}"),
            Self::ServiceToken(token) => write!(f, " {token}"),
            Self::CommonName(text) | Self::LoginMethod(text) => write!(f, " {text}"),
            Self::Email(email) => write!(f, " {email}"),
            Self::EmailDomain(domain) => write!(f, " {domain}"),
            Self::Group(group) => write!(f, " {group}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Certificate;
    use std::net::IpAddr;

    fn holds(rule: &Rule, facts: &Facts<'_>) -> bool {
        rule.judge(facts, Decision::NonIdentity) == Truth::Yes
    }

    #[test]
    fn a_mapped_address_is_the_ipv4_address_on_both_sides() {
        let at = |text: &str| Facts::new().with_address(text.parse::<IpAddr>().unwrap());
        for network in ["10.0.0.0/8", "::ffff:10.0.0.0/104"] {
            let rule = Rule::ip(network).unwrap();
            assert!(holds(&rule, &at("10.1.2.3")) && holds(&rule, &at("::ffff:10.1.2.3")), "{network}");
            assert!(!holds(&rule, &at("11.1.2.3")) && !holds(&rule, &at("::10.1.2.3")), "{network}");
        }
        assert!(!holds(&Rule::ip("::/0").unwrap(), &at("::ffff:10.1.2.3")), "IPv4 is not within IPv6");
    }

    #[test]
    fn an_unknown_address_is_doubt_and_an_unknown_country_is_not() {
        let facts = Facts::new();
        assert_eq!(Rule::ip("0.0.0.0/0").unwrap().judge(&facts, Decision::Allow), Truth::Doubt);
        assert_eq!(Rule::country("PT").unwrap().judge(&facts, Decision::Allow), Truth::No);
    }

    #[test]
    fn an_email_domain_is_the_whole_part_after_the_one_at_sign() {
        let rule = Rule::email_domain("Example.com").unwrap();
        let person = |email| Facts::new().with_identity(Identity::new(email, ""));
        assert!(holds(&rule, &person("a@EXAMPLE.com")));
        for email in
            ["a@b@example.com", "a@sub.example.com", "a@evilexample.com", "a@example.com.", "example.com"]
        {
            assert!(!holds(&rule, &person(email)), "{email}");
        }
    }

    #[test]
    fn a_common_name_is_compared_exactly() {
        let rule = Rule::common_name("host.example").unwrap();
        let cert = |common_name| Facts::new().with_certificate(Certificate { common_name });
        assert!(holds(&rule, &cert("host.example")));
        assert!(!holds(&rule, &cert("HOST.example")) && !holds(&rule, &cert("")));
        assert!(holds(&Rule::Certificate, &cert("")) && !holds(&Rule::Certificate, &Facts::new()));
    }

    #[test]
    fn a_client_id_is_not_a_token_id() {
        let error = Rule::service_token("88bf3b6d86161464f6509f7219099e57.access").unwrap_err();
        assert_eq!(error.violations()[0].field, "service_token/token_id");
    }
}

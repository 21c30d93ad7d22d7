//! The values of selectors, normalised once so that judging a request is a comparison.

use ipnet::{IpNet, Ipv4Net};
use model::Error;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A network. IPv4-mapped IPv6 networks are kept as the IPv4 network they mean; host bits are cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network(IpNet);

impl Network {
    /// `address` must be canonical ([`IpAddr::to_canonical`]), as in [`Facts`](crate::Facts).
    pub(crate) fn contains(self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }

    /// Its first and its last address.
    pub(crate) fn ends(self) -> (IpAddr, IpAddr) {
        (self.0.network(), self.0.broadcast())
    }
}

impl FromStr for Network {
    type Err = Error;

    /// A CIDR, or an address, which means that address alone.
    fn from_str(text: &str) -> Result<Self, Error> {
        let network = match text.parse::<IpNet>() {
            Ok(network) => network,
            Err(_) => {
                text.parse::<IpAddr>().map(IpNet::from).map_err(|_| bad_network("an IP address or CIDR"))?
            }
        };
        let IpNet::V6(wide) = network else { return Ok(Self(network.trunc())) };
        match wide.addr().to_ipv4_mapped() {
            None => Ok(Self(network.trunc())),
            Some(address) => wide
                .prefix_len()
                .checked_sub(96)
                .and_then(|prefix| Ipv4Net::new(address, prefix).ok())
                .map(|narrow| Self(IpNet::V4(narrow.trunc())))
                .ok_or_else(|| bad_network("an IPv4-mapped network with a prefix of 96 or more")),
        }
    }
}

fn bad_network(rule: &str) -> Error {
    Error::invalid("ip/ip", format!("must be {rule}"))
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A country as ISO 3166-1 alpha-2 writes it: two upper-case letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CountryCode([u8; 2]);

impl CountryCode {
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for CountryCode {
    type Err = Error;

    /// Two ASCII letters of either case.
    fn from_str(text: &str) -> Result<Self, Error> {
        match text.as_bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Ok(Self([a.to_ascii_uppercase(), b.to_ascii_uppercase()]))
            }
            _ => Err(Error::invalid("geo/country_code", "must be two letters (ISO 3166-1 alpha-2)")),
        }
    }
}

impl fmt::Display for CountryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A person's e-mail address. Case does not count in ASCII; beyond it characters must be the same, because
/// folding there makes distinct addresses equal (U+212A KELVIN SIGN folds to `k`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress(Box<str>);

impl EmailAddress {
    pub(crate) fn is(&self, email: &str) -> bool {
        self.0.eq_ignore_ascii_case(email)
    }
}

impl FromStr for EmailAddress {
    type Err = Error;

    /// One `@` with something on both sides, no spaces or control characters, at most 254 bytes.
    fn from_str(text: &str) -> Result<Self, Error> {
        let is_plain = !text.chars().any(|c| c.is_whitespace() || c.is_control());
        if text.len() <= 254 && is_plain && domain_of(text).is_some() {
            Ok(Self(text.to_ascii_lowercase().into()))
        } else {
            Err(Error::invalid("email/email", "must be one e-mail address of at most 254 bytes"))
        }
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The part of an address after its single `@`; none if it has several, or nothing on either side
/// (`a@evil.example@corp.example` belongs to no domain).
pub(crate) fn domain_of(email: &str) -> Option<&str> {
    let (local, domain) = email.split_once('@')?;
    (!local.is_empty() && !domain.is_empty() && !domain.contains('@')).then_some(domain)
}

/// The domain of e-mail addresses, itself and not its subdomains. ASCII: an international one in punycode.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EmailDomain(Box<str>);

impl EmailDomain {
    pub(crate) fn is(&self, domain: &str) -> bool {
        self.0.eq_ignore_ascii_case(domain)
    }
}

impl FromStr for EmailDomain {
    type Err = Error;

    /// Dot-separated labels of letters, digits and inner hyphens, of 1-63 characters, 253 in all.
    fn from_str(text: &str) -> Result<Self, Error> {
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if text.len() <= 253 && text.split('.').all(is_label) {
            Ok(Self(text.to_ascii_lowercase().into()))
        } else {
            Err(Error::invalid("email_domain/domain", "must be a domain name such as example.com, without @"))
        }
    }
}

impl fmt::Display for EmailDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// 1-255 bytes without control characters, compared exactly: a subject's common name, an identity provider's id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Text(Box<str>);

impl Text {
    /// `field` is the JSON path named when the text is refused.
    pub fn parse(field: &str, text: &str) -> Result<Self, Error> {
        if (1..=255).contains(&text.len()) && !text.chars().any(char::is_control) {
            Ok(Self(text.into()))
        } else {
            Err(Error::invalid(field, "must be 1-255 bytes without control characters"))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_kept_in_one_form() {
        for (given, kept) in [
            ("10.1.2.3", "10.1.2.3/32"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("2001:db8::1", "2001:db8::1/128"),
            ("2001:db8::1/32", "2001:db8::/32"),
            ("::ffff:10.1.2.3", "10.1.2.3/32"),
            ("::ffff:10.1.2.3/104", "10.0.0.0/8"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(given.parse::<Network>().unwrap().to_string(), kept, "{given}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "10.0.0",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            " 10.0.0.0/8",
            "010.0.0.1",
            "::ffff:1.2.3.4/95",
            "::/129",
        ] {
            let error = text.parse::<Network>().unwrap_err();
            assert_eq!(error.violations()[0].field, "ip/ip", "{text}");
        }
    }

    #[test]
    fn an_address_with_several_at_signs_has_no_domain() {
        assert_eq!(domain_of("a@b.example"), Some("b.example"));
        for email in ["a@evil.example@b.example", "@b.example", "a@", "a", ""] {
            assert_eq!(domain_of(email), None, "{email}");
        }
    }

    #[test]
    fn case_folds_in_ascii_alone() {
        let email: EmailAddress = "Kim@Example.com".parse().unwrap();
        assert!(email.is("kIM@example.COM"));
        assert!(!email.is("\u{212a}im@example.com"));
    }

    #[test]
    fn bad_values_are_refused() {
        for text in ["", "P", "PRT", "P1", "п"] {
            assert!(text.parse::<CountryCode>().is_err(), "{text}");
        }
        assert_eq!("pt".parse::<CountryCode>().unwrap().as_str(), "PT");
        for text in ["", "a", "a@b@c", "a b@c", "a@b\n"] {
            assert!(text.parse::<EmailAddress>().is_err(), "{text}");
        }
        for text in ["", "@example.com", "example..com", "-a.com", "a b.com", "büro.de", "example.com."] {
            assert!(text.parse::<EmailDomain>().is_err(), "{text}");
        }
        for text in ["", "a\0b", &"x".repeat(256)] {
            assert!(Text::parse("common_name/common_name", text).is_err(), "{text:?}");
        }
    }
}

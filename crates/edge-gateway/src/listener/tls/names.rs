//! Whom a certificate names.

use std::net::IpAddr;
use x509_parser::prelude::{GeneralName, X509Certificate};

/// The subject alternative names that hosts are compared to.
#[derive(Debug, Default)]
pub struct Names {
    /// Lower case; may begin with `*.`.
    hosts: Vec<String>,
    addresses: Vec<IpAddr>,
}

/// How well a name fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    Wildcard,
    Exact,
}

impl Names {
    pub fn of(certificate: &X509Certificate<'_>) -> Self {
        let mut names = Self::default();
        let Ok(Some(alternative)) = certificate.subject_alternative_name() else { return names };
        for name in &alternative.value.general_names {
            match name {
                GeneralName::DNSName(host) if host.is_ascii() => names.hosts.push(host.to_ascii_lowercase()),
                GeneralName::IPAddress(bytes) => names.addresses.extend(address(bytes)),
                _ => {}
            }
        }
        names
    }

    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty() && self.addresses.is_empty()
    }

    /// `host`: lower case, without port and trailing dot; an IPv6 address in brackets.
    pub fn fit(&self, host: &str) -> Option<Fit> {
        let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if let Ok(address) = literal.parse::<IpAddr>() {
            return self.addresses.contains(&address).then_some(Fit::Exact);
        }
        if self.hosts.iter().any(|name| name == host) {
            return Some(Fit::Exact);
        }
        // One label, the first, and all of it.
        let (_, parent) = host.split_once('.')?;
        let covers = |name: &String| name.strip_prefix("*.").is_some_and(|suffix| suffix == parent);
        self.hosts.iter().any(covers).then_some(Fit::Wildcard)
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t2_a_name_covers_what_it_says_and_a_wildcard_one_label() {
        let names = Names {
            hosts: vec!["a.example".to_owned(), "*.b.example".to_owned()],
            addresses: vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()],
        };
        for (host, fit) in [
            ("a.example", Some(Fit::Exact)),
            ("x.a.example", None),
            ("x.b.example", Some(Fit::Wildcard)),
            ("b.example", None),
            ("x.y.b.example", None),
            ("*.b.example", Some(Fit::Exact)),
            ("192.0.2.1", Some(Fit::Exact)),
            ("192.0.2.2", None),
            ("[2001:db8::1]", Some(Fit::Exact)),
            ("example", None),
        ] {
            assert_eq!(names.fit(host), fit, "{host}");
        }
    }
}

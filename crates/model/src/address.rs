//! What kind of address a request came from, where the address itself must not be kept.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which network, and which version of IP. An IPv4 address in IPv6's clothes is IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum AddressClass {
    #[default]
    Unknown = 0,
    LoopbackIpv4 = 1,
    LoopbackIpv6 = 2,
    /// Private, shared (RFC 6598) or link-local.
    PrivateIpv4 = 3,
    /// Unique local or link-local.
    PrivateIpv6 = 4,
    PublicIpv4 = 5,
    PublicIpv6 = 6,
}

impl AddressClass {
    pub const ALL: [Self; 7] = [
        Self::Unknown,
        Self::LoopbackIpv4,
        Self::LoopbackIpv6,
        Self::PrivateIpv4,
        Self::PrivateIpv6,
        Self::PublicIpv4,
        Self::PublicIpv6,
    ];

    pub fn of(address: Option<IpAddr>) -> Self {
        match address.map(|it| it.to_canonical()) {
            None => Self::Unknown,
            Some(IpAddr::V4(it)) if it.is_loopback() => Self::LoopbackIpv4,
            Some(IpAddr::V6(it)) if it.is_loopback() => Self::LoopbackIpv6,
            Some(IpAddr::V4(it)) if is_private_v4(it) => Self::PrivateIpv4,
            Some(IpAddr::V6(it)) if is_private_v6(it) => Self::PrivateIpv6,
            Some(IpAddr::V4(_)) => Self::PublicIpv4,
            Some(IpAddr::V6(_)) => Self::PublicIpv6,
        }
    }

    pub const fn number(self) -> u8 {
        self as u8
    }

    /// What nobody knows is unknown.
    pub fn from_number(number: i64) -> Self {
        Self::ALL.into_iter().find(|it| i64::from(it.number()) == number).unwrap_or_default()
    }

    /// As the management API writes it; empty: unknown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "",
            Self::LoopbackIpv4 => "loopback_ipv4",
            Self::LoopbackIpv6 => "loopback_ipv6",
            Self::PrivateIpv4 => "private_ipv4",
            Self::PrivateIpv6 => "private_ipv6",
            Self::PublicIpv4 => "public_ipv4",
            Self::PublicIpv6 => "public_ipv6",
        }
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    address.is_private() || address.is_link_local() || (first == 100 && second & 0xc0 == 64)
}

const fn is_private_v6(address: Ipv6Addr) -> bool {
    address.is_unique_local() || address.is_unicast_link_local()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_of_one_kind() {
        for (address, class) in [
            ("127.8.0.1", AddressClass::LoopbackIpv4),
            ("::ffff:127.0.0.1", AddressClass::LoopbackIpv4),
            ("::1", AddressClass::LoopbackIpv6),
            ("10.1.2.3", AddressClass::PrivateIpv4),
            ("172.31.0.1", AddressClass::PrivateIpv4),
            ("192.168.0.1", AddressClass::PrivateIpv4),
            ("169.254.1.1", AddressClass::PrivateIpv4),
            ("100.64.0.1", AddressClass::PrivateIpv4),
            ("100.127.255.255", AddressClass::PrivateIpv4),
            ("100.128.0.1", AddressClass::PublicIpv4),
            ("172.32.0.1", AddressClass::PublicIpv4),
            ("192.0.2.1", AddressClass::PublicIpv4),
            ("fd00::1", AddressClass::PrivateIpv6),
            ("fe80::1", AddressClass::PrivateIpv6),
            ("2001:db8::1", AddressClass::PublicIpv6),
            ("::ffff:192.0.2.1", AddressClass::PublicIpv4),
        ] {
            assert_eq!(AddressClass::of(Some(address.parse().unwrap())), class, "{address}");
        }
        assert_eq!(AddressClass::of(None), AddressClass::Unknown);
    }

    #[test]
    fn a_number_says_which_and_an_unknown_one_says_nothing() {
        for class in AddressClass::ALL {
            assert_eq!(AddressClass::from_number(class.number().into()), class);
        }
        for unknown in [-1, 7, 256, i64::MAX] {
            assert_eq!(AddressClass::from_number(unknown), AddressClass::Unknown);
        }
    }
}

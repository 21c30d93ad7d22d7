//! Long lists, which are indexed, against looking at every rule.
#![expect(clippy::unwrap_used, reason = "clippy takes only test functions for tests")]

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use model::{PolicyId, TokenId};
use policy::{CompiledPolicies, Decision, Facts, Outcome, Policy, Rule, RuleSet};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

fn token(n: u16) -> TokenId {
    let [a, b] = n.to_be_bytes();
    // Ids that differ in their first, last and inner bytes.
    TokenId::from_bytes([a, 0, 0, b, 0, 0, 0, a, b, 0, 0, 0, 0, 0, a, b])
}

/// Networks of every size that overlap, contain and touch each other.
fn any_network() -> impl Strategy<Value = IpNet> {
    let narrow = |bits: u32| Ipv4Addr::from_bits(0x0a00_0000 | (bits & 0x0000_3fff));
    let wide = |bits: u128| Ipv6Addr::from_bits((0x2001_0db8 << 96) | (bits & 0x3fff));
    prop_oneof![
        8 => (any::<u32>(), 16..=32_u8).prop_map(move |(bits, prefix)| {
            IpNet::V4(Ipv4Net::new(narrow(bits), prefix).unwrap().trunc())
        }),
        8 => (any::<u128>(), 112..=128_u8).prop_map(move |(bits, prefix)| {
            IpNet::V6(Ipv6Net::new(wide(bits), prefix).unwrap().trunc())
        }),
        1 => prop_oneof![Just("255.255.255.255/32"), Just("0.0.0.0/1"), Just("8000::/1"), Just("0.0.0.0/0")]
            .prop_map(|text| text.parse().unwrap()),
    ]
}

/// The addresses at a network's ends, and beside them.
fn around(network: IpNet, which: u8) -> IpAddr {
    let beside = |address: IpAddr, up: bool| match address {
        IpAddr::V4(it) if up => IpAddr::V4(Ipv4Addr::from_bits(it.to_bits().wrapping_add(1))),
        IpAddr::V4(it) => IpAddr::V4(Ipv4Addr::from_bits(it.to_bits().wrapping_sub(1))),
        IpAddr::V6(it) if up => IpAddr::V6(Ipv6Addr::from_bits(it.to_bits().wrapping_add(1))),
        IpAddr::V6(it) => IpAddr::V6(Ipv6Addr::from_bits(it.to_bits().wrapping_sub(1))),
    };
    match which % 4 {
        0 => network.network(),
        1 => network.broadcast(),
        2 => beside(network.network(), false),
        _ => beside(network.broadcast(), true),
    }
}

#[derive(Debug, Clone)]
struct List {
    tokens: Vec<u16>,
    networks: Vec<IpNet>,
    countries: Vec<String>,
    /// Holds when there is a certificate: never here.
    has_other: bool,
}

fn any_list(most: usize) -> impl Strategy<Value = List> {
    (vec(0..200_u16, 0..most), vec(any_network(), 0..most), vec("[A-D][A-D]", 0..4), any::<bool>())
        .prop_map(|(tokens, networks, countries, has_other)| List { tokens, networks, countries, has_other })
}

impl List {
    /// In an order that mixes the kinds.
    fn rules(&self) -> Vec<Rule> {
        let mut rules: Vec<Rule> = self.tokens.iter().map(|n| Rule::ServiceToken(token(*n))).collect();
        for (index, network) in self.networks.iter().enumerate() {
            rules.insert((index * 2).min(rules.len()), Rule::ip(&network.to_string()).unwrap());
        }
        rules.extend(self.countries.iter().map(|code| Rule::country(code).unwrap()));
        if self.has_other {
            rules.insert(rules.len() / 2, Rule::Certificate);
        }
        rules
    }

    /// None: in doubt.
    fn holds(&self, request: &Request) -> Option<bool> {
        let is_token = request.token.is_some_and(|n| self.tokens.contains(&n));
        let is_country = request.country.as_ref().is_some_and(|code| self.countries.contains(code));
        let is_near = request.address.map(|address| {
            let address = address.to_canonical();
            self.networks.iter().any(|network| network.contains(&address))
        });
        match (is_token || is_country, is_near) {
            (true, _) | (_, Some(true)) => Some(true),
            (false, Some(false)) => Some(false),
            (false, None) if self.networks.is_empty() => Some(false),
            (false, None) => None,
        }
    }
}

#[derive(Debug, Clone)]
struct Request {
    token: Option<u16>,
    address: Option<IpAddr>,
    country: Option<String>,
}

fn any_case() -> impl Strategy<Value = (List, List, Request)> {
    let request = (option::of(0..200_u16), any_network(), any::<u8>(), option::of("[A-D][A-D]"));
    (any_list(60), any_list(8), request, any::<prop::sample::Index>(), 0..10_u8).prop_map(
        |(include, exclude, (token, elsewhere, which, country), pick, has_address)| {
            let near = if include.networks.is_empty() { &elsewhere } else { pick.get(&include.networks) };
            let address = (has_address > 0).then(|| around(*near, which));
            (include, exclude, Request { token, address, country })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_indexed_list_says_what_its_rules_say_one_by_one((include, exclude, request) in any_case()) {
        let expected = match (include.holds(&request), exclude.holds(&request)) {
            (Some(false), _) | (_, Some(true)) => Some(false),
            (Some(true), Some(false)) => Some(true),
            (None | Some(true), None) | (None, Some(false)) => None,
        };
        let rules = RuleSet { include: include.rules(), exclude: exclude.rules(), ..RuleSet::default() };
        let facts = Facts::new()
            .with_address(request.address)
            .with_country(request.country.as_ref().map(|code| code.parse().unwrap()))
            .with_service_token(request.token.map(token));
        for (decision, outcome, when_in_doubt) in [
            (Decision::NonIdentity, Outcome::ServiceAuth, Outcome::NoMatch),
            (Decision::Deny, Outcome::Deny, Outcome::Deny),
        ] {
            let rules = rules.clone();
            let policy = Policy { id: PolicyId::from_bytes([1; 16]), name: String::new(), decision, rules };
            let compiled = CompiledPolicies::compile(&[policy], |_| None);
            let expected = match expected {
                Some(true) => outcome,
                Some(false) => Outcome::NoMatch,
                None => when_in_doubt,
            };
            prop_assert_eq!(compiled.evaluate(&facts).outcome, expected);
            prop_assert_eq!(compiled.explain(&facts).0.outcome, expected);
        }
    }
}

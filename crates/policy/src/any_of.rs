//! A list of rules of which one must hold, indexed: what is found among many without looking at each.
//!
//! Tokens are found by bisection among the ids, addresses by bisection among the networks' ranges, countries in a set.
//! What else there is (rarely more than a few) is judged one by one.

use crate::evaluate::{Check, Scene};
use crate::rule::{Rule, Truth};
use crate::value::CountryCode;
use model::TokenId;
use std::net::IpAddr;

/// The index of one list. Says what judging each rule and taking the maximum would say.
#[derive(Debug)]
pub(crate) struct AnyOf {
    /// Ascending.
    tokens: Box<[u128]>,
    v4: Ranges<u32>,
    v6: Ranges<u128>,
    /// Ascending.
    countries: Box<[CountryCode]>,
    /// Places in the list of what is judged one by one, groups last: they cost most.
    others: Box<[usize]>,
    has_networks: bool,
}

impl AnyOf {
    pub fn new(checks: &[Check]) -> Self {
        let (mut tokens, mut v4, mut v6) = (Vec::new(), Vec::new(), Vec::new());
        let (mut countries, mut others) = (Vec::new(), Vec::new());
        for (place, check) in checks.iter().enumerate() {
            match check {
                Check::Rule(Rule::ServiceToken(token)) => tokens.push(number(token)),
                Check::Rule(Rule::Ip(network)) => match network.ends() {
                    (IpAddr::V4(first), IpAddr::V4(last)) => v4.push((first.to_bits(), last.to_bits())),
                    (IpAddr::V6(first), IpAddr::V6(last)) => v6.push((first.to_bits(), last.to_bits())),
                    (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => others.push(place),
                },
                Check::Rule(Rule::Country(country)) => countries.push(*country),
                Check::Rule(_) | Check::Group(_) | Check::Doubt(..) => others.push(place),
            }
        }
        let has_networks = !v4.is_empty() || !v6.is_empty();
        tokens.sort_unstable();
        tokens.dedup();
        countries.sort_unstable();
        countries.dedup();
        others.sort_by_key(|place| matches!(checks.get(*place), Some(Check::Group(_))));
        Self {
            tokens: tokens.into(),
            v4: Ranges::new(v4),
            v6: Ranges::new(v6),
            countries: countries.into(),
            others: others.into(),
            has_networks,
        }
    }

    /// `checks`: those it was made from.
    pub fn judge(&self, checks: &[Check], scene: &Scene<'_>) -> Truth {
        let facts = scene.facts;
        if !self.tokens.is_empty()
            && facts.service_token().is_some_and(|token| self.tokens.binary_search(&number(&token)).is_ok())
        {
            return Truth::Yes;
        }
        let mut truth = Truth::No;
        if self.has_networks {
            match facts.address() {
                Some(IpAddr::V4(address)) if self.v4.contains(address.to_bits()) => return Truth::Yes,
                Some(IpAddr::V6(address)) if self.v6.contains(address.to_bits()) => return Truth::Yes,
                Some(_) => {}
                None => truth = Truth::Doubt,
            }
        }
        if !self.countries.is_empty()
            && facts.country().is_some_and(|country| self.countries.binary_search(&country).is_ok())
        {
            return Truth::Yes;
        }
        for check in self.others.iter().filter_map(|place| checks.get(*place)) {
            truth = truth.max(check.judge(scene));
            if truth == Truth::Yes {
                break;
            }
        }
        truth
    }
}

fn number(token: &TokenId) -> u128 {
    u128::from_be_bytes(*token.as_bytes())
}

/// Ranges that do not overlap, ascending; both ends belong to them.
#[derive(Debug)]
struct Ranges<N>(Box<[(N, N)]>);

impl<N: Copy + Ord> Ranges<N> {
    fn new(mut given: Vec<(N, N)>) -> Self {
        given.sort_unstable();
        let mut ranges: Vec<(N, N)> = Vec::with_capacity(given.len());
        for (first, last) in given {
            match ranges.last_mut() {
                Some((_, end)) if first <= *end => *end = last.max(*end),
                Some(_) | None => ranges.push((first, last)),
            }
        }
        Self(ranges.into())
    }

    fn contains(&self, wanted: N) -> bool {
        let Self(ranges) = self;
        let after = ranges.partition_point(|(first, _)| *first <= wanted);
        after.checked_sub(1).and_then(|place| ranges.get(place)).is_some_and(|(_, last)| wanted <= *last)
    }
}

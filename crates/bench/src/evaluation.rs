//! The policy engine alone, on one core: ten policies of ten rules, of which the last rule holds, or none.

use crate::report::{Role, Row, Section};
use crate::series::{Series, Turn, nanos, now};
use anyhow::{Result, ensure};
use ipnet::IpNet;
use model::{PolicyId, TokenId};
use policy::{CompiledPolicies, Decision, Facts, Outcome, Policy, Rule, RuleSet};
use std::hint::black_box;
use std::net::IpAddr;
use std::time::Duration;

const POLICIES: usize = 10;
const RULES: usize = 10;
/// One reading of the clock for so many decisions.
const BATCH: u32 = 256;
const TURN: Duration = Duration::from_millis(150);

/// The same question without an engine: what a programmer would write by hand for these very rules.
enum Plain {
    Network(IpNet),
    Token(TokenId),
}

impl Plain {
    fn holds(&self, address: IpAddr, token: TokenId) -> bool {
        match self {
            Self::Network(network) => network.contains(&address),
            Self::Token(named) => *named == token,
        }
    }
}

/// Networks and tokens in turn; `named` is in the very last rule.
fn rules(named: TokenId) -> Result<(Vec<Policy>, Vec<Plain>)> {
    let (mut policies, mut plain) = (Vec::new(), Vec::new());
    for policy in 0..POLICIES {
        let mut include = Vec::new();
        for rule in 0..RULES {
            let is_last = policy + 1 == POLICIES && rule + 1 == RULES;
            if rule % 2 == 0 {
                let network = format!("10.{policy}.{rule}.0/24");
                include.push(Rule::ip(&network)?);
                plain.push(Plain::Network(network.parse()?));
            } else {
                let token = if is_last { named } else { TokenId::random() };
                include.push(Rule::ServiceToken(token));
                plain.push(Plain::Token(token));
            }
        }
        let rules = RuleSet { include, ..RuleSet::default() };
        let name = format!("policy {policy}");
        policies.push(Policy { id: PolicyId::random(), name, decision: Decision::NonIdentity, rules });
    }
    Ok((policies, plain))
}

pub fn measure(rounds: u16) -> Result<Section> {
    let (named, stranger) = (TokenId::random(), TokenId::random());
    let address: IpAddr = [192, 0, 2, 1].into();
    let (policies, plain) = rules(named)?;
    let compiled = CompiledPolicies::compile(&policies, |_| None);
    let decide = |token: TokenId| {
        let facts = Facts::new().with_address(black_box(address)).with_service_token(black_box(token));
        black_box(&compiled).evaluate(&facts).outcome
    };
    let by_hand = |token: TokenId| {
        let (address, token) = (black_box(address), black_box(token));
        black_box(&plain).iter().any(|rule| rule.holds(address, token))
    };
    ensure!(decide(named) == Outcome::ServiceAuth && by_hand(named), "the last rule does not hold");
    ensure!(decide(stranger) == Outcome::NoMatch && !by_hand(stranger), "a rule holds that must not");
    let mut rows = Vec::new();
    for (token, which) in [(named, "the last rule holds"), (stranger, "none holds")] {
        let mut floor = Series::new(format!("the same comparisons in one flat list, {which}"));
        let mut path = Series::new(format!("{POLICIES} policies of {RULES} rules, {which}"));
        for _ in 0..rounds {
            floor.take(BATCH, || Ok::<_, anyhow::Error>(turn(|| by_hand(token))))?;
            path.take(BATCH, || Ok::<_, anyhow::Error>(turn(|| decide(token))))?;
        }
        rows.push(Row::new(Role::Floor, &floor, None).of_one_core());
        rows.push(Row::new(Role::Path, &path, Some(&floor)).of_one_core());
    }
    Ok(Section {
        name: "policy",
        title: "Policy evaluation, decisions on one core".to_owned(),
        notes: vec!["Percentiles are over batches of 256 decisions.".to_owned()],
        rows,
    })
}

fn turn<T>(decide: impl Fn() -> T) -> Turn {
    let start = now();
    let (end, mut last, mut latencies) = (start.after(TURN), start, Vec::with_capacity(1 << 14));
    while last < end {
        for _ in 0..BATCH {
            black_box(decide());
        }
        let done = now();
        latencies.push(nanos(done.since(last)));
        last = done;
    }
    Turn { elapsed: last.since(start), latencies }
}

//! Policies as they are written: ten of ten rules, and one that names many tokens or networks.

use anyhow::Result;
use model::{PolicyId, TokenId};
use policy::{CompiledPolicies, Decision, Facts, Outcome, Policy, Rule, RuleSet};
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

/// Compiled, and a request that the very last rule admits.
pub struct Judged {
    policies: CompiledPolicies,
    token: TokenId,
    address: IpAddr,
}

impl Judged {
    /// Networks and tokens in turn.
    pub fn ten_by_ten() -> Result<Self> {
        let token = TokenId::random();
        let mut policies = Vec::new();
        for number in 0..10 {
            let mut include = Vec::new();
            for rule in 0..10 {
                include.push(match rule {
                    9 if number == 9 => Rule::ServiceToken(token),
                    rule if rule % 2 == 0 => Rule::ip(&format!("10.{number}.{rule}.0/24"))?,
                    _ => Rule::ServiceToken(TokenId::random()),
                });
            }
            policies.push(policy(include));
        }
        Ok(Self::of(&policies, token))
    }

    /// One policy that names so many tokens, the request's last.
    pub fn tokens(count: u32) -> Self {
        let token = TokenId::random();
        let strangers = (1..count).map(|_| TokenId::random());
        let include = strangers.chain([token]).map(Rule::ServiceToken).collect();
        Self::of(&[policy(include)], token)
    }

    /// One policy that names so many networks, none of which is the request's, and then its token.
    pub fn networks(count: u32) -> Result<Self> {
        let token = TokenId::random();
        let network = |number| {
            let address = Ipv4Addr::from(0x0a00_0000_u32 + (number << 8));
            Rule::ip(&format!("{address}/24"))
        };
        let mut include = (1..count).map(network).collect::<Result<Vec<_>, _>>()?;
        include.push(Rule::ServiceToken(token));
        Ok(Self::of(&[policy(include)], token))
    }

    fn of(policies: &[Policy], token: TokenId) -> Self {
        let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        Self { policies: CompiledPolicies::compile(policies, |_| None), token, address }
    }

    /// Whether the request is admitted.
    pub fn decide(&self) -> bool {
        let facts =
            Facts::new().with_address(black_box(self.address)).with_service_token(black_box(self.token));
        black_box(&self.policies).evaluate(&facts).outcome == Outcome::ServiceAuth
    }
}

fn policy(include: Vec<Rule>) -> Policy {
    let rules = RuleSet { include, ..RuleSet::default() };
    Policy { id: PolicyId::random(), name: "machines".to_owned(), decision: Decision::NonIdentity, rules }
}

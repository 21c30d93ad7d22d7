//! The engine against a naive evaluator, over random policies, groups and requests.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy takes only test functions for tests, not the functions they call"
)]

use model::{GroupId, PolicyId, TokenId};
use policy::{
    Certificate, CompiledPolicies, CountryCode, Decision, Facts, Group, Identity, List, Outcome, Policy,
    Rule, RuleSet,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::net::IpAddr;

const NETWORKS: [&str; 5] = ["10.0.0.0/8", "10.1.0.0/16", "::ffff:10.1.2.3", "2001:db8::/32", "0.0.0.0/0"];
const ADDRESSES: [&str; 5] = ["10.1.2.3", "::ffff:10.1.2.3", "10.9.9.9", "2001:db8::7", "192.0.2.1"];
const COUNTRIES: [&str; 2] = ["PT", "US"];
const NAMES: [&str; 2] = ["host.example", "HOST.example"];
const EMAILS: [&str; 4] =
    ["ana@example.com", "ANA@Example.COM", "bo@other.test", "ana@evil.test@example.com"];
const METHODS: [&str; 2] = ["otp", "okta"];

fn token(n: u8) -> TokenId {
    TokenId::from_bytes([n; 16])
}

fn group_id(n: u8) -> GroupId {
    GroupId::from_bytes([n; 16])
}

fn any_rule() -> impl Strategy<Value = Rule> {
    prop_oneof![
        1 => Just(Rule::Everyone),
        1 => select(&NETWORKS[..]).prop_map(|it| Rule::ip(it).unwrap()),
        1 => select(&COUNTRIES[..]).prop_map(|it| Rule::country(it).unwrap()),
        1 => (0..3u8).prop_map(|n| Rule::ServiceToken(token(n))),
        1 => Just(Rule::AnyValidServiceToken),
        1 => Just(Rule::Certificate),
        1 => select(&NAMES[..]).prop_map(|it| Rule::common_name(it).unwrap()),
        1 => select(&EMAILS[..3]).prop_map(|it| Rule::email(it).unwrap()),
        1 => select(vec!["example.com", "OTHER.test"]).prop_map(|it| Rule::email_domain(it).unwrap()),
        1 => select(&METHODS[..]).prop_map(|it| Rule::login_method(it).unwrap()),
        3 => (0..7u8).prop_map(|n| Rule::Group(group_id(n))),
    ]
}

fn any_rules() -> impl Strategy<Value = RuleSet> {
    (vec(any_rule(), 0..4), vec(any_rule(), 0..3), vec(any_rule(), 0..3))
        .prop_map(|(include, require, exclude)| RuleSet { include, require, exclude })
}

fn any_policies() -> impl Strategy<Value = Vec<Policy>> {
    let decision = select(vec![Decision::Allow, Decision::Deny, Decision::NonIdentity, Decision::Bypass]);
    vec((decision, any_rules()), 0..7).prop_map(|policies| {
        let policy = |(n, (decision, rules)): (usize, (Decision, RuleSet))| Policy {
            id: PolicyId::from_bytes([u8::try_from(n).unwrap(); 16]),
            name: format!("policy {n}"),
            decision,
            rules,
        };
        policies.into_iter().enumerate().map(policy).collect()
    })
}

/// Some of the groups that rules name exist; they name each other, also in cycles.
fn any_groups() -> impl Strategy<Value = Vec<Group>> {
    proptest::collection::btree_map(0..7u8, any_rules(), 0..6).prop_map(|groups| {
        let group = |(n, rules)| Group { id: group_id(n), name: format!("group {n}"), rules };
        groups.into_iter().map(group).collect()
    })
}

#[derive(Debug, Clone)]
struct Request {
    address: Option<IpAddr>,
    country: Option<CountryCode>,
    token: Option<TokenId>,
    common_name: Option<&'static str>,
    identity: Option<(&'static str, &'static str)>,
}

impl Request {
    fn facts(&self) -> Facts<'_> {
        Facts::new()
            .with_address(self.address)
            .with_country(self.country)
            .with_service_token(self.token)
            .with_certificate(self.common_name.map(|common_name| Certificate { common_name }))
            .with_identity(self.identity.map(|(email, method)| Identity::new(email, method)))
    }
}

fn any_request() -> impl Strategy<Value = Request> {
    (
        proptest::option::weighted(0.8, select(&ADDRESSES[..]).prop_map(|it| it.parse().unwrap())),
        proptest::option::of(select(&COUNTRIES[..]).prop_map(|it| it.parse().unwrap())),
        proptest::option::of((0..4u8).prop_map(token)),
        proptest::option::of(select(vec!["host.example", "HOST.example", ""])),
        proptest::option::of((select(&EMAILS[..]), select(&METHODS[..]))),
    )
        .prop_map(|(address, country, token, common_name, identity)| Request {
            address,
            country,
            token,
            common_name,
            identity,
        })
}

/// The rules of the contract and the crate's documentation, written as plainly as possible. None is doubt.
struct Naive<'a> {
    groups: &'a [Group],
    request: &'a Request,
    decision: Decision,
}

impl Naive<'_> {
    fn set(&self, rules: &RuleSet) -> Option<bool> {
        let judge = |list: &[Rule]| list.iter().map(|rule| self.rule(rule)).collect::<Vec<_>>();
        let (include, require, exclude) =
            (judge(&rules.include), judge(&rules.require), judge(&rules.exclude));
        let is_no = |it: Option<bool>| it == Some(false);
        let surely_not = include.iter().copied().all(is_no)
            || require.iter().copied().any(is_no)
            || exclude.contains(&Some(true));
        let surely = include.contains(&Some(true))
            && require.iter().all(|it| *it == Some(true))
            && exclude.iter().copied().all(is_no);
        if surely_not {
            Some(false)
        } else if surely {
            Some(true)
        } else {
            None
        }
    }

    fn rule(&self, rule: &Rule) -> Option<bool> {
        let request = self.request;
        let login = |holds: &dyn Fn(&str, &str) -> bool| {
            let held = request.identity.is_some_and(|(email, method)| holds(email, method));
            (self.decision != Decision::Bypass).then_some(held)
        };
        let text = rule.to_string();
        let value = text.split_once(' ').map_or("", |(_, value)| value);
        match rule {
            Rule::Everyone => Some(true),
            Rule::Ip(_) => {
                let network: ipnet::IpNet = value.parse().unwrap();
                request.address.map(|address| network.contains(&address.to_canonical()))
            }
            Rule::Country(_) => Some(request.country.is_some_and(|country| country.as_str() == value)),
            Rule::ServiceToken(id) => Some(request.token == Some(*id)),
            Rule::AnyValidServiceToken => Some(request.token.is_some()),
            Rule::Certificate => Some(request.common_name.is_some()),
            Rule::CommonName(_) => Some(request.common_name == Some(value)),
            Rule::Email(_) => login(&|email, _| email.to_lowercase() == value),
            Rule::EmailDomain(_) => login(&|email, _| {
                let parts: Vec<String> = email.to_lowercase().split('@').map(str::to_owned).collect();
                parts.len() == 2 && parts[1] == value
            }),
            Rule::LoginMethod(_) => login(&|_, method| method == value),
            Rule::Group(id) => {
                let group = self.groups.iter().find(|group| group.id == *id)?;
                if self.leads_into_a_cycle(group, &[]) { None } else { self.set(&group.rules) }
            }
        }
    }

    fn leads_into_a_cycle(&self, group: &Group, path: &[GroupId]) -> bool {
        let path = [path, &[group.id]].concat();
        group.rules.groups().any(|id| {
            path.contains(&id)
                || self
                    .groups
                    .iter()
                    .find(|group| group.id == id)
                    .is_some_and(|group| self.leads_into_a_cycle(group, &path))
        })
    }
}

fn naive_verdict(policies: &[Policy], groups: &[Group], request: &Request) -> (Outcome, Option<usize>) {
    let first = policies
        .iter()
        .enumerate()
        .filter(|(_, it)| matches!(it.decision, Decision::Bypass | Decision::NonIdentity));
    let then =
        policies.iter().enumerate().filter(|(_, it)| matches!(it.decision, Decision::Allow | Decision::Deny));
    for (index, policy) in first.chain(then) {
        let truth = Naive { groups, request, decision: policy.decision }.set(&policy.rules);
        let outcome = match policy.decision {
            Decision::Bypass if truth == Some(true) => Outcome::Bypass,
            Decision::NonIdentity if truth == Some(true) => Outcome::ServiceAuth,
            Decision::Allow if truth == Some(true) && request.identity.is_some() => Outcome::Allow,
            Decision::Deny if truth != Some(false) => Outcome::Deny,
            _ => continue,
        };
        return (outcome, Some(index));
    }
    (Outcome::NoMatch, None)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_agrees_with_the_naive_evaluator(
        policies in any_policies(), groups in any_groups(), requests in vec(any_request(), 1..4)
    ) {
        let compiled = CompiledPolicies::compile(&policies, |id| groups.iter().find(|group| group.id == id));
        for request in &requests {
            let verdict = compiled.evaluate(&request.facts());
            let expected = naive_verdict(&policies, &groups, request);
            prop_assert_eq!((verdict.outcome, verdict.policy.map(|it| it.index)), expected);
            prop_assert_eq!(verdict.policy.map(|it| it.id), expected.1.map(|index| policies[index].id));
        }
    }

    #[test]
    fn the_explanation_agrees_with_the_verdict(
        policies in any_policies(), groups in any_groups(), request in any_request()
    ) {
        let compiled = CompiledPolicies::compile(&policies, |id| groups.iter().find(|group| group.id == id));
        let (verdict, traces) = compiled.explain(&request.facts());
        prop_assert_eq!(verdict, compiled.evaluate(&request.facts()));
        let matched: Vec<usize> = traces.iter().filter(|it| it.matched).map(|it| it.index).collect();
        prop_assert_eq!(matched, verdict.policy.map(|it| it.index).into_iter().collect::<Vec<_>>());
        if verdict.policy.is_some() {
            prop_assert!(traces.last().unwrap().matched, "nothing is judged after the decision");
        } else {
            prop_assert_eq!(traces.len(), policies.len());
        }
        for trace in &traces {
            let policy = &policies[trace.index];
            prop_assert_eq!(trace.rules.len(), policy.rules.iter().count());
            let naive = Naive { groups: &groups, request: &request, decision: policy.decision };
            for rule in &trace.rules {
                let given = naive.rule(&policy.rules.list(rule.list)[rule.index]);
                prop_assert_eq!((rule.held, rule.is_in_doubt), (given == Some(true), given.is_none()));
            }
            // The trace alone lets a reader follow the decision.
            let of = |list| trace.rules.iter().filter(move |rule| rule.list == list);
            if policy.decision != Decision::Deny && trace.matched {
                prop_assert!(of(List::Include).any(|rule| rule.held));
                prop_assert!(of(List::Require).all(|rule| rule.held));
                prop_assert!(!of(List::Exclude).any(|rule| rule.held || rule.is_in_doubt));
            }
        }
    }

    #[test]
    fn a_valid_policy_is_in_doubt_only_without_an_address(
        policies in any_policies(), groups in any_groups(), mut request in any_request()
    ) {
        request.address.get_or_insert(IpAddr::from([192, 0, 2, 1]));
        // A group is stored only while all it names is.
        let mut groups = groups;
        loop {
            let known = groups.clone();
            groups.retain(|group| group.validate(|id| known.iter().find(|it| it.id == id)).is_ok());
            if groups.len() == known.len() {
                break;
            }
        }
        let find = |id| groups.iter().find(|group| group.id == id);
        let valid: Vec<Policy> = policies.into_iter().filter(|policy| policy.validate(find).is_ok()).collect();
        let (_, traces) = CompiledPolicies::compile(&valid, find).explain(&request.facts());
        prop_assert!(traces.iter().flat_map(|it| &it.rules).all(|rule| !rule.is_in_doubt));
    }

    #[test]
    fn evaluating_allocates_nothing(
        policies in any_policies(), groups in any_groups(), request in any_request()
    ) {
        let compiled = CompiledPolicies::compile(&policies, |id| groups.iter().find(|group| group.id == id));
        let count = allocation_counter::measure(|| {
            std::hint::black_box(compiled.evaluate(&request.facts()));
        });
        prop_assert_eq!(count.count_total, 0);
    }
}

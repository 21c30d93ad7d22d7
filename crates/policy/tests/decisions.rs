//! What the contract says about decisions, case by case.
#![expect(
    clippy::unwrap_used,
    reason = "clippy takes only test functions for tests, not the functions they call"
)]

use model::{GroupId, PolicyId, TokenId};
use policy::{CompiledPolicies, Decision, Facts, Group, Identity, Outcome, Policy, Rule, RuleSet};
use std::net::IpAddr;

fn policy(decision: Decision, include: Vec<Rule>) -> Policy {
    let rules = RuleSet { include, ..RuleSet::default() };
    Policy { id: PolicyId::random(), name: decision.to_string(), decision, rules }
}

fn group(include: Vec<Rule>) -> Group {
    let rules = RuleSet { include, ..RuleSet::default() };
    Group { id: GroupId::random(), name: "group".into(), rules }
}

fn compile(policies: &[Policy], groups: &[Group]) -> CompiledPolicies {
    CompiledPolicies::compile(policies, |id| groups.iter().find(|group| group.id == id))
}

fn outcome(policies: &[Policy], groups: &[Group], facts: &Facts<'_>) -> Outcome {
    compile(policies, groups).evaluate(facts).outcome
}

fn machine() -> Facts<'static> {
    Facts::new().with_address("192.0.2.1".parse::<IpAddr>().unwrap()).with_service_token(TokenId::random())
}

fn person() -> Facts<'static> {
    Facts::new()
        .with_address("192.0.2.1".parse::<IpAddr>().unwrap())
        .with_identity(Identity::new("ana@example.com", "otp"))
}

#[test]
fn service_auth_and_bypass_come_before_allow_and_deny() {
    let list = [
        policy(Decision::Allow, vec![Rule::Everyone]),
        policy(Decision::Deny, vec![Rule::Everyone]),
        policy(Decision::NonIdentity, vec![Rule::Everyone]),
        policy(Decision::Bypass, vec![Rule::Everyone]),
        policy(Decision::Allow, vec![Rule::Everyone]),
    ];
    let judged = |policies: &[Policy]| {
        let verdict = compile(policies, &[]).evaluate(&person());
        verdict.policy.map(|it| it.id)
    };
    // The contract's own example: A B C D E is judged as C D A B E.
    let mut left = list.to_vec();
    for next in [2, 3, 0, 1, 4] {
        assert_eq!(judged(&left), Some(list[next].id));
        left.retain(|policy| policy.id != list[next].id);
    }
    assert_eq!(judged(&left), None);
}

#[test]
fn the_verdict_names_the_place_in_the_given_list() {
    let list = [
        policy(Decision::Deny, vec![Rule::Everyone]),
        policy(Decision::Bypass, vec![Rule::ip("10.0.0.0/8").unwrap()]),
        policy(Decision::NonIdentity, vec![Rule::AnyValidServiceToken]),
    ];
    let verdict = compile(&list, &[]).evaluate(&machine());
    assert_eq!(verdict.outcome, Outcome::ServiceAuth);
    assert_eq!(verdict.policy.map(|it| (it.index, it.id)), Some((2, list[2].id)));
}

#[test]
fn a_service_token_alone_is_never_admitted_by_an_allow_policy() {
    for rule in [Rule::Everyone, Rule::AnyValidServiceToken, Rule::ip("0.0.0.0/0").unwrap()] {
        let allow = [policy(Decision::Allow, vec![rule])];
        assert_eq!(outcome(&allow, &[], &machine()), Outcome::NoMatch);
        let service_auth = [policy(Decision::NonIdentity, allow[0].rules.include.clone())];
        assert_eq!(outcome(&service_auth, &[], &machine()), Outcome::ServiceAuth);
    }
    assert_eq!(outcome(&[policy(Decision::Allow, vec![Rule::Everyone])], &[], &person()), Outcome::Allow);
}

#[test]
fn include_is_any_require_is_all_exclude_is_none() {
    let everyone_from = |require: &[&str], exclude: &[&str]| {
        let country = |code: &&str| Rule::country(code).unwrap();
        let mut it = policy(Decision::Bypass, vec![Rule::country("XX").unwrap(), Rule::Everyone]);
        it.rules.require = require.iter().map(country).collect();
        it.rules.exclude = exclude.iter().map(country).collect();
        outcome(&[it], &[], &Facts::new().with_country("PT".parse().ok()))
    };
    assert_eq!(everyone_from(&["PT"], &[]), Outcome::Bypass);
    assert_eq!(everyone_from(&["PT", "US"], &[]), Outcome::NoMatch, "two countries are impossible");
    assert_eq!(everyone_from(&[], &["US", "PT"]), Outcome::NoMatch);
    assert_eq!(everyone_from(&[], &["US"]), Outcome::Bypass);
    for decision in [Decision::Allow, Decision::Deny, Decision::NonIdentity, Decision::Bypass] {
        assert_eq!(outcome(&[policy(decision, vec![])], &[], &person()), Outcome::NoMatch, "{decision}");
    }
}

#[test]
fn a_missing_group_closes_wherever_it_is_named() {
    let missing = Rule::Group(GroupId::random());
    for decision in [Decision::Allow, Decision::NonIdentity, Decision::Bypass] {
        assert_eq!(outcome(&[policy(decision, vec![missing.clone()])], &[], &person()), Outcome::NoMatch);
        let mut required = policy(decision, vec![Rule::Everyone]);
        required.rules.require.push(missing.clone());
        assert_eq!(outcome(&[required], &[], &person()), Outcome::NoMatch);
        let mut excluded = policy(decision, vec![Rule::Everyone]);
        excluded.rules.exclude.push(missing.clone());
        assert_eq!(outcome(&[excluded], &[], &person()), Outcome::NoMatch);
        // Doubt does not spoil what is certain without it.
        let either = policy(decision, vec![missing.clone(), Rule::Everyone]);
        assert!(outcome(&[either], &[], &person()).is_admitted());
    }
    let mut deny = policy(Decision::Deny, vec![missing.clone()]);
    assert_eq!(outcome(&[deny.clone()], &[], &person()), Outcome::Deny);
    deny.rules.require.push(Rule::AnyValidServiceToken);
    assert_eq!(outcome(&[deny], &[], &person()), Outcome::NoMatch, "certainly not meant");
    let mut deny = policy(Decision::Deny, vec![Rule::Everyone]);
    deny.rules.exclude.push(missing);
    assert_eq!(outcome(&[deny], &[], &person()), Outcome::Deny);
}

#[test]
fn a_group_in_require_gives_or() {
    let either = group(vec![Rule::country("PT").unwrap(), Rule::country("US").unwrap()]);
    let mut it = policy(Decision::Bypass, vec![Rule::Everyone]);
    it.rules.require.push(Rule::Group(either.id));
    let from = |code: &str| {
        outcome(
            std::slice::from_ref(&it),
            std::slice::from_ref(&either),
            &Facts::new().with_country(code.parse().ok()),
        )
    };
    assert_eq!((from("PT"), from("US"), from("DE")), (Outcome::Bypass, Outcome::Bypass, Outcome::NoMatch));
}

#[test]
fn groups_that_lead_into_a_cycle_are_in_doubt_from_every_entrance() {
    let (mut a, mut b) = (group(vec![Rule::Everyone]), group(vec![Rule::Everyone]));
    a.rules.include.push(Rule::Group(b.id));
    b.rules.include.push(Rule::Group(a.id));
    let outside = group(vec![Rule::Everyone, Rule::Group(a.id)]);
    let groups = [a, b, outside];
    for entrance in &groups {
        let named = || vec![Rule::Group(entrance.id)];
        assert_eq!(outcome(&[policy(Decision::Bypass, named())], &groups, &person()), Outcome::NoMatch);
        assert_eq!(outcome(&[policy(Decision::Deny, named())], &groups, &person()), Outcome::Deny);
        let error = policy(Decision::Deny, named())
            .validate(|id| groups.iter().find(|group| group.id == id))
            .unwrap_err();
        assert_eq!(error.violations()[0].field, "include/0/group/id");
        let error = entrance
            .validate(|id| groups.iter().find(|group| group.id == id && id != entrance.id))
            .unwrap_err();
        assert_eq!(error.violations()[0].field, "include/1/group/id");
    }
}

#[test]
fn groups_that_double_at_every_level_stay_cheap() {
    let mut groups = vec![group(vec![Rule::AnyValidServiceToken])];
    for _ in 0..60 {
        let last = Rule::Group(groups.last().unwrap().id);
        groups.push(group(vec![last.clone(), last]));
    }
    let top = policy(Decision::NonIdentity, vec![Rule::Group(groups.last().unwrap().id)]);
    assert!(top.validate(|id| groups.iter().find(|group| group.id == id)).is_err());
    let compiled = compile(&[top], &groups);
    assert_eq!(compiled.evaluate(&person()).outcome, Outcome::NoMatch);
    assert_eq!(compiled.evaluate(&machine()).outcome, Outcome::NoMatch, "in doubt, so it does not admit");
    assert_eq!(compiled.depends_on().len(), groups.len());

    let low = policy(Decision::NonIdentity, vec![Rule::Group(groups[10].id)]);
    low.validate(|id| groups.iter().find(|group| group.id == id)).unwrap();
    assert_eq!(outcome(&[low], &groups, &machine()), Outcome::ServiceAuth);
}

#[test]
fn a_chain_of_groups_may_be_thirty_two_long() {
    let mut groups = vec![group(vec![Rule::Everyone])];
    for _ in 1..20_000 {
        let last = groups.last().unwrap().id;
        groups.push(group(vec![Rule::Group(last)]));
    }
    let by_id: std::collections::HashMap<_, _> = groups.iter().map(|group| (group.id, group)).collect();
    let admits = |length: usize| {
        let it = policy(Decision::Bypass, vec![Rule::Group(groups[length - 1].id)]);
        let is_valid = it.validate(|id| by_id.get(&id).copied()).is_ok();
        let compiled = CompiledPolicies::compile(&[it], |id| by_id.get(&id).copied());
        let is_admitted = compiled.evaluate(&Facts::new()).outcome.is_admitted();
        assert_eq!(is_valid, is_admitted, "{length}");
        is_admitted
    };
    assert!(admits(32));
    assert!(!admits(33) && !admits(40) && !admits(20_000));
}

#[test]
fn a_bypass_policy_may_not_look_at_the_login() {
    let people = group(vec![Rule::ip("10.0.0.0/8").unwrap(), Rule::email("ana@example.com").unwrap()]);
    let nested = group(vec![Rule::Group(people.id)]);
    let groups = [people, nested];
    let find = |id| groups.iter().find(|group| group.id == id);
    let mut it = policy(Decision::Bypass, vec![Rule::Everyone]);
    it.validate(find).unwrap();
    it.rules.require = vec![Rule::email_domain("example.com").unwrap()];
    it.rules.exclude = vec![Rule::Group(groups[1].id), Rule::login_method("otp").unwrap()];
    let fields: Vec<String> =
        it.validate(find).unwrap_err().violations().iter().map(|it| it.field.clone()).collect();
    assert_eq!(fields, ["require/0/email_domain", "exclude/0/group", "exclude/1/login_method"]);

    // A group that gained such a rule later admits nobody by it, and keeps nobody out of what it excludes.
    let by_group = policy(Decision::Bypass, vec![Rule::Group(groups[1].id)]);
    assert_eq!(outcome(std::slice::from_ref(&by_group), &groups, &person()), Outcome::NoMatch);
    let inside = person().with_address("10.0.0.1".parse::<IpAddr>().unwrap());
    assert_eq!(outcome(&[by_group], &groups, &inside), Outcome::Bypass, "the address is reason enough");
    let mut but_them = policy(Decision::Bypass, vec![Rule::Everyone]);
    but_them.rules.exclude.push(Rule::Group(groups[1].id));
    assert_eq!(outcome(&[but_them], &groups, &machine()), Outcome::NoMatch);
}

#[test]
fn an_unknown_address_closes() {
    let nowhere = Facts::new().with_service_token(TokenId::random());
    let network = || Rule::ip("10.0.0.0/8").unwrap();
    assert_eq!(outcome(&[policy(Decision::Deny, vec![network()])], &[], &nowhere), Outcome::Deny);
    let mut but_them = policy(Decision::NonIdentity, vec![Rule::Everyone]);
    but_them.rules.exclude.push(network());
    assert_eq!(outcome(&[but_them.clone()], &[], &nowhere), Outcome::NoMatch);
    assert_eq!(outcome(&[but_them], &[], &machine()), Outcome::ServiceAuth);
}

#[test]
fn a_policy_without_include_is_refused() {
    let error = policy(Decision::Allow, vec![]).validate(|_| None).unwrap_err();
    assert_eq!(error.violations()[0].field, "include");
    let error = policy(Decision::Allow, vec![Rule::Everyone; 1001]).validate(|_| None).unwrap_err();
    assert_eq!(error.violations()[0].field, "include");
    policy(Decision::Allow, vec![Rule::Everyone; 1000]).validate(|_| None).unwrap();
    let error = policy(Decision::Deny, vec![Rule::Everyone, Rule::Group(GroupId::random())])
        .validate(|_| None)
        .unwrap_err();
    assert_eq!(error.violations()[0].field, "include/1/group/id");
    assert!(group(vec![]).validate(|_| None).is_err());
}

#[test]
fn an_explanation_reads_well() {
    let staff = group(vec![Rule::email_domain("example.com").unwrap()]);
    let missing = GroupId::random();
    let mut first = policy(Decision::NonIdentity, vec![Rule::ip("10.0.0.1/8").unwrap()]);
    first.rules.exclude.push(Rule::Group(missing));
    let second = policy(Decision::Allow, vec![Rule::Group(staff.id)]);
    let unreached = policy(Decision::Deny, vec![Rule::Everyone]);
    let compiled = compile(&[second, unreached, first], std::slice::from_ref(&staff));
    let (verdict, traces) = compiled.explain(&person().with_address("10.2.3.4".parse::<IpAddr>().unwrap()));
    assert_eq!(verdict.outcome, Outcome::Allow);
    assert_eq!(traces.iter().map(|it| (it.index, it.matched)).collect::<Vec<_>>(), [(2, false), (0, true)]);
    assert_eq!(traces[0].note, Some("in doubt, so it does not admit"));
    let rules: Vec<_> =
        traces[0].rules.iter().map(|it| (it.list.as_str(), it.rule.clone(), it.held)).collect();
    assert_eq!(
        rules,
        [
            ("include", "ip 10.0.0.0/8".to_owned(), true),
            ("exclude", format!("group {missing} (in doubt: no such group)"), false),
        ]
    );
    assert_eq!(traces[1].rules[0].rule, format!("group {} (group)", staff.id));

    let (_, traces) = compiled.explain(&machine());
    assert_eq!(traces[1].note, Some("an Allow policy needs an identity"));
}

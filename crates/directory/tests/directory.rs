//! The compiled view: what readers see after loads and changes, in whatever form they come.

use change_feed::{Staleness, View as _};
use directory::{Directory, FailureMode};
use model::{AccountId, ApplicationId, Audience, GroupId, PolicyId};
use policy::{Facts, Outcome};
use proptest::prelude::*;
use prost::Message as _;
use proto::change_feed::Entry;
use proto::policy_evaluator as wire;
use std::sync::Arc;
use std::time::Duration;
use wire::failure_mode::Mode;
use wire::rule::Selector;

const fn rule(selector: Selector) -> wire::Rule {
    wire::Rule { selector: Some(selector) }
}

fn everyone() -> wire::Rule {
    rule(Selector::Everyone(wire::Empty {}))
}

fn policy(decision: wire::Decision, include: Vec<wire::Rule>) -> wire::Policy {
    let spec =
        wire::PolicySpec { name: "policy".into(), decision: decision.into(), include, ..Default::default() };
    wire::Policy { id: PolicyId::random().to_string(), spec: Some(spec), ..Default::default() }
}

fn application(id: ApplicationId, domain: &str, policies: Vec<wire::Policy>) -> wire::Application {
    let spec = wire::ApplicationSpec {
        name: "application".into(),
        r#type: "self_hosted".into(),
        domain: domain.into(),
        destinations: vec![domain.into()],
        ..Default::default()
    };
    wire::Application {
        id: id.to_string(),
        account_id: AccountId::random().to_string(),
        aud: Audience::random().to_string(),
        spec: Some(spec),
        policies,
        ..Default::default()
    }
}

fn put(position: u64, application: &wire::Application) -> Entry {
    put_with(position, application, None)
}

fn put_with(position: u64, application: &wire::Application, failure_mode: Option<Mode>) -> Entry {
    let failure_mode = failure_mode.map(|mode| wire::FailureMode { mode: Some(mode) });
    let state =
        wire::ApplicationState { application: Some(application.clone()), failure_mode, ..Default::default() }
            .encode_to_vec();
    Entry { position, object: format!("application/{}", application.id), state, removed: false }
}

fn last_known_good(max_staleness: &str) -> Mode {
    Mode::LastKnownGood(wire::failure_mode::LastKnownGood { max_staleness: max_staleness.into() })
}

fn open() -> Mode {
    Mode::Open(wire::failure_mode::Open { acknowledge: FailureMode::ACKNOWLEDGEMENT.into() })
}

fn put_group(position: u64, id: GroupId, include: Vec<wire::Rule>) -> Entry {
    let spec = wire::GroupSpec { name: "group".into(), include, ..Default::default() };
    let group = wire::Group { id: id.to_string(), spec: Some(spec), ..Default::default() };
    let state = wire::GroupState { group: Some(group) }.encode_to_vec();
    Entry { position, object: format!("group/{id}"), state, removed: false }
}

fn put_organization(position: u64, organization: &wire::Organization) -> Entry {
    let state = wire::OrganizationState { organization: Some(organization.clone()) }.encode_to_vec();
    Entry { position, object: format!("organization/{}", organization.account_id), state, removed: false }
}

fn remove(position: u64, object: &str) -> Entry {
    Entry { position, object: object.into(), state: Vec::new(), removed: true }
}

fn outcome(directory: &Directory, host: &str) -> Option<Outcome> {
    let snapshot = directory.snapshot();
    snapshot.find(host, "/").map(|it| it.policies.evaluate(&Facts::new()).outcome)
}

#[test]
fn a_change_is_visible_when_apply_returns() {
    let (directory, id) = (Directory::new(), ApplicationId::random());
    let open = application(id, "app.example.com", vec![policy(wire::Decision::Bypass, vec![everyone()])]);
    directory.load(vec![put(1, &open)]);
    assert_eq!(outcome(&directory, "APP.example.com"), Some(Outcome::Bypass));
    let mut moved = open.clone();
    moved.spec.as_mut().unwrap().domain = "new.example.com".into();
    moved.spec.as_mut().unwrap().destinations = vec![];
    moved.policies.clear();
    directory.apply(&[put(2, &moved)]);
    assert_eq!(outcome(&directory, "app.example.com"), None);
    assert_eq!(outcome(&directory, "new.example.com"), Some(Outcome::NoMatch));
    let snapshot = directory.snapshot();
    assert_eq!(snapshot.application_of_audience(&open.aud).unwrap().id, id);
    directory.apply(&[remove(3, &format!("application/{id}"))]);
    assert_eq!(outcome(&directory, "new.example.com"), None);
    assert!(directory.snapshot().application_of_audience(&open.aud).is_none());
    assert_eq!(
        snapshot.find("new.example.com", "/").unwrap().id,
        id,
        "a snapshot that is held does not change"
    );
}

#[test]
fn an_older_entry_changes_nothing_even_after_a_removal() {
    let (directory, id) = (Directory::new(), ApplicationId::random());
    let open = application(id, "app.example.com", vec![policy(wire::Decision::Bypass, vec![everyone()])]);
    let shut = wire::Application { policies: vec![], ..open.clone() };
    directory.apply(&[put(5, &shut)]);
    directory.apply(&[put(4, &open), put(5, &open)]);
    assert_eq!(outcome(&directory, "app.example.com"), Some(Outcome::NoMatch));
    directory.apply(&[remove(6, &format!("application/{id}"))]);
    directory.apply(&[put(5, &shut)]);
    assert_eq!(outcome(&directory, "app.example.com"), None);
}

#[test]
fn a_removal_stays_known_after_many_others() {
    let (directory, id) = (Directory::new(), ApplicationId::random());
    let open = application(id, "app.example.com", vec![policy(wire::Decision::Bypass, vec![everyone()])]);
    directory.apply(&[put(1, &open), remove(2, &format!("application/{id}"))]);
    let others: Vec<Entry> = (3..20_000)
        .map(|position| remove(position, &format!("application/{}", ApplicationId::random())))
        .collect();
    directory.apply(&others);
    directory.apply(&[put(1, &open)]);
    assert_eq!(outcome(&directory, "app.example.com"), None);
    directory.apply(&[put(20_001, &open)]);
    assert_eq!(outcome(&directory, "app.example.com"), Some(Outcome::Bypass));
}

#[test]
fn a_group_change_reaches_the_applications_that_use_it_also_through_others() {
    let directory = Directory::new();
    let (outer, inner) = (GroupId::random(), GroupId::random());
    let named = |group: GroupId| rule(Selector::Group(group.to_string()));
    let using = application(
        ApplicationId::random(),
        "using.example.com",
        vec![policy(wire::Decision::Bypass, vec![named(outer)])],
    );
    let other = application(
        ApplicationId::random(),
        "other.example.com",
        vec![policy(wire::Decision::Bypass, vec![everyone()])],
    );
    // The order of object names puts applications before groups.
    directory.load(vec![
        put(3, &using),
        put(4, &other),
        put_group(1, inner, vec![rule(Selector::CountryCode("PT".into()))]),
        put_group(2, outer, vec![named(inner)]),
    ]);
    assert_eq!(outcome(&directory, "using.example.com"), Some(Outcome::NoMatch));
    let untouched = directory.snapshot().find("other.example.com", "/").unwrap().clone();
    directory.apply(&[put_group(5, inner, vec![everyone()])]);
    assert_eq!(outcome(&directory, "using.example.com"), Some(Outcome::Bypass));
    assert!(Arc::ptr_eq(&untouched, directory.snapshot().find("other.example.com", "/").unwrap()));
    directory.apply(&[remove(6, &format!("group/{inner}"))]);
    assert_eq!(outcome(&directory, "using.example.com"), Some(Outcome::NoMatch));
}

#[test]
fn what_cannot_be_read_denies_where_it_was() {
    let (directory, id) = (Directory::new(), ApplicationId::random());
    let bypass = || policy(wire::Decision::Bypass, vec![everyone()]);
    let whole = application(ApplicationId::random(), "example.com", vec![bypass()]);
    let open = application(id, "example.com/part", vec![bypass()]);
    let at_part = |directory: &Directory| {
        let snapshot = directory.snapshot();
        let found = snapshot.find("example.com", "/part/x").unwrap();
        (found.id, found.policies.evaluate(&Facts::new()).outcome, found.is_closed())
    };
    directory.load(vec![put(1, &whole), put(2, &open)]);
    assert_eq!(at_part(&directory), (id, Outcome::Bypass, false));

    let unknown_selector = wire::Rule { selector: None };
    let unknown_decision =
        wire::Policy { spec: Some(wire::PolicySpec { decision: 77, ..bypass().spec.unwrap() }), ..bypass() };
    let with = |policies| wire::Application { policies, ..open.clone() };
    let mut broken_cookie = open.clone();
    broken_cookie.spec.as_mut().unwrap().same_site_cookie_attribute = "partitioned".into();
    let states = [
        put(3, &with(vec![bypass(), policy(wire::Decision::Bypass, vec![unknown_selector])])),
        put(4, &with(vec![bypass(), unknown_decision])),
        put(5, &broken_cookie),
        Entry { state: vec![0xff; 9], ..put(6, &open) },
    ];
    for state in states {
        directory.apply(&[state]);
        assert_eq!(at_part(&directory), (id, Outcome::NoMatch, true));
    }
    let mut new_pattern = open.clone();
    new_pattern.spec.as_mut().unwrap().domain = "example.com/a**b".into();
    directory.apply(&[put(7, &new_pattern)]);
    assert_eq!(
        outcome(&directory, "example.com"),
        Some(Outcome::NoMatch),
        "its host, until the pattern is known"
    );
    directory.apply(&[put(8, &open)]);
    assert_eq!(at_part(&directory), (id, Outcome::Bypass, false));
    assert_eq!(outcome(&directory, "example.com"), Some(Outcome::Bypass));
}

#[test]
fn what_cannot_be_read_denies_where_it_was_put_in_the_same_batch() {
    let (directory, id) = (Directory::new(), ApplicationId::random());
    let bypass = || policy(wire::Decision::Bypass, vec![everyone()]);
    let whole = application(ApplicationId::random(), "example.com", vec![bypass()]);
    let part = application(id, "example.com/part", vec![bypass()]);
    let unreadable = Entry { state: vec![0xff; 9], ..put(3, &part) };
    directory.apply(&[put(1, &whole), put(2, &part), unreadable]);
    let snapshot = directory.snapshot();
    let found = snapshot.find("example.com", "/part").unwrap();
    assert_eq!((found.id, found.is_closed()), (id, true), "not the application around it");
}

#[test]
fn the_failure_mode_is_closed_unless_it_is_written_readably() {
    let directory = Directory::new();
    let everybody = || vec![policy(wire::Decision::Bypass, vec![everyone()])];
    let readable = application(ApplicationId::random(), "app.example.com", everybody());
    let unknown = policy(wire::Decision::Bypass, vec![wire::Rule { selector: None }]);
    let unreadable = wire::Application { policies: vec![unknown], ..readable.clone() };
    let unacknowledged = Mode::Open(wire::failure_mode::Open { acknowledge: "yes".into() });
    for (position, (app, written, is_open)) in [
        (&readable, Some(open()), true),
        (&readable, None, false),
        (&readable, Some(open()), true),
        (&readable, Some(unacknowledged), false),
        (&readable, Some(open()), true),
        (&readable, Some(last_known_good("1h")), false),
        (&unreadable, Some(open()), false),
    ]
    .into_iter()
    .enumerate()
    {
        directory.apply(&[put_with(position as u64 + 1, app, written)]);
        let found = directory.snapshot().find("app.example.com", "/").unwrap().clone();
        let expected = if is_open { FailureMode::Open } else { FailureMode::Closed };
        assert_eq!(found.failure_mode, expected, "{position}");
        assert_eq!(found.is_closed(), std::ptr::eq(app, &raw const unreadable), "{position}");
    }
    directory.apply(&[put_with(8, &readable, Some(open()))]);
    directory.apply(&[Entry { state: vec![0xff; 9], ..put(9, &readable) }]);
    assert_eq!(directory.snapshot().find("app.example.com", "/").unwrap().failure_mode, FailureMode::Closed);
}

#[test]
fn a_group_change_keeps_the_failure_mode() {
    let (directory, group) = (Directory::new(), GroupId::random());
    let named = policy(wire::Decision::Bypass, vec![rule(Selector::Group(group.to_string()))]);
    let app = application(ApplicationId::random(), "app.example.com", vec![named]);
    directory.load(vec![put_group(1, group, vec![everyone()]), put_with(2, &app, Some(open()))]);
    directory.apply(&[put_group(3, group, vec![rule(Selector::CountryCode("PT".into()))])]);
    let snapshot = directory.snapshot();
    assert_eq!(snapshot.find("app.example.com", "/").unwrap().failure_mode, FailureMode::Open);
    assert_eq!(snapshot.longest_staleness(), Staleness::Unbounded);
}

#[test]
fn the_longest_staleness_is_that_of_the_most_patient_application() {
    let directory = Directory::new();
    let apps: Vec<_> =
        (0..3).map(|n| application(ApplicationId::random(), &format!("{n}.example.com"), vec![])).collect();
    let longest = || directory.snapshot().longest_staleness();
    let up_to = |seconds| Staleness::UpTo(Duration::from_secs(seconds));
    assert_eq!(longest(), Staleness::None);
    directory.load(vec![put(1, &apps[0]), put_with(2, &apps[1], Some(last_known_good("10s")))]);
    assert_eq!(longest(), up_to(10));
    directory.apply(&[put_with(3, &apps[2], Some(last_known_good("10s")))]);
    directory.apply(&[put_with(4, &apps[0], Some(last_known_good("5m")))]);
    assert_eq!(longest(), up_to(300));
    directory.apply(&[put_with(5, &apps[0], Some(open()))]);
    assert_eq!(longest(), Staleness::Unbounded);
    directory.apply(&[remove(6, &format!("application/{}", apps[0].id)), put(7, &apps[1])]);
    assert_eq!(longest(), up_to(10));
    directory.apply(&[put_with(8, &apps[2], Some(last_known_good("1s")))]);
    assert_eq!(longest(), up_to(1));
    directory.load(vec![]);
    assert_eq!(longest(), Staleness::None);
}

#[test]
fn session_durations_come_from_the_policy_then_the_application_then_the_default() {
    let directory = Directory::new();
    for (position, (own, applications, expected)) in [
        (Some("0s"), Some("1h"), 0),
        (Some("30m"), None, 1800),
        (Some(""), Some("1h"), 3600),
        (None, Some("1h"), 3600),
        (None, None, 86_400),
    ]
    .into_iter()
    .enumerate()
    {
        let mut bypass = policy(wire::Decision::Bypass, vec![everyone()]);
        bypass.spec.as_mut().unwrap().session_duration = own.map(Into::into);
        let mut app = application(ApplicationId::random(), "app.example.com", vec![bypass]);
        app.spec.as_mut().unwrap().session_duration = applications.map(Into::into);
        directory.load(vec![put(position as u64 + 1, &app)]);
        let snapshot = directory.snapshot();
        let found = snapshot.find("app.example.com", "/").unwrap();
        let decided = found.policies.evaluate(&Facts::new()).policy.unwrap();
        assert_eq!(found.session_duration(decided), Duration::from_secs(expected));
        assert_eq!(found.policy(decided).unwrap().name, "policy");
    }
}

#[test]
fn organizations_are_found_by_account_and_by_team_host() {
    let (directory, account) = (Directory::new(), AccountId::random());
    let lax = wire::Organization {
        account_id: account.to_string(),
        auth_domain: "Team.example.com:8443".into(),
        issuer: "https://team.example.com:8443".into(),
        ..Default::default()
    };
    directory.load(vec![put_organization(1, &lax)]);
    let snapshot = directory.snapshot();
    for host in ["team.example.com", "TEAM.example.com:8443", "team.example.com:1"] {
        assert_eq!(snapshot.organization_of_team_host(host).unwrap().account, account, "{host}");
    }
    for host in ["", "example.com", "team.example.com.evil", &"x".repeat(300)] {
        assert!(snapshot.organization_of_team_host(host).is_none(), "{host}");
    }
    assert!(!snapshot.denies_unmatched());
    directory.apply(&[Entry { state: vec![0xff; 9], ..put_organization(2, &lax) }]);
    let snapshot = directory.snapshot();
    assert!(snapshot.denies_unmatched());
    let closed = snapshot.organization(&account).unwrap();
    assert!(closed.strict_service_token_auth && closed.issuer == lax.issuer);
}

#[test]
fn finding_allocates_nothing() {
    let directory = Directory::new();
    let apps: Vec<Entry> = (1..=1000)
        .map(|n| put(n, &application(ApplicationId::random(), &format!("app{n}.example.com/path/*"), vec![])))
        .collect();
    directory.load(apps);
    let mut found = 0;
    let snapshot = directory.snapshot();
    let measured = allocation_counter::measure(|| {
        found += usize::from(snapshot.find("APP500.example.com", "/path/to/it").is_some());
        found += usize::from(snapshot.find("app500.example.com", "/elsewhere").is_some());
        found += usize::from(snapshot.organization_of_team_host("Team.example.com:80").is_some());
    });
    assert_eq!((found, measured.count_total), (1, 0));
}

/// One step of a feed over three applications that use one group.
#[derive(Debug, Clone)]
enum Step {
    Put { which: usize, domain: usize, decision: wire::Decision },
    Remove { which: usize },
    Group { is_everyone: bool },
    RemoveGroup,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let decision = prop::sample::select(vec![wire::Decision::Bypass, wire::Decision::Deny]);
    let step = prop_oneof![
        4 => (0..3_usize, 0..3_usize, decision).prop_map(|(which, domain, decision)| Step::Put { which, domain, decision }),
        2 => (0..3_usize).prop_map(|which| Step::Remove { which }),
        2 => any::<bool>().prop_map(|is_everyone| Step::Group { is_everyone }),
        1 => Just(Step::RemoveGroup),
    ];
    prop::collection::vec(step, 1..24)
}

fn entries(steps: &[Step]) -> Vec<Entry> {
    let id = |which: usize| ApplicationId::from_bytes([u8::try_from(which).unwrap_or_default(); 16]);
    let group = GroupId::from_bytes([9; 16]);
    let entry = |(index, step): (usize, &Step)| {
        let position = index as u64 + 1;
        match step {
            Step::Put { which, domain, decision } => {
                let rule = rule(Selector::Group(group.to_string()));
                // Each application has hosts of its own: the owner refuses duplicates.
                let domain = format!("{domain}.app{which}.example.com");
                put(position, &application(id(*which), &domain, vec![policy(*decision, vec![rule])]))
            }
            Step::Remove { which } => remove(position, &format!("application/{}", id(*which))),
            Step::Group { is_everyone: true } => put_group(position, group, vec![everyone()]),
            Step::Group { is_everyone: false } => {
                put_group(position, group, vec![rule(Selector::CountryCode("PT".into()))])
            }
            Step::RemoveGroup => remove(position, &format!("group/{group}")),
        }
    };
    steps.iter().enumerate().map(entry).collect()
}

fn seen(directory: &Directory) -> Vec<Option<Outcome>> {
    let hosts = (0..3).flat_map(|which| (0..3).map(move |domain| format!("{domain}.app{which}.example.com")));
    hosts.map(|host| outcome(directory, &host)).collect()
}

proptest! {
    /// Batches of any size, with any part of the past told again, come to what a load of the last states shows.
    #[test]
    fn repeats_and_batches_do_not_matter(steps in steps(), cuts in prop::collection::vec((1..6_usize, 0..24_usize), 24)) {
        let all = entries(&steps);
        let directory = Directory::new();
        let mut at = 0;
        for (length, back) in cuts {
            let from = at.min(all.len()) - back.min(at.min(all.len()));
            at = (at + length).min(all.len());
            directory.apply(&all[from..at]);
        }
        directory.apply(&all[at..]);
        let mut last = std::collections::BTreeMap::new();
        for entry in &all {
            last.insert(entry.object.clone(), entry.clone());
        }
        let loaded = Directory::new();
        loaded.load(last.into_values().filter(|entry| !entry.removed).collect());
        prop_assert_eq!(seen(&directory), seen(&loaded));
    }
}

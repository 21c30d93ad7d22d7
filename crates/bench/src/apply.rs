//! What it costs a gateway to work changes into its views, one at a time and page by page.

use crate::owner::deleted;
use crate::report::{Role, Row, Section, grouped};
use crate::series::{Series, Turn, nanos, now};
use change_feed::View;
use directory::Directory;
use model::{AccountId, ApplicationId, Audience, PolicyId, TokenId};
use prost::Message as _;
use proto::change_feed::Entry;
use proto::policy_evaluator as wire;
use revocation::{TokenStatus, Tokens};
use std::collections::HashMap;
use std::convert::Infallible;
use std::hash::Hash;
use std::sync::Arc;
use wire::rule::Selector;

/// In one turn.
const CHANGES: usize = 10_000;
/// As a catch-up reads them.
const PAGE: u32 = 5_000;
const APPLICATIONS: usize = 1_000;
const POLICIES: usize = 2;
const RULES: usize = 4;

/// `entries`: of the largest view of tokens.
pub fn measure(rounds: u16, entries: u32) -> Section {
    let mut rows = Vec::new();
    for held in [0, entries / 5, entries] {
        eprintln!("views: {held} tokens …");
        rows.extend(tokens(rounds, held));
    }
    eprintln!("views: {APPLICATIONS} applications …");
    rows.extend(applications(rounds));
    Section {
        name: "apply",
        title: format!("A gateway's views, {} changes, on one core", grouped(10_000.0)),
        notes: vec![
            "Floor: the same states, read before, put into a plain map that is as full. Percentiles of the floor and of"
                .to_owned(),
            format!("pages are means over {} changes. A gateway goes on deciding meanwhile.", grouped(f64::from(PAGE))),
        ],
        rows,
    }
}

/// The floor, and a view in both ways.
struct Trio {
    floor: Series,
    single: Series,
    paged: Series,
    /// Of the last change.
    position: u64,
}

impl Trio {
    fn new(what: &str, position: u64) -> Self {
        Self {
            floor: Series::new(format!("a plain map, {what}")),
            single: Series::new(format!("one by one, {what}")),
            paged: Series::new(format!("in pages of {}, {what}", grouped(f64::from(PAGE)))),
            position,
        }
    }

    /// One round over these states: `change` makes the entry of each, at a position.
    fn round<K: Hash + Eq + Clone, S: Clone, V: View>(
        &mut self,
        map: &mut HashMap<K, S>,
        states: &[(K, S)],
        views: [&V; 2],
        change: impl Fn(&K, &S, u64) -> Entry,
    ) {
        let Ok(()) = self.floor.take(PAGE, || Ok::<_, Infallible>(put(map, states)));
        let ways = [(&mut self.single, 1), (&mut self.paged, PAGE)];
        for ((series, page), view) in ways.into_iter().zip(views) {
            let numbered = states.iter().zip(self.position + 1..);
            let changes: Vec<Entry> =
                numbered.map(|((id, state), position)| change(id, state, position)).collect();
            self.position += CHANGES as u64;
            let Ok(()) = series.take(page, || Ok::<_, Infallible>(apply(view, &changes, page)));
        }
    }

    fn rows(&self) -> [Row; 3] {
        let Self { floor, single, paged, position: _ } = self;
        [(Role::Floor, floor), (Role::Path, single), (Role::Path, paged)]
            .map(|(role, series)| Row::new(role, series, Some(floor)).of_one_core())
    }
}

fn put<K: Hash + Eq + Clone, S: Clone>(map: &mut HashMap<K, S>, states: &[(K, S)]) -> Turn {
    timed(states.chunks(PAGE as usize), |page| map.extend(page.iter().cloned()))
}

fn apply(view: &impl View, changes: &[Entry], page: u32) -> Turn {
    timed(changes.chunks(page as usize), |page| view.apply(page))
}

fn timed<T>(pages: impl Iterator<Item = T>, mut work: impl FnMut(T)) -> Turn {
    let start = now();
    let (mut last, mut latencies) = (start, Vec::with_capacity(CHANGES));
    for page in pages {
        work(page);
        let done = now();
        latencies.push(nanos(done.since(last)));
        last = done;
    }
    Turn { elapsed: last.since(start), latencies }
}

/// Changes of tokens that the view holds; where it holds none, of new ones.
fn tokens(rounds: u16, held: u32) -> [Row; 3] {
    let ids: Vec<TokenId> = (0..held).map(|_| TokenId::random()).collect();
    let new: Vec<TokenId> = (0..CHANGES).map(|_| TokenId::random()).collect();
    let changed = if ids.is_empty() { &new } else { &ids };
    let entry = |id: &TokenId, position: u64| Entry {
        position,
        object: format!("token/{id}"),
        state: deleted(*id).encode_to_vec(),
        removed: false,
    };
    let status = |id: &TokenId| (*id, TokenStatus::from(&deleted(*id)));
    let states: Vec<(TokenId, TokenStatus)> = changed.iter().cycle().take(CHANGES).map(status).collect();
    let mut map: HashMap<TokenId, TokenStatus> = ids.iter().map(status).collect();
    let full = Tokens::default();
    full.load(ids.iter().zip(1..).map(|(id, position)| entry(id, position)).collect());
    let mut trio = Trio::new(&format!("{} tokens", grouped(f64::from(held))), held.into());
    for _ in 0..rounds {
        let empty = [Tokens::default(), Tokens::default()];
        if ids.is_empty() {
            map = HashMap::new();
        }
        let views = if ids.is_empty() { empty.each_ref() } else { [&full; 2] };
        trio.round(&mut map, &states, views, |id, _, position| entry(id, position));
    }
    trio.rows()
}

/// Edits of policies, of every application in turn.
fn applications(rounds: u16) -> [Row; 3] {
    let all: Vec<_> = (0..APPLICATIONS).map(application).collect();
    let view = Directory::new();
    view.load(
        all.iter().zip(1..).map(|((id, application), position)| edit(id, application, position)).collect(),
    );
    let states: Vec<_> = all.iter().cycle().take(CHANGES).cloned().collect();
    let mut map: HashMap<_, _> = all.into_iter().collect();
    let mut trio = Trio::new(&format!("{} applications", grouped(1_000.0)), APPLICATIONS as u64);
    for _ in 0..rounds {
        trio.round(&mut map, &states, [&view; 2], edit);
    }
    trio.rows()
}

/// The application with other policies.
fn edit(id: &ApplicationId, application: &Arc<wire::Application>, position: u64) -> Entry {
    let mut application = wire::Application::clone(application);
    for policy in &mut application.policies {
        policy.spec = Some(policy_spec(&format!("edit {position}")));
    }
    let state = wire::ApplicationState { application: Some(application), ..Default::default() };
    Entry { position, object: format!("application/{id}"), state: state.encode_to_vec(), removed: false }
}

fn application(number: usize) -> (ApplicationId, Arc<wire::Application>) {
    let (id, domain) = (ApplicationId::random(), format!("app-{number}.example.com"));
    let spec = wire::ApplicationSpec {
        name: format!("application {number}"),
        r#type: "self_hosted".to_owned(),
        domain: domain.clone(),
        destinations: vec![domain],
        ..wire::ApplicationSpec::default()
    };
    let policy = |_| wire::Policy { id: PolicyId::random().to_string(), ..wire::Policy::default() };
    let application = wire::Application {
        id: id.to_string(),
        account_id: AccountId::random().to_string(),
        aud: Audience::random().to_string(),
        spec: Some(spec),
        policies: (0..POLICIES).map(policy).collect(),
        ..wire::Application::default()
    };
    (id, Arc::new(application))
}

/// Admits as many service tokens as it has rules.
fn policy_spec(name: &str) -> wire::PolicySpec {
    let rule = |_| wire::Rule { selector: Some(Selector::ServiceToken(TokenId::random().to_string())) };
    wire::PolicySpec {
        name: name.to_owned(),
        decision: wire::Decision::NonIdentity.into(),
        include: (0..RULES).map(rule).collect(),
        ..wire::PolicySpec::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_is_readable_and_news() {
        let (id, application) = application(7);
        let view = Directory::new();
        view.load(vec![edit(&id, &application, 1)]);
        let find = || view.snapshot().find("app-7.example.com", "/").cloned().unwrap();
        let before = find();
        view.apply(&[edit(&id, &application, 2)]);
        assert!(!find().is_closed() && !Arc::ptr_eq(&before, &find()));
    }
}

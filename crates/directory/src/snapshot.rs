//! One moment of everything that the feed has told.

use crate::application::Application;
use crate::failure_mode::FailureMode;
use crate::organization::{Organization, without_port};
use change_feed::Staleness;
use model::{AccountId, ApplicationId, GroupId};
use policy::{DomainIndex, DomainPattern};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Applications are spread over this many maps by the first byte of their id, so that a change copies one small map.
const SHARDS: usize = 256;

/// Longest host that is looked up (RFC 1035 section 2.3.4).
const MAX_HOST: usize = 253;

type Shard = HashMap<ApplicationId, Arc<Application>>;

/// One moment of everything, immutable. Cloning shares all parts.
#[derive(Debug, Clone)]
pub struct Snapshot {
    shards: Box<[Arc<Shard>]>,
    places: Arc<Places>,
    organizations: Arc<Organizations>,
    /// How many applications have each failure mode. Few differ.
    failure_modes: Arc<BTreeMap<FailureMode, usize>>,
}

/// Where applications are found.
#[derive(Debug)]
struct Places {
    domains: DomainIndex<ApplicationId>,
    audiences: HashMap<Box<str>, ApplicationId>,
}

#[derive(Debug, Clone, Default)]
struct Organizations {
    by_account: HashMap<AccountId, Organization>,
    by_team_host: HashMap<String, AccountId>,
    denies_unmatched: bool,
}

impl Default for Snapshot {
    fn default() -> Self {
        let places = Places { domains: DomainIndex::build([]), audiences: HashMap::new() };
        let empty = Arc::new(Shard::new());
        Self {
            shards: (0..SHARDS).map(|_| empty.clone()).collect(),
            places: Arc::new(places),
            organizations: Arc::default(),
            failure_modes: Arc::default(),
        }
    }
}

impl Snapshot {
    /// The application of a request, the most specific one. `host` without port; `path` as it is forwarded, without
    /// query. Takes time in the length of the request, and allocates nothing.
    pub fn find(&self, host: &str, path: &str) -> Option<&Arc<Application>> {
        self.find_match(host, path).map(|(_, application)| application)
    }

    /// The same, with the pattern that matched.
    pub fn find_match(&self, host: &str, path: &str) -> Option<(&DomainPattern, &Arc<Application>)> {
        let (pattern, id) = self.places.domains.find(host, path)?;
        self.application(id).map(|application| (pattern, application))
    }

    pub fn application(&self, id: &ApplicationId) -> Option<&Arc<Application>> {
        self.shards.get(shard_of(id))?.get(id)
    }

    /// By audience tag.
    pub fn application_of_audience(&self, aud: &str) -> Option<&Arc<Application>> {
        self.application(self.places.audiences.get(aud)?)
    }

    /// In no particular order.
    pub fn applications(&self) -> impl Iterator<Item = &Arc<Application>> {
        self.shards.iter().flat_map(|shard| shard.values())
    }

    pub fn organization(&self, account: &AccountId) -> Option<&Organization> {
        self.organizations.by_account.get(account)
    }

    /// By the host of the team domain, in any case, with or without port.
    pub fn organization_of_team_host(&self, host: &str) -> Option<&Organization> {
        let host = without_port(host).as_bytes();
        let mut buffer = [0; MAX_HOST];
        let lower = buffer.get_mut(..host.len())?;
        lower.copy_from_slice(host);
        lower.make_ascii_lowercase();
        let account = self.organizations.by_team_host.get(std::str::from_utf8(lower).ok()?)?;
        self.organization(account)
    }

    /// In no particular order.
    pub fn organizations(&self) -> impl Iterator<Item = &Organization> {
        self.organizations.by_account.values()
    }

    /// Whether any organization refuses requests that no application matches: a host that nobody claims belongs to
    /// no account, so the strictest rule counts.
    pub fn denies_unmatched(&self) -> bool {
        self.organizations.denies_unmatched
    }

    /// How long after its lease an enforcement point may go on admitting to some application here.
    pub fn longest_staleness(&self) -> Staleness {
        self.failure_modes.last_key_value().map_or(Staleness::None, |(mode, _)| mode.staleness())
    }

    /// Puts an application in its place, or takes it away. Says whether the places have to be laid out again.
    pub(crate) fn put(&mut self, id: ApplicationId, application: Option<Application>) -> bool {
        let Some(shard) = self.shards.get_mut(shard_of(&id)) else { return false };
        let place = |it: &Application| (it.aud.clone(), it.domains.clone(), it.is_closed());
        let before = shard.get(&id).map(|it| (place(it), it.failure_mode));
        let after = application.as_ref().map(|it| (place(it), it.failure_mode));
        let shard = Arc::make_mut(shard);
        match application {
            Some(application) => shard.insert(id, Arc::new(application)),
            None => shard.remove(&id),
        };
        let [(before, mode_before), (after, mode_after)] = [before, after].map(Option::unzip);
        self.count(mode_before, mode_after);
        before != after
    }

    fn count(&mut self, before: Option<FailureMode>, after: Option<FailureMode>) {
        if before == after {
            return;
        }
        let modes = Arc::make_mut(&mut self.failure_modes);
        if let Some(mode) = after {
            *modes.entry(mode).or_default() += 1;
        }
        if let Some(mode) = before
            && let Some(count) = modes.get_mut(&mode)
        {
            *count = count.saturating_sub(1);
            modes.retain(|_, count| *count > 0);
        }
    }

    /// Lays the places out again. Closed applications first: of equal patterns the first counts.
    pub(crate) fn place(&mut self) {
        let mut applications: Vec<_> = self.applications().collect();
        applications.sort_by_key(|it| (!it.is_closed(), it.id));
        let patterns = |it: &Arc<Application>| {
            let id = it.id;
            it.domains.iter().map(move |pattern| (pattern.clone(), id)).collect::<Vec<_>>()
        };
        let places = Places {
            domains: applications.iter().copied().flat_map(patterns).collect(),
            audiences: applications.iter().map(|it| (it.aud.as_str().into(), it.id)).collect(),
        };
        self.places = Arc::new(places);
    }

    /// The applications whose policies name one of `groups`, directly or through others.
    pub(crate) fn using(&self, groups: &[GroupId]) -> Vec<Arc<Application>> {
        if groups.is_empty() {
            return Vec::new();
        }
        let uses = |it: &&Arc<Application>| it.policies.depends_on().iter().any(|id| groups.contains(id));
        self.applications().filter(uses).cloned().collect()
    }

    pub(crate) fn put_organization(&mut self, account: AccountId, organization: Option<Organization>) {
        let all = Arc::make_mut(&mut self.organizations);
        match organization {
            Some(organization) => all.by_account.insert(account, organization),
            None => all.by_account.remove(&account),
        };
        all.denies_unmatched = all.by_account.values().any(|it| it.deny_unmatched_requests);
        all.by_team_host = all.by_account.values().map(|it| (it.team_host(), it.account)).collect();
    }
}

fn shard_of(id: &ApplicationId) -> usize {
    let [first, ..] = id.as_bytes();
    usize::from(*first)
}

//! The feed's objects in, snapshots out.

use crate::application::Application;
use crate::convert;
use crate::organization::Organization;
use crate::snapshot::Snapshot;
use arc_swap::{ArcSwap, Guard};
use change_feed::View;
use model::{AccountId, ApplicationId, Error, GroupId};
use parking_lot::Mutex;
use policy::Group;
use prost::Message;
use proto::change_feed::Entry;
use proto::policy_evaluator as wire;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// How many removed objects are remembered one by one.
const TOMBSTONES: usize = 8_192;

/// What is known of the policy evaluator's objects, compiled.
#[derive(Default)]
pub struct Directory {
    current: ArcSwap<Snapshot>,
    /// Held while a change is worked in. Readers do not need it.
    known: Mutex<Known>,
}

/// What the writer needs beside the snapshot.
#[derive(Default)]
struct Known {
    /// Position of the last change of each object.
    positions: HashMap<String, u64>,
    removed: HashMap<String, u64>,
    /// Objects removed at or before this are not remembered any more. Entries come in order, so what is older than
    /// this and unknown is one of them.
    forgotten: u64,
    groups: HashMap<GroupId, Group>,
}

/// Entries on their way into a snapshot.
#[derive(Default)]
struct Batch {
    /// None: removed. An error: not readable at all.
    applications: BTreeMap<ApplicationId, Option<Result<wire::ApplicationState, Error>>>,
    groups: Vec<GroupId>,
    /// An application has another place, or is new or gone.
    is_moved: bool,
}

impl Directory {
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything as it is now. Hold it for one decision, not longer.
    pub fn snapshot(&self) -> Guard<Arc<Snapshot>> {
        self.current.load()
    }
}

impl View for Directory {
    const KINDS: &'static [&'static str] = &["application", "group", "organization"];

    fn load(&self, objects: Vec<Entry>) {
        let mut known = self.known.lock();
        *known = Known::default();
        let snapshot = known.work_in(Snapshot::default(), &objects);
        self.current.store(Arc::new(snapshot));
    }

    fn apply(&self, entries: &[Entry]) {
        let mut known = self.known.lock();
        let snapshot = Snapshot::clone(&self.current.load());
        let snapshot = known.work_in(snapshot, entries);
        self.current.store(Arc::new(snapshot));
    }
}

impl Known {
    /// Groups first: what names them is compiled once, at the end.
    fn work_in(&mut self, mut snapshot: Snapshot, entries: &[Entry]) -> Snapshot {
        let mut batch = Batch::default();
        for entry in entries {
            if self.is_news(entry)
                && let Err(error) = self.receive(entry, &mut batch, &mut snapshot)
            {
                tracing::error!(object = entry.object, position = entry.position, %error, "unreadable object");
            }
        }
        let mut is_moved = batch.is_moved;
        for (id, state) in batch.applications {
            is_moved |= self.put(id, state, &mut snapshot);
        }
        let find = |id: GroupId| self.groups.get(&id);
        for application in snapshot.using(&batch.groups) {
            is_moved |= snapshot.put(application.id, Some(application.recompiled(find)));
        }
        if is_moved {
            snapshot.place();
        }
        snapshot
    }

    /// Whether places have changed.
    fn put(
        &self,
        id: ApplicationId,
        state: Option<Result<wire::ApplicationState, Error>>,
        snapshot: &mut Snapshot,
    ) -> bool {
        let find = |id: GroupId| self.groups.get(&id);
        let application = state.and_then(|state| read_or_close(id, state, snapshot, find));
        snapshot.put(id, application)
    }

    /// Whether the entry is newer than what is known of its object. Remembers it if so.
    fn is_news(&mut self, entry: &Entry) -> bool {
        let known = self.positions.get(&entry.object).or_else(|| self.removed.get(&entry.object));
        if entry.position <= known.copied().unwrap_or(self.forgotten) {
            return false;
        }
        let (from, to) = if entry.removed {
            (&mut self.positions, &mut self.removed)
        } else {
            (&mut self.removed, &mut self.positions)
        };
        from.remove(&entry.object);
        to.insert(entry.object.clone(), entry.position);
        if self.removed.len() > TOMBSTONES {
            self.forget();
        }
        true
    }

    /// Forgets the older half of what was removed.
    fn forget(&mut self) {
        let mut positions: Vec<u64> = self.removed.values().copied().collect();
        positions.sort_unstable();
        self.forgotten = positions.get(positions.len() / 2).copied().unwrap_or(self.forgotten);
        self.removed.retain(|_, position| *position > self.forgotten);
    }

    fn receive(&mut self, entry: &Entry, batch: &mut Batch, snapshot: &mut Snapshot) -> Result<(), Error> {
        match entry.object.split_once('/') {
            Some(("application", id)) => {
                let (id, state) = (id.parse()?, (!entry.removed).then(|| decode(entry)));
                // What comes after it may be unreadable, and is then closed where this one is.
                if let Some(before) = batch.applications.insert(id, state) {
                    batch.is_moved |= self.put(id, before, snapshot);
                }
            }
            Some(("group", id)) => {
                let id = id.parse()?;
                batch.groups.push(id);
                self.groups.remove(&id);
                if !entry.removed {
                    self.groups.insert(id, read_group(entry, id)?);
                }
            }
            Some(("organization", id)) => {
                let account = id.parse()?;
                let state = (!entry.removed).then(|| read_organization(entry, account));
                let organization = match state {
                    None => None,
                    Some(Ok(organization)) => Some(organization),
                    Some(Err(error)) => {
                        tracing::error!(%account, %error, "unreadable organization: its strictest form is assumed");
                        snapshot.organization(&account).map(Organization::closed)
                    }
                };
                snapshot.put_organization(account, organization);
            }
            // The replica lets nothing else through but the feed's own.
            _ => {}
        }
        Ok(())
    }
}

/// The compiled application; closed where it was if it cannot be read.
fn read_or_close<'a>(
    id: ApplicationId,
    state: Result<wire::ApplicationState, Error>,
    snapshot: &Snapshot,
    find: impl Fn(GroupId) -> Option<&'a Group>,
) -> Option<Application> {
    let read = state.and_then(|state| Application::read(&state, find)).and_then(|it| {
        if it.id == id { Ok(it) } else { Err(Error::internal("the state is another application's")) }
    });
    read.inspect_err(|error| tracing::error!(application = %id, %error, "unreadable application"))
        .ok()
        .or_else(|| snapshot.application(&id).map(|it| it.closed()))
}

fn decode<M: Message + Default>(entry: &Entry) -> Result<M, Error> {
    M::decode(entry.state.as_slice()).map_err(|error| Error::internal(error.to_string()))
}

fn missing() -> Error {
    Error::internal("the state is empty")
}

fn read_group(entry: &Entry, id: GroupId) -> Result<Group, Error> {
    let group = convert::group(&decode::<wire::GroupState>(entry)?.group.ok_or_else(missing)?)?;
    if group.id == id { Ok(group) } else { Err(Error::internal("the state is another group's")) }
}

fn read_organization(entry: &Entry, account: AccountId) -> Result<Organization, Error> {
    let state = decode::<wire::OrganizationState>(entry)?.organization.ok_or_else(missing)?;
    let organization = Organization::read(&state)?;
    if organization.account == account {
        Ok(organization)
    } else {
        Err(Error::internal("the state is another account's"))
    }
}

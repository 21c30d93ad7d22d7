//! What the groups that policies name stand for: found and finite, or in doubt.

use crate::definition::Group;
use model::GroupId;
use std::collections::{HashMap, hash_map::Entry};

/// Deepest nesting of groups. Bounds the stack of an evaluation.
pub(crate) const MAX_DEPTH: usize = 32;

/// Most rules that judging one policy or group may look at, counted through its groups. Without it, 40 groups
/// that name each other twice would take 2^40 checks. The contract's own limits (300 groups of 1,000 rules) fit.
pub(crate) const MAX_CHECKS: usize = 500_000;

/// What a named group turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Sound(Sound),
    Missing,
    /// It names itself, or leads to a group that does.
    Cyclic,
    /// It, or a group within, is beyond [`MAX_DEPTH`] or [`MAX_CHECKS`].
    TooLarge,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sound {
    /// Its place in [`Resolution::sound`].
    pub index: usize,
    pub depth: usize,
    /// How many rules judging it may look at.
    pub checks: usize,
    /// Whether it, or a group within, holds a rule about a person's login.
    pub needs_identity: bool,
}

pub(crate) struct Resolution<'a> {
    /// The sound groups, each after those it names.
    pub sound: Vec<&'a Group>,
    standings: HashMap<GroupId, Standing>,
}

impl<'a> Resolution<'a> {
    /// Resolves `roots` and whatever they lead to. The standings do not depend on any order.
    pub fn new(
        roots: impl IntoIterator<Item = GroupId>,
        find: impl Fn(GroupId) -> Option<&'a Group>,
    ) -> Self {
        let (found, dependents) = explore(roots, find);
        // Groups are settled once all they name are settled, so what remains at the end leads into a cycle.
        let mut waiting: HashMap<GroupId, usize> = found
            .iter()
            .map(|(id, group)| (*id, group.map_or(0, |group| group.rules.groups().count())))
            .collect();
        let mut ready: Vec<GroupId> =
            waiting.iter().filter(|(_, count)| **count == 0).map(|(id, _)| *id).collect();
        let mut this =
            Self { sound: Vec::new(), standings: found.keys().map(|id| (*id, Standing::Cyclic)).collect() };
        while let Some(id) = ready.pop() {
            let standing = match found.get(&id).copied().flatten() {
                Some(group) => this.settle(group),
                None => Standing::Missing,
            };
            this.standings.insert(id, standing);
            for dependent in dependents.get(&id).into_iter().flatten() {
                if let Some(count) = waiting.get_mut(dependent) {
                    *count = count.saturating_sub(1);
                    if *count == 0 {
                        ready.push(*dependent);
                    }
                }
            }
        }
        this
    }

    pub fn standing(&self, id: GroupId) -> Standing {
        self.standings.get(&id).copied().unwrap_or(Standing::Missing)
    }

    /// Every group that was met, missing ones too.
    pub fn ids(&self) -> impl Iterator<Item = GroupId> {
        self.standings.keys().copied()
    }

    /// How many rules judging `rules` may look at.
    pub fn checks(&self, rules: &crate::definition::RuleSet) -> usize {
        let within: usize = rules.groups().filter_map(|id| self.sound(id)).map(|it| it.checks).sum();
        within.saturating_add(rules.iter().count())
    }

    fn sound(&self, id: GroupId) -> Option<Sound> {
        match self.standing(id) {
            Standing::Sound(sound) => Some(sound),
            Standing::Missing | Standing::Cyclic | Standing::TooLarge => None,
        }
    }

    fn settle(&mut self, group: &'a Group) -> Standing {
        let depth =
            1 + group.rules.groups().filter_map(|id| self.sound(id)).map(|it| it.depth).max().unwrap_or(0);
        let checks = self.checks(&group.rules);
        let names_too_large = group.rules.groups().any(|id| self.standing(id) == Standing::TooLarge);
        if names_too_large || depth > MAX_DEPTH || checks > MAX_CHECKS {
            return Standing::TooLarge;
        }
        let needs_identity = group.rules.iter().any(|(_, _, rule)| rule.needs_identity())
            || group.rules.groups().filter_map(|id| self.sound(id)).any(|it| it.needs_identity);
        self.sound.push(group);
        Standing::Sound(Sound { index: self.sound.len() - 1, depth, checks, needs_identity })
    }
}

type Found<'a> = HashMap<GroupId, Option<&'a Group>>;
type Dependents = HashMap<GroupId, Vec<GroupId>>;

/// Everything that `roots` lead to, and for each group those that name it, as often as they do.
fn explore<'a>(
    roots: impl IntoIterator<Item = GroupId>,
    find: impl Fn(GroupId) -> Option<&'a Group>,
) -> (Found<'a>, Dependents) {
    let mut found = Found::new();
    let mut dependents = Dependents::new();
    let mut todo: Vec<GroupId> = roots.into_iter().collect();
    while let Some(id) = todo.pop() {
        let Entry::Vacant(place) = found.entry(id) else { continue };
        let group = *place.insert(find(id));
        for named in group.into_iter().flat_map(|group| group.rules.groups()) {
            dependents.entry(named).or_default().push(id);
            todo.push(named);
        }
    }
    (found, dependents)
}

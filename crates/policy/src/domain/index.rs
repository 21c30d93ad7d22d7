//! Finds the most specific pattern without looking at every pattern.

use super::wildcard::{covers_host, covers_path};
use super::{DomainPattern, MAX_HOST, canonical_host, canonical_path};
use std::collections::{HashMap, HashSet};

/// Patterns and what they stand for. Immutable: build it anew when a pattern changes.
///
/// Finding takes time in the length of the request, and in the number of patterns with a `*` that share its
/// labels up to the `*` (from the right), or its segments up to the `*`; not in the number of patterns.
#[derive(Debug)]
pub struct DomainIndex<T> {
    /// Most specific first. The trees hold places in here, so the least place is the most specific match.
    entries: Vec<(DomainPattern, T)>,
    /// By the host's labels from the right, up to the first with a `*`.
    hosts: Tree<HostLoad>,
}

/// The children are what one more label or segment leads to.
#[derive(Debug, Default)]
struct Tree<L> {
    children: HashMap<Box<str>, Tree<L>>,
    load: L,
}

#[derive(Debug, Default)]
struct HostLoad {
    /// The patterns of the host that is spelled so far.
    exact: Option<PathTree>,
    /// Patterns of hosts whose next label has a `*`.
    wild: HashMap<Box<str>, PathTree>,
}

/// By the path's segments, up to the first with a `*`.
type PathTree = Tree<PathLoad>;

#[derive(Debug, Default)]
struct PathLoad {
    /// The pattern whose path is spelled so far.
    exact: Option<usize>,
    /// Patterns whose next segment has a `*`, most specific first.
    wild: Vec<usize>,
}

impl<L: Default> Tree<L> {
    fn plant<'k>(&mut self, keys: impl Iterator<Item = &'k str>) -> &mut L {
        let leaf = keys.fold(self, |tree, key| tree.children.entry(key.into()).or_default());
        &mut leaf.load
    }
}

impl<L> Tree<L> {
    /// The loads met on the way, from the root; with each, whether every key has been used.
    fn walk<'t, 'k>(
        &'t self,
        mut keys: impl Iterator<Item = &'k str>,
    ) -> impl Iterator<Item = (&'t L, bool)> {
        let mut next = Some((self, keys.next()));
        std::iter::from_fn(move || {
            let (tree, key) = next.take()?;
            next = key.and_then(|key| tree.children.get(key)).map(|child| (child, keys.next()));
            Some((&tree.load, key.is_none()))
        })
    }
}

impl<T> DomainIndex<T> {
    /// Of equal patterns the first given counts. The owner of the applications refuses duplicates beforehand.
    pub fn build(patterns: impl IntoIterator<Item = (DomainPattern, T)>) -> Self {
        let mut known = HashSet::new();
        let mut entries: Vec<(DomainPattern, T)> =
            patterns.into_iter().filter(|(pattern, _)| known.insert(pattern.clone())).collect();
        entries.sort_by(|(a, _), (b, _)| b.specificity_cmp(a));
        let mut hosts = Tree::default();
        for (place, (pattern, _)) in entries.iter().enumerate() {
            plant(&mut hosts, pattern, place);
        }
        Self { entries, hosts }
    }

    /// The most specific pattern that covers the request. Host and path as for [`DomainPattern::matches`].
    /// Allocates nothing.
    pub fn find(&self, host: &str, path: &str) -> Option<(&DomainPattern, &T)> {
        let mut buffer = [0; MAX_HOST];
        let host = canonical_host(host, &mut buffer)?;
        let path = canonical_path(path)?;
        // A host that is spelled out is more specific than any with a `*`.
        let place = self.find_exact(host, path).or_else(|| self.find_wild(host, path))?;
        self.entries.get(place).map(|(pattern, value)| (pattern, value))
    }

    /// What stands for exactly this pattern.
    pub fn get(&self, pattern: &DomainPattern) -> Option<&T> {
        let order = |(it, _): &(DomainPattern, T)| pattern.specificity_cmp(it);
        let place = self.entries.binary_search_by(order).ok()?;
        self.entries.get(place).map(|(_, value)| value)
    }

    /// Most specific first.
    pub fn iter(&self) -> impl Iterator<Item = (&DomainPattern, &T)> {
        self.entries.iter().map(|(pattern, value)| (pattern, value))
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn find_exact(&self, host: &str, path: &str) -> Option<usize> {
        let (load, is_whole) = self.hosts.walk(host.rsplit('.')).last()?;
        load.exact.as_ref().filter(|_| is_whole).and_then(|paths| self.find_path(paths, path))
    }

    fn find_wild(&self, host: &str, path: &str) -> Option<usize> {
        self.hosts
            .walk(host.rsplit('.'))
            .flat_map(|(load, _)| &load.wild)
            .filter(|(pattern, _)| covers_host(pattern, host))
            .filter_map(|(_, paths)| self.find_path(paths, path))
            .min()
    }

    fn find_path(&self, paths: &PathTree, path: &str) -> Option<usize> {
        let covers = |place: &usize| {
            self.entries.get(*place).is_some_and(|(pattern, _)| covers_path(pattern.path(), path))
        };
        paths
            .walk(segments(path))
            .flat_map(|(load, _)| {
                let wild = load.wild.iter().copied().find(covers);
                [load.exact, wild].into_iter().flatten()
            })
            .min()
    }
}

impl<T> FromIterator<(DomainPattern, T)> for DomainIndex<T> {
    fn from_iter<I: IntoIterator<Item = (DomainPattern, T)>>(patterns: I) -> Self {
        Self::build(patterns)
    }
}

/// Called in the order of places, so that lists are in that order too.
fn plant(hosts: &mut Tree<HostLoad>, pattern: &DomainPattern, place: usize) {
    let host = pattern.host();
    let load = hosts.plant(host.rsplit('.').take_while(|label| !label.contains('*')));
    let paths = if host.contains('*') {
        load.wild.entry(host.into()).or_default()
    } else {
        load.exact.get_or_insert_default()
    };
    let path = pattern.path();
    let load = paths.plant(segments(path).take_while(|segment| !segment.contains('*')));
    if path.contains('*') {
        load.wild.push(place);
    } else {
        load.exact = Some(place);
    }
}

/// What stands behind each slash.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').skip(1)
}

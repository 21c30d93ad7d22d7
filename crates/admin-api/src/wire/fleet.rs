//! The enforcement points as three feeds see them, joined into one answer.
//!
//! A replica names itself on every feed that it follows, and each of its starts has an incarnation. Rows are joined by
//! incarnation where that is the same on several feeds, otherwise by name.

use super::time;
use model::Error;
use proto::change_feed::{ListReplicasResponse, Replica};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// One feed's owner, and what it answered.
pub struct Asked {
    pub feed: &'static str,
    pub answer: Result<ListReplicasResponse, Error>,
}

/// How a replica stands, the worst last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Current,
    Behind,
    Lapsed,
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Behind => "behind",
            Self::Lapsed => "lapsed",
        }
    }
}

/// A replica on one feed.
struct Place<'a> {
    feed: &'static str,
    head: u64,
    now_ms: i64,
    replica: &'a Replica,
}

/// Of one replica, at most one a feed.
type Places<'a> = Vec<Place<'a>>;

/// `state` of the whole is the worst of any replica; a feed that could not be asked has an `error` instead of a head.
pub fn view(asked: &[Asked]) -> Value {
    let answered: Vec<&'static str> = asked.iter().filter(|it| it.answer.is_ok()).map(|it| it.feed).collect();
    let mut by_name: BTreeMap<&str, Vec<Place>> = BTreeMap::new();
    for Asked { feed, answer } in asked {
        let Ok(ListReplicasResponse { head, replicas, now_ms }) = answer else { continue };
        for replica in replicas {
            let place = Place { feed, head: *head, now_ms: *now_ms, replica };
            by_name.entry(&replica.replica).or_default().push(place);
        }
    }
    let mut replicas = Vec::new();
    for (name, places) in by_name {
        let (places, earlier_starts) = without_earlier_starts(places);
        let joined = join(places);
        let shares_name = joined.len() > 1;
        replicas.extend(joined.iter().map(|places| {
            let missing = missing(places, &answered);
            json!({
                "replica": name,
                "state": state(places, &missing).name(),
                "shares_name": shares_name,
                "earlier_starts": earlier_starts,
                "version": places.first().map(|place| &place.replica.version),
                "feeds": places.iter().map(Place::view).collect::<Vec<_>>(),
                "missing": missing,
            })
        }));
    }
    json!({ "feeds": asked.iter().map(Asked::view).collect::<Vec<_>>(), "replicas": replicas })
}

impl Asked {
    fn view(&self) -> Value {
        match &self.answer {
            Ok(answer) => json!({"feed": self.feed, "head": answer.head, "error": null}),
            Err(error) => {
                let error = json!({"reason": error.reason(), "message": error.message()});
                json!({"feed": self.feed, "head": null, "error": error})
            }
        }
    }
}

impl Place<'_> {
    const fn lag(&self) -> u64 {
        self.head.saturating_sub(self.replica.applied)
    }

    const fn state(&self) -> State {
        match (self.replica.is_live, self.lag()) {
            (false, _) => State::Lapsed,
            (true, 0) => State::Current,
            (true, _) => State::Behind,
        }
    }

    /// Its lease is gone, and an application's failure mode lets it admit on what it knew.
    const fn may_be_stale(&self) -> bool {
        let Replica { is_live, lease_until_ms, staleness_ms, .. } = self.replica;
        let is_over = *staleness_ms >= 0 && self.now_ms >= lease_until_ms.saturating_add(*staleness_ms);
        !*is_live && *staleness_ms != 0 && !is_over
    }

    fn view(&self) -> Value {
        let Replica {
            replica: _,
            incarnation,
            version: _,
            applied,
            lease_until_ms,
            is_live,
            last_contact_at_ms,
            staleness_ms,
        } = self.replica;
        // By the one clock that granted the lease; an older server does not say what it shows.
        let is_known = self.now_ms != 0;
        let left = lease_until_ms.saturating_sub(self.now_ms).max(0);
        let ago = self.now_ms.saturating_sub(*last_contact_at_ms).max(0);
        json!({
            "feed": self.feed,
            "state": self.state().name(),
            "incarnation": incarnation,
            "applied": applied,
            "lag": self.lag(),
            "is_live": is_live,
            "staleness_ms": staleness_ms,
            "may_be_stale": self.may_be_stale(),
            "lease_left_ms": is_known.then_some(left),
            "last_contact_at": time(*last_contact_at_ms),
            "last_contact_ago_ms": is_known.then_some(ago),
        })
    }
}

/// A lapsed lease beside a live one of the same name and feed is an earlier start's, unless that start still lives on
/// another feed. Where none is live, the one heard of last stands for the replica. The rest, and the most of it on any
/// one feed.
fn without_earlier_starts(places: Vec<Place>) -> (Vec<Place>, usize) {
    let living: BTreeSet<_> = places.iter().filter(|it| it.replica.is_live).map(incarnation).collect();
    let mut by_feed: BTreeMap<&str, Vec<Place>> = BTreeMap::new();
    for place in places {
        by_feed.entry(place.feed).or_default().push(place);
    }
    let (mut kept, mut most_earlier) = (Vec::new(), 0);
    for (_, mut places) in by_feed {
        let all = places.len();
        if places.iter().any(|place| living.contains(incarnation(place))) {
            places.retain(|place| living.contains(incarnation(place)));
        } else {
            places.sort_by_key(|place| place.replica.last_contact_at_ms);
            places.drain(..all.saturating_sub(1));
        }
        most_earlier = most_earlier.max(all - places.len());
        kept.extend(places);
    }
    (kept, most_earlier)
}

fn incarnation<'a>(place: &Place<'a>) -> &'a str {
    &place.replica.incarnation
}

/// What shows one incarnation is one replica. The rest is put together so that there are as few as possible: where two
/// use one name, which of their places belong together cannot be known.
fn join(places: Vec<Place>) -> Vec<Places> {
    let mut by_incarnation: BTreeMap<&str, Places> = BTreeMap::new();
    for place in places {
        by_incarnation.entry(incarnation(&place)).or_default().push(place);
    }
    let mut starts: Vec<Places> = by_incarnation.into_values().collect();
    starts.sort_by_key(|places| std::cmp::Reverse(places.len()));
    let mut joined: Vec<Places> = Vec::new();
    for places in starts {
        let fits =
            |other: &&mut Places| !other.iter().any(|it| places.iter().any(|place| place.feed == it.feed));
        match joined.iter_mut().find(fits) {
            Some(other) => other.extend(places),
            None => joined.push(places),
        }
    }
    joined
}

/// Who follows more than one feed is a gateway, and needs all. Feeds that did not answer are not counted as missing.
fn missing(places: &[Place], answered: &[&'static str]) -> Vec<&'static str> {
    if places.len() < 2 {
        return Vec::new();
    }
    let is_missing = |feed: &&&'static str| !places.iter().any(|place| place.feed == **feed);
    answered.iter().filter(is_missing).copied().collect()
}

fn state(places: &[Place], missing: &[&str]) -> State {
    if !missing.is_empty() {
        return State::Lapsed;
    }
    places.iter().map(Place::state).max().unwrap_or(State::Current)
}

#[cfg(test)]
mod tests;

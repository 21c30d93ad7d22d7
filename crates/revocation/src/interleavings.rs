//! Whatever arrives in whatever order, any number of times, with loads in between: the end is the same, and nothing
//! that was refused is admitted on the way.

use crate::{Refusal, Sessions, Tokens};
use change_feed::View;
use model::{AccountId, ApplicationId, SessionId, Timestamp, TokenId};
use proptest::prelude::*;
use prost::Message as _;
use proto::change_feed::Entry;
use proto::session_issuer as issuer;
use proto::session_issuer::signing_key::Use;
use proto::token_registry::TokenState;
use proto::token_registry::token_state::Status;
use session_token::{Algorithm, SigningKey};
use std::collections::BTreeMap;
use std::sync::LazyLock;

const NOW: Timestamp = Timestamp::from_millis(1_000);

/// What happens to a replica.
#[derive(Debug, Clone)]
enum Step {
    /// One entry, by its index (modulo the history's length), perhaps late, perhaps again.
    Apply(usize),
    /// The objects as they were at the newest position that was applied so far, plus this many.
    Load(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![8 => any::<usize>().prop_map(Step::Apply), 1 => (0_usize..6).prop_map(Step::Load)];
    proptest::collection::vec(step, 0..60)
}

/// The owner's objects after the first `count` entries.
fn objects(history: &[Entry], count: usize) -> Vec<Entry> {
    let mut objects = BTreeMap::new();
    for entry in &history[..count] {
        if entry.removed {
            objects.remove(&entry.object);
        } else {
            objects.insert(entry.object.clone(), entry.clone());
        }
    }
    objects.into_values().collect()
}

/// Runs the steps, and looks after each; then delivers everything in `order`.
fn run(view: &impl View, history: &[Entry], steps: &[Step], order: &[usize], mut look: impl FnMut()) {
    let mut newest = 0;
    for step in steps {
        match step {
            Step::Apply(index) => {
                let index = index % history.len();
                view.apply(&history[index..=index]);
                newest = newest.max(index + 1);
            }
            Step::Load(further) => {
                newest = (newest + further).min(history.len());
                view.load(objects(history, newest));
            }
        }
        look();
    }
    for index in order {
        view.apply(&history[*index..=*index]);
    }
}

/// A history and an order in which all of it arrives.
fn with_order<T: std::fmt::Debug + Clone + 'static>(
    history: impl Strategy<Value = Vec<T>>,
) -> impl Strategy<Value = (Vec<T>, Vec<usize>)> {
    history.prop_flat_map(|history| {
        let order: Vec<usize> = (0..history.len()).collect();
        (Just(history), Just(order).prop_shuffle())
    })
}

fn position(index: usize) -> u64 {
    u64::try_from(index).unwrap() + 1
}

fn token(index: usize) -> TokenId {
    TokenId::from_bytes([u8::try_from(index).unwrap(); 16])
}

/// Of token `which`: live, disabled or deleted; positions count from 1. A deletion is final.
fn token_history(events: &[(usize, u8)]) -> Vec<Entry> {
    let mut deleted = [false; 3];
    let entry = |(index, (which, event)): (usize, &(usize, u8))| {
        deleted[*which] |= *event == 2;
        let status = match (deleted[*which], event) {
            (true, _) => Status::Deleted,
            (false, 1) => Status::Disabled,
            (false, _) => Status::Live,
        };
        let state = TokenState {
            token_id: token(*which).to_string(),
            status: status.into(),
            expires_at_ms: 2_000,
            client_secret_version: 1,
            revoked_as_of: if *event == 3 { position(index) } else { 0 },
            ..TokenState::default()
        };
        Entry {
            position: position(index),
            object: format!("token/{}", token(*which)),
            state: state.encode_to_vec(),
            removed: false,
        }
    };
    events.iter().enumerate().map(entry).collect()
}

static KEYS: LazyLock<Vec<SigningKey>> =
    LazyLock::new(|| (0..2).map(|_| SigningKey::generate(Algorithm::Rs256).unwrap()).collect());

/// Revocations of two sessions (events 0 and 1) and the lives of two keys (2 and 3): next, current, previous, removed;
/// the second one's: next, current, revoked, removed.
fn session_history(events: &[u8]) -> Vec<Entry> {
    let lives = [[Use::Next, Use::Current, Use::Previous], [Use::Next, Use::Current, Use::Revoked]];
    let mut ages = [0; 2];
    let mut history = Vec::new();
    for event in events {
        let position = position(history.len());
        if *event < 2 {
            let state = issuer::RevocationState { revoked_as_of: position }.encode_to_vec();
            let object = format!("session/{}", SessionId::from_bytes([*event; 16]));
            history.push(Entry { position, object, state, removed: false });
            continue;
        }
        let which = usize::from(event - 2);
        let usage = lives[which].get(ages[which]).copied();
        if ages[which] > 3 {
            continue;
        }
        ages[which] += 1;
        let key = issuer::SigningKey {
            kid: KEYS[which].kid().to_string(),
            jwk_json: KEYS[which].jwk().to_json(),
            r#use: usage.unwrap_or_default().into(),
            ..issuer::SigningKey::default()
        };
        let account_id = AccountId::from_bytes([1; 16]).to_string();
        let state = issuer::KeyState { account_id, key: Some(key) }.encode_to_vec();
        let object = format!("key/{}", KEYS[which].kid());
        let removed = usage.is_none();
        history.push(Entry { position, object, state: if removed { Vec::new() } else { state }, removed });
    }
    history
}

/// What the view answers about everything in [`session_history`].
fn answers(view: &Sessions, length: usize) -> Vec<(Result<(), Refusal>, Result<(), Refusal>)> {
    let application = ApplicationId::from_bytes([9; 16]);
    (0..2_u8)
        .flat_map(|which| (0..=length).map(move |as_of| (which, as_of)))
        .map(|(which, as_of)| {
            let session = SessionId::from_bytes([which; 16]);
            let as_of = u64::try_from(as_of).unwrap();
            let kid = KEYS[usize::from(which)].kid();
            (view.judge_session(&session, &application, None, as_of), view.judge_key(kid))
        })
        .collect()
}

proptest! {
    #[test]
    fn tokens_end_as_in_order_and_a_deleted_one_stays_dead(
        (events, order) in with_order(proptest::collection::vec((0_usize..3, 0_u8..4), 1..20)),
        steps in steps(),
    ) {
        let history = token_history(&events);
        let in_order = Tokens::default();
        in_order.apply(&history);
        let view = Tokens::default();
        let mut dead = [false; 3];
        run(&view, &history, &steps, &order, || {
            for (which, was_dead) in dead.iter_mut().enumerate() {
                let is_dead = view.judge_token(&token(which), 1, u64::MAX, NOW) == Err(Refusal::TokenDeleted);
                assert!(is_dead || !*was_dead, "token {which} came back");
                *was_dead = is_dead;
            }
        });
        for which in 0..3 {
            prop_assert_eq!(view.find(&token(which)), in_order.find(&token(which)));
        }
    }

    #[test]
    fn sessions_and_keys_end_as_in_order_and_nothing_comes_back(
        (events, order) in with_order(proptest::collection::vec(0_u8..4, 1..20)),
        steps in steps(),
    ) {
        let history = session_history(&events);
        let order: Vec<usize> = order.into_iter().filter(|index| *index < history.len()).collect();
        let in_order = Sessions::default();
        in_order.apply(&history);
        let view = Sessions::default();
        let mut revoked = vec![false; 2 * (history.len() + 1)];
        let mut keys = [(false, false); 2];
        run(&view, &history, &steps, &order, || {
            for (answer, was_revoked) in answers(&view, history.len()).iter().zip(&mut revoked) {
                assert!(answer.0.is_err() || !*was_revoked, "a revoked session came back");
                *was_revoked = answer.0.is_err();
            }
            for (which, (was_known, was_gone)) in keys.iter_mut().enumerate() {
                let is_known = view.judge_key(KEYS[which].kid()).is_ok();
                assert!(!(is_known && *was_gone), "key {which} came back");
                *was_gone |= *was_known && !is_known;
                *was_known |= is_known;
            }
        });
        prop_assert_eq!(answers(&view, history.len()), answers(&in_order, history.len()));
    }
}

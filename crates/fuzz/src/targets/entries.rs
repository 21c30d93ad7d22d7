//! Entries of the change feeds: whatever an owner writes, a replica stands, and says the same however they arrive.

use change_feed::View;
use directory::Directory;
use model::{SessionId, Timestamp, TokenId};
use prost::Message as _;
use proto::change_feed::{Broadcast, Entry};
use revocation::{Sessions, Tokens};

/// What can be asked of the views, for every object that is named.
type Answers = Vec<String>;

pub fn run(data: &[u8]) {
    let Ok(Broadcast { mut entries, .. }) = Broadcast::decode(data) else { return };
    entries.truncate(24);
    // A replica lets only dense positions through.
    for (position, entry) in (1..).zip(&mut entries) {
        entry.position = position;
    }
    let at_once = after::<Directory>(&entries, |view| view.apply(&entries), directory);
    let one_by_one = after::<Directory>(&entries, |view| one_by_one(view, &entries), directory);
    assert_eq!(at_once, one_by_one, "directory");
    let at_once = after::<Sessions>(&entries, |view| view.apply(&entries), sessions);
    let one_by_one = after::<Sessions>(&entries, |view| self::one_by_one(view, &entries), sessions);
    assert_eq!(at_once, one_by_one, "sessions");
    let at_once = after::<Tokens>(&entries, |view| view.apply(&entries), tokens);
    let one_by_one = after::<Tokens>(&entries, |view| self::one_by_one(view, &entries), tokens);
    assert_eq!(at_once, one_by_one, "tokens");
}

fn one_by_one(view: &impl View, entries: &[Entry]) {
    for at in 0..entries.len() {
        view.apply(&entries[at..=at]);
        // Late and repeated ones change nothing.
        view.apply(&entries[..=at / 2]);
    }
}

fn after<V: View + Default>(
    entries: &[Entry],
    apply: impl Fn(&V),
    ask: fn(&V, &[Entry]) -> Answers,
) -> Answers {
    let view = V::default();
    apply(&view);
    let answers = ask(&view, entries);
    apply(&view);
    assert_eq!(ask(&view, entries), answers, "repeated");
    // Loading stands anything too.
    view.load(entries.to_vec());
    answers
}

fn directory(directory: &Directory, _: &[Entry]) -> Answers {
    let snapshot = directory.snapshot();
    let application = |it: &std::sync::Arc<directory::Application>| {
        let found: Vec<_> = it
            .domains
            .iter()
            .map(|domain| snapshot.find(domain.host(), domain.path()).map(|found| found.id))
            .collect();
        format!("{} {} {:?} {:?} {found:?}", it.id, it.is_closed(), it.domains, it.failure_mode)
    };
    let mut answers: Answers = snapshot.applications().map(application).collect();
    answers.extend(snapshot.organizations().map(|it| format!("{it:?}")));
    answers.push(format!("{} {:?}", snapshot.denies_unmatched(), snapshot.longest_staleness()));
    answers.sort();
    answers
}

fn ids(entries: &[Entry]) -> impl Iterator<Item = &str> {
    entries.iter().filter_map(|entry| Some(entry.object.split_once('/')?.1))
}

fn sessions(sessions: &Sessions, entries: &[Entry]) -> Answers {
    let none = SessionId::from_bytes([0; 16]);
    let somewhere = model::ApplicationId::from_bytes([0; 16]);
    let judge = |id: &str| {
        let at = |as_of| {
            let by_session = id.parse().map(|id| sessions.judge_session(&id, &somewhere, None, as_of)).ok();
            let by_place = id.parse().map(|id| sessions.judge_session(&none, &id, None, as_of)).ok();
            let by_token =
                id.parse().map(|id| sessions.judge_session(&none, &somewhere, Some(&id), as_of)).ok();
            format!("{by_session:?} {by_place:?} {by_token:?}")
        };
        let key = id.parse().map(|kid| sessions.judge_key(kid)).ok();
        let keys = id.parse().map(|account| sessions.key_set(account).len()).ok();
        format!("{id} {} {} {} {key:?} {keys:?}", at(0), at(5), at(u64::MAX))
    };
    ids(entries).map(judge).collect()
}

fn tokens(tokens: &Tokens, entries: &[Entry]) -> Answers {
    let ids = ids(entries).filter_map(|id| id.parse::<TokenId>().ok());
    let judge = |id: TokenId| {
        let at = |as_of| tokens.judge_token(&id, 1, as_of, Timestamp::from_millis(1_800_000_000_000));
        format!("{id} {:?} {:?} {:?}", at(0), at(5), at(u64::MAX))
    };
    ids.map(judge).collect()
}

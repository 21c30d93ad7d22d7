//! Fabricated histories: each violation is caught, and what is honest passes.

use super::duty::{Breakage, Duty, Part};
use super::history::{Act, Answer, Certainty, Credential, History, MARGIN, Session};
use super::log::Log;
use super::moment::Moment;
use super::{Asked, Finding, Names, Outcome, Recorder, judge};
use parking_lot::Mutex;
use std::time::Duration;

fn at(millis: u64) -> Moment {
    Moment::from_millis(millis)
}

/// A history in milliseconds: act, sent, answered, answer.
fn history(acts: &[(Act, u64, u64, Answer)]) -> History {
    let mut history = History::default();
    for (act, sent, answered, answer) in acts {
        let index = history.invoke(*act, at(*sent));
        let has_secret = matches!(answer, Answer::Confirmed | Answer::Unconfirmed);
        history.answer(index, at(*answered), *answer, has_secret);
    }
    history
}

/// Let in, and made, by the time 20.
const START: [(Act, u64, u64, Answer); 2] =
    [(Act::Include, 0, 10, Answer::Confirmed), (Act::Create, 10, 20, Answer::Confirmed)];

fn after_start(acts: &[(Act, u64, u64, Answer)]) -> History {
    history(&[&START, acts].concat())
}

fn ask(credential: Credential, sent: u64, outcome: Outcome) -> Asked {
    Asked { credential, gateway: 1, sent: at(sent), received: at(sent + 5), outcome }
}

fn admitted(history: &History, credential: Credential, sent: u64) -> Option<Finding> {
    judge(history, &ask(credential, sent, Outcome::Admitted))
}

fn refused(history: &History, credential: Credential, sent: u64) -> Option<Finding> {
    judge(history, &ask(credential, sent, Outcome::Refused(401, "TOKEN_UNKNOWN".to_owned())))
}

/// Certain at a time: nothing else may be answered then.
fn expect_dead(history: &History, credential: Credential, sent: u64) {
    assert_eq!(admitted(history, credential, sent), Some(Finding::Admitted), "{credential:?} at {sent}");
    assert_eq!(refused(history, credential, sent), None);
}

fn expect_live(history: &History, credential: Credential, sent: u64) {
    assert_eq!(refused(history, credential, sent), Some(Finding::Refused), "{credential:?} at {sent}");
    assert_eq!(admitted(history, credential, sent), None);
}

fn expect_open(history: &History, credential: Credential, sent: u64) {
    assert_eq!(admitted(history, credential, sent), None, "{credential:?} at {sent}");
    assert_eq!(refused(history, credential, sent), None, "{credential:?} at {sent}");
}

const FIRST: Credential = Credential::Pair(0);
const SECOND: Credential = Credential::Pair(1);

#[test]
fn a_token_is_live_once_its_creation_was_answered() {
    let history = after_start(&[]);
    expect_open(&history, FIRST, 15);
    expect_live(&history, FIRST, 20);
    expect_live(&history, FIRST, 100_000);
}

#[test]
fn an_admission_after_a_confirmed_deletion_is_caught_at_any_later_time() {
    let history = after_start(&[(Act::Delete, 100, 130, Answer::Confirmed)]);
    expect_live(&history, FIRST, 90);
    // Answered after the deletion was sent: either is right.
    expect_open(&history, FIRST, 99);
    expect_open(&history, FIRST, 129);
    expect_dead(&history, FIRST, 130);
    expect_dead(&history, FIRST, 3_600_000);
}

#[test]
fn unavailable_is_never_wrong() {
    let history = after_start(&[(Act::Delete, 100, 130, Answer::Confirmed)]);
    for sent in [50, 110, 200] {
        let asked = ask(FIRST, sent, Outcome::Unavailable("503".to_owned()));
        assert_eq!(judge(&history, &asked), None);
    }
}

#[test]
fn an_unconfirmed_revocation_binds_only_after_a_lease_and_a_margin() {
    let history = after_start(&[(Act::Disable, 100, 200, Answer::Unconfirmed)]);
    expect_open(&history, FIRST, 200);
    expect_open(&history, FIRST, 6_199);
    expect_dead(&history, FIRST, 6_200);
}

#[test]
fn a_revocation_without_an_answer_leaves_both_open_until_it_is_repeated() {
    let unknown = (Act::Disable, 100, 200, Answer::Unknown);
    expect_open(&after_start(&[unknown]), FIRST, 10_000);
    let repeated = after_start(&[unknown, (Act::Disable, 300, 320, Answer::Confirmed)]);
    expect_open(&repeated, FIRST, 310);
    expect_dead(&repeated, FIRST, 320);
}

#[test]
fn a_refused_act_changes_nothing() {
    let history = after_start(&[(Act::Delete, 100, 130, Answer::Refused)]);
    expect_live(&history, FIRST, 110);
    expect_live(&history, FIRST, 130);
}

#[test]
fn an_act_that_is_still_under_way_leaves_both_open() {
    let mut history = after_start(&[]);
    history.invoke(Act::Delete, at(100));
    expect_open(&history, FIRST, 5_000);
}

#[test]
fn off_is_dead_and_on_is_live_again() {
    let history = after_start(&[
        (Act::Disable, 100, 110, Answer::Confirmed),
        (Act::Enable, 200, 210, Answer::Confirmed),
        (Act::Disable, 300, 310, Answer::Confirmed),
    ]);
    // Until the next act is known, as it was for a judge at that time.
    let mut early = history.clone();
    early.done.truncate(4);
    expect_open(&early, FIRST, 205);
    expect_live(&early, FIRST, 210);
    expect_live(&history, FIRST, 250);
    expect_dead(&history, FIRST, 310);
    early.done.truncate(3);
    expect_dead(&early, FIRST, 150);
}

#[test]
fn a_late_effect_of_a_lost_enabling_is_no_violation_of_a_later_disabling() {
    let history = after_start(&[
        (Act::Disable, 100, 110, Answer::Confirmed),
        (Act::Enable, 200, 210, Answer::Unknown),
        (Act::Disable, 300, 310, Answer::Confirmed),
        (Act::Disable, 60_000, 60_010, Answer::Confirmed),
    ]);
    expect_open(&history, FIRST, 400);
    expect_dead(&history, FIRST, 60_010);
}

#[test]
fn a_rotation_stops_the_old_secret_and_not_the_new_one() {
    let history = after_start(&[(Act::Rotate, 100, 110, Answer::Confirmed)]);
    expect_open(&history, FIRST, 105);
    expect_dead(&history, FIRST, 110);
    expect_live(&history, SECOND, 110);
}

#[test]
fn with_overlap_both_work_until_it_ends() {
    let overlap = (Act::RotateWithOverlap, 100, 110, Answer::Confirmed);
    let history = after_start(&[overlap]);
    expect_live(&history, FIRST, 105);
    expect_live(&history, FIRST, 110);
    expect_live(&history, SECOND, 110);
    let history = after_start(&[overlap, (Act::EndOverlap, 200, 210, Answer::Confirmed)]);
    expect_dead(&history, FIRST, 210);
    expect_live(&history, SECOND, 210);
}

#[test]
fn of_three_secrets_with_overlap_the_first_is_dead() {
    let history = after_start(&[
        (Act::RotateWithOverlap, 100, 110, Answer::Confirmed),
        (Act::RotateWithOverlap, 200, 210, Answer::Confirmed),
    ]);
    expect_dead(&history, FIRST, 210);
    expect_live(&history, SECOND, 210);
    expect_live(&history, Credential::Pair(2), 210);
}

#[test]
fn a_lost_rotation_leaves_the_old_secret_open_until_another_is_answered() {
    for lost in [Act::Rotate, Act::RotateWithOverlap] {
        let lost = (lost, 100, 110, Answer::Unknown);
        expect_open(&after_start(&[lost]), FIRST, 100_000);
        let history = after_start(&[lost, (Act::Rotate, 200, 210, Answer::Confirmed)]);
        expect_dead(&history, FIRST, 210);
        expect_live(&history, SECOND, 210);
    }
}

/// With a session that was asked for at 30 and received at 40.
fn with_session(acts: &[(Act, u64, u64, Answer)]) -> History {
    let mut history = after_start(acts);
    history.add_session(Session { secret: 0, asked: at(30), received: at(40) });
    history
}

const SESSION: Credential = Credential::Session(0);

#[test]
fn a_session_dies_with_the_revocation_of_all_and_the_pair_does_not() {
    let history = with_session(&[(Act::EndSessions, 100, 110, Answer::Confirmed)]);
    expect_live(&history, SESSION, 90);
    expect_open(&history, SESSION, 105);
    expect_dead(&history, SESSION, 110);
    expect_live(&history, FIRST, 110);
}

#[test]
fn a_session_of_the_same_moment_as_the_revocation_may_be_on_either_side() {
    let history = with_session(&[(Act::EndSessions, 35, 50, Answer::Confirmed)]);
    expect_open(&history, SESSION, 100_000);
}

#[test]
fn a_session_that_was_asked_for_after_the_revocation_is_live() {
    let history = with_session(&[(Act::EndSessions, 21, 30, Answer::Confirmed)]);
    expect_live(&history, SESSION, 40);
    let history = with_session(&[(Act::EndSessions, 21, 30, Answer::Unconfirmed)]);
    expect_open(&history, SESSION, 40);
}

#[test]
fn a_session_stays_dead_when_its_token_is_switched_on_again() {
    let history = with_session(&[
        (Act::Disable, 100, 110, Answer::Confirmed),
        (Act::Enable, 200, 210, Answer::Confirmed),
    ]);
    expect_dead(&history, SESSION, 1_000);
    expect_live(&history, FIRST, 1_000);
}

#[test]
fn a_session_dies_with_the_secret_that_obtained_it() {
    let history = with_session(&[(Act::Rotate, 100, 110, Answer::Confirmed)]);
    expect_dead(&history, SESSION, 110);
}

#[test]
fn a_policy_edit_shuts_out_and_lets_in_again() {
    let out = (Act::Exclude, 100, 110, Answer::Confirmed);
    let history = with_session(&[out]);
    for credential in [FIRST, SESSION] {
        expect_dead(&history, credential, 110);
    }
    let history = with_session(&[out, (Act::Include, 200, 210, Answer::Confirmed)]);
    for credential in [FIRST, SESSION] {
        expect_live(&history, credential, 210);
    }
}

#[test]
fn a_deleted_application_admits_nobody() {
    let history = with_session(&[(Act::DeleteApplication, 100, 110, Answer::Confirmed)]);
    expect_dead(&history, FIRST, 110);
    expect_dead(&history, SESSION, 110);
}

#[test]
fn what_was_never_seen_is_open() {
    let history = after_start(&[]);
    expect_open(&history, SECOND, 100);
    expect_open(&history, SESSION, 100);
    assert_eq!(history.certainty(SECOND, at(0), at(1)), Certainty::Open);
}

#[test]
fn a_revocation_owes_an_answer_within_a_lease_and_a_margin() {
    let duty = Duty::of(Act::Delete, at(0), at(100), &[]);
    assert_eq!(duty, Duty::Lease);
    assert!(duty.judge(Answer::Confirmed, Duration::from_millis(5_900), MARGIN).is_ok());
    assert!(duty.judge(Answer::Confirmed, Duration::from_millis(6_100), MARGIN).is_err());
    assert!(duty.judge(Answer::Unknown, Duration::from_millis(100), MARGIN).is_err());
    assert!(duty.judge(Answer::Unconfirmed, Duration::from_millis(100), MARGIN).is_err());
    assert!(duty.judge(Answer::Refused, Duration::from_millis(100), MARGIN).is_ok());
}

#[test]
fn while_the_owner_is_broken_it_owes_a_success_within_the_deadline_or_an_error() {
    let broken = [Breakage { parts: &[Part::Registry], from: at(1_000), until: Some(at(2_000)) }];
    let duty = Duty::of(Act::Delete, at(1_500), at(8_500), &broken);
    assert_eq!(duty, Duty::Deadline);
    assert!(duty.judge(Answer::Confirmed, Duration::from_secs(15), MARGIN).is_ok());
    assert!(duty.judge(Answer::Confirmed, Duration::from_secs(17), MARGIN).is_err());
    assert!(duty.judge(Answer::Unknown, Duration::from_secs(17), MARGIN).is_ok());
    assert_eq!(Duty::of(Act::EndSessions, at(1_500), at(1_600), &broken), Duty::Lease, "another owner");
    assert_eq!(Duty::of(Act::Delete, at(20_000), at(20_100), &broken), Duty::Lease, "long healed");
    assert_eq!(Duty::of(Act::Delete, at(100), at(200), &broken), Duty::Lease, "not yet broken");
}

#[test]
fn the_recorder_counts_and_keeps_the_evidence() {
    let recorder = Recorder::new(2, MARGIN, Log::default());
    let names = Names { token: "T".to_owned(), host: "H".to_owned() };
    let history = Mutex::new(after_start(&[(Act::Delete, 100, 130, Answer::Confirmed)]));
    recorder.asked(&history, &names, &ask(FIRST, 50, Outcome::Admitted));
    recorder.turn_to(1);
    recorder.asked(&history, &names, &ask(FIRST, 200, Outcome::Admitted));
    recorder.asked(&history, &names, &ask(FIRST, 50, Outcome::Refused(403, "POLICY_DENIED".to_owned())));
    let tallies = recorder.tallies();
    assert!(tallies[0].is_clean() && !tallies[1].is_clean());
    assert_eq!((tallies[1].wrongly_admitted, tallies[1].wrongly_refused), (1, 1));
    let violations = recorder.violations();
    assert_eq!(violations.len(), 2);
    assert_eq!((violations[0].finding, violations[0].fault), (Finding::Admitted, 1));
    assert!(violations[0].evidence.contains("Delete"), "{}", violations[0].evidence);
}

#[test]
fn everything_that_was_seen_is_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("seen.jsonl");
    let recorder = Recorder::new(1, MARGIN, Log::create(&file).unwrap());
    let names = Names { token: "T".to_owned(), host: "H".to_owned() };
    let history = Mutex::new(History::default());
    let act = history.lock().invoke(Act::Create, recorder.clock.now());
    assert_eq!(recorder.answered(&history, &names, act, Answer::Confirmed, true), Some(0));
    recorder.session(&mut history.lock(), &names, Session { secret: 0, asked: at(1), received: at(2) });
    recorder.asked(&history, &names, &ask(SESSION, 50, Outcome::Admitted));
    drop(recorder);
    let text = std::fs::read_to_string(file).unwrap();
    let events: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.len(), 3);
    assert_eq!((&events[0]["act"], &events[0]["brought_secret"]), (&"Create".into(), &0.into()));
    assert_eq!((&events[1]["event"], &events[1]["returned"]), (&"session".into(), &2_000.into()));
    assert_eq!((&events[2]["session"], &events[2]["outcome"]), (&0.into(), &"Admitted".into()));
}

use super::*;
use crate::decide::Basis;
use crate::request::canonical;
use http::HeaderMap;
use std::collections::HashSet;

mod cost;

/// Refuses what is listed.
#[derive(Default)]
struct Listed {
    hosts: Mutex<HashSet<Box<str>>>,
}

impl Listed {
    fn refuse(&self, host: &str) {
        self.hosts.lock().insert(host.into());
    }
}

impl Judge for Listed {
    fn judge_again(&self, grounds: &Grounds) -> Result<(), Refusal> {
        let is_refused = self.hosts.lock().contains(&grounds.host);
        if is_refused { Err(Refusal::unauthenticated("SESSION_REVOKED", "revoked")) } else { Ok(()) }
    }
}

fn rides() -> (Arc<Rides>, Arc<Listed>) {
    let judge = Arc::new(Listed::default());
    (Arc::new(Rides::new(judge.clone(), Arc::default())), judge)
}

fn ticket(rides: &Arc<Rides>, host: &str, basis: Basis) -> Ticket {
    let (uri, headers) = (format!("http://{host}/a").parse().unwrap(), HeaderMap::new());
    let target = canonical::target(&uri, &headers).unwrap();
    let grounds = Grounds::new(&target, None, None, basis);
    Ticket { line: Arc::new(Line::new(rides.clone())), grounds, decided_at: rides.changes() }
}

fn open(rides: &Arc<Rides>, host: &str) -> Ride {
    ticket(rides, host, Basis::Open).board()
}

#[tokio::test]
async fn only_what_is_refused_ends_and_it_is_counted() {
    let (rides, judge) = rides();
    let (doomed, other) = (open(&rides, "a"), open(&rides, "b"));
    judge.refuse("a");
    rides.round().await;
    assert_eq!(doomed.ended().await.reason, "SESSION_REVOKED");
    assert!(other.refusal().is_none());
    rides.round().await;
    let ended = [Cause::Credential, Cause::Policy, Cause::Lease].map(|cause| rides.ended_by(cause));
    assert_eq!((rides.open(), ended), (2, [1, 0, 0]));
    drop((doomed, other));
    assert_eq!(rides.open(), 0);
}

#[tokio::test]
async fn a_ride_is_open_until_its_last_part_has_let_go() {
    let (rides, _) = rides();
    let ticket = ticket(&rides, "a", Basis::Open);
    let line = ticket.line.clone();
    let ride = ticket.board();
    let part = ride.clone();
    drop(ride);
    assert!(line.is_ridden());
    drop(part);
    assert!(!line.is_ridden());
    assert_eq!(rides.open(), 0);
}

#[tokio::test]
async fn only_a_ride_that_took_the_line_cuts_it() {
    let (rides, judge) = rides();
    for takes_it in [false, true] {
        let ticket = ticket(&rides, "a", Basis::Open);
        let (line, ride) = (ticket.line.clone(), ticket.board());
        if takes_it {
            ride.take_line();
        }
        judge.refuse("a");
        rides.round().await;
        assert_eq!((line.is_cut(), ride.refusal().is_some()), (takes_it, true));
    }
}

#[test]
fn whoever_boards_after_a_change_is_judged_at_once() {
    let (rides, judge) = rides();
    let before = [ticket(&rides, "a", Basis::Open), ticket(&rides, "b", Basis::Open)];
    judge.refuse("a");
    rides.changes.tell();
    let boarded = before.map(Ticket::board);
    assert_eq!(boarded.map(|ride| ride.refusal().is_some()), [true, false]);
    assert_eq!(rides.judged(), 2);
}

#[test]
fn whoever_boards_while_a_change_is_applied_is_not_forgotten() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for _ in 0..2_000 {
        let (rides, judge) = rides();
        let ticket = ticket(&rides, "a", Basis::Open);
        let ride = std::thread::scope(|scope| {
            let boarding = scope.spawn(|| ticket.board());
            judge.refuse("a");
            rides.changes.tell();
            runtime.block_on(rides.round());
            boarding.join().unwrap()
        });
        assert!(ride.refusal().is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_is_judged_at_once_and_many_together() {
    let (rides, judge) = rides();
    let ride = open(&rides, "a");
    let stop = CancellationToken::new();
    let judging = tokio::spawn(rides.clone().keep_judging(stop.clone()));
    tokio::time::sleep(TICK * 5 / 2).await;
    let before = rides.judged();
    for _ in 0..1_000 {
        rides.changes.tell();
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    // Once for the first, and once for those that came before the round began.
    assert_eq!(rides.judged(), before + 2);
    judge.refuse("a");
    let began = Instant::now();
    rides.changes.tell();
    ride.ended().await;
    assert!(began.elapsed() < TICK / 4);
    stop.cancel();
    judging.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_ends_by_time_alone_ends_within_a_tick() {
    let (rides, judge) = rides();
    let ride = open(&rides, "a");
    let stop = CancellationToken::new();
    let judging = tokio::spawn(rides.clone().keep_judging(stop.clone()));
    tokio::time::sleep(TICK * 7 / 3).await;
    judge.refuse("a");
    let began = Instant::now();
    ride.ended().await;
    assert!(began.elapsed() <= Duration::from_millis(250), "{:?}", began.elapsed());
    stop.cancel();
    judging.await.unwrap();
}

#[tokio::test]
async fn nothing_rides_on_when_the_gateway_stops() {
    let (rides, _) = rides();
    let ride = open(&rides, "a");
    let stop = CancellationToken::new();
    stop.cancel();
    rides.clone().keep_judging(stop).await;
    assert_eq!((ride.refusal().is_some(), rides.ended_by(Cause::Lease)), (true, 1));
}

//! The table "When something is away" of the edge gateway's README, each row on the real thing: what is lost is killed
//! or held, and what requests meet then, by failure mode, is compared with the table.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a fact that cannot be looked at has failed"
)]

mod full_disk;
mod ground;
mod rows;

use ground::{Ground, LEASE, PATIENCE};
use harness::until;
use rows::{Loss, Row};

/// One installation for all rows: each thing is lost and comes back, one after the other.
#[test]
fn what_is_away_costs_what_the_table_says() {
    run(async {
        let mut ground = Ground::start().await;
        let mut differences = Vec::new();
        for row in rows::ALL {
            differences.extend(compare(&mut ground, row).await);
        }
        ground.stop().await;
        assert_eq!(differences, Vec::<String>::new());
    });
}

#[test]
fn a_full_disk_under_postgresql_refuses_changes_and_loses_none() {
    run(full_disk::refuses_changes_and_loses_none());
}

fn run(facts: impl Future<Output = ()>) {
    // The servers' programs are looked for in the workspace.
    std::env::set_current_dir(harness::root()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(facts);
}

/// What is not as the row says.
async fn compare(ground: &mut Ground, row: &Row) -> Vec<String> {
    let Row { away, is_felt, making_a_token, revoking, .. } = *row;
    println!("{away:?}");
    let known = ground.prepare().await;
    ground.lose(away).await;
    if is_felt {
        let closes = async || (ground.status(&known.closed).await == 503).then_some(());
        until(&format!("{away:?} is away: closed"), PATIENCE, closes).await;
    } else {
        // Longer than any lease: if it were felt, it would be by now.
        tokio::time::sleep(LEASE + LEASE / 5).await;
    }
    let felt = |is_felt_as: u16, else_it_is: u16| if is_felt { is_felt_as } else { else_it_is };
    let facts = [
        ("a known session, closed", ground.status(&known.closed).await, felt(503, 200)),
        ("a known session, last known good", ground.status(&known.last_known_good).await, 200),
        ("a known session, open", ground.status(&known.open).await, 200),
        ("another pair, closed", ground.status(&known.stranger_at_closed).await, felt(503, 200)),
        (
            "another pair, last known good",
            ground.status(&known.stranger_at_last_known_good).await,
            felt(503, 200),
        ),
        ("no credential, closed", ground.status(&known.nobody_at_closed).await, felt(503, 401)),
        ("no credential, open", ground.status(&known.nobody_at_open).await, felt(200, 401)),
        ("making a token", ground.make_token().await, making_a_token),
        ("revoking an application's sessions", ground.revoke_sessions(&known).await, revoking),
    ];
    let different = facts.into_iter().filter(|(_, is, should_be)| is != should_be);
    let different = different.map(|(what, is, should_be)| format!("{away:?}: {what}: {is}, not {should_be}"));
    let differences = different.collect();
    ground.bring_back(away).await;
    let returns = async || {
        let is_back = ground.status(&known.nobody_at_open).await == 401
            && ground.make_token().await == 201
            && ground.status(&known.stranger_at_closed).await == 200;
        is_back.then_some(())
    };
    until(&format!("{away:?} is back: everything is as ever"), PATIENCE, returns).await;
    differences
}

#[test]
fn every_loss_has_its_row() {
    for loss in Loss::ALL {
        assert_eq!(rows::ALL.iter().filter(|row| row.away == loss).count(), 1, "{loss:?}");
    }
}

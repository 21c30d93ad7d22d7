//! What the feed promises, on SQLite and on real PostgreSQL: each fact is a function over a new, empty [`World`].

mod bad_days;
mod confirm;
mod history;
mod log;
mod pace;
mod replica;
mod rpc;
mod sources;
mod world;

use world::World;

/// Each fact as a test of its own on SQLite, and one after the other on one PostgreSQL server.
macro_rules! facts {
    ($($module:ident: $($fact:ident),+;)+) => {
        mod sqlite {
            $(mod $module {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $fact() {
                    let directory = tempfile::tempdir().unwrap();
                    let url = format!("sqlite:{}", directory.path().join("feed.db").display());
                    crate::tests::$module::$fact(crate::tests::World::new(&url).await).await;
                })+
            })+
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn postgres() {
            // Made one by one: all of them in one function would be more than its stack holds.
            let facts: &[(&str, fn(World) -> futures::future::LocalBoxFuture<'static, ()>)] = &[$($(
                (concat!(stringify!($module), "::", stringify!($fact)), |world| Box::pin($module::$fact(world))),
            )+)+];
            let mut server = local_servers::Postgres::throwaway(&local_servers::Search::workspace()).await.unwrap();
            for (number, (name, fact)) in facts.iter().enumerate() {
                println!("{name}");
                let database = format!("feed_{number}");
                let url = server.create_database(&database, "feed", Some("feed")).await.unwrap();
                let world = World::new(&url).await;
                let database = world.database.clone();
                fact(world).await;
                database.close().await;
            }
            server.server.stop().await.unwrap();
        }
    };
}

facts! {
    log:
        positions_are_dense_and_commit_ordered_under_concurrent_writers,
        a_rolled_back_transaction_leaves_no_gap,
        the_last_state_of_each_object_is_listed_in_pages,
        a_log_that_no_longer_reaches_back_says_so,
        writers_whose_clocks_differ_leave_no_hole_when_compacted,
        objects_past_their_time_are_forgotten,
        a_page_ends_before_it_is_too_large_for_a_message;
    confirm:
        a_commit_sees_the_lease_or_the_lease_sees_the_commit,
        nobody_is_waited_for_when_there_are_no_leases,
        each_live_replica_is_waited_for,
        an_earlier_position_does_not_count,
        applied_never_goes_backwards,
        a_replica_that_only_renews_is_fenced_after_its_first_lease,
        a_replica_that_gives_its_lease_back_is_not_waited_for,
        a_lease_that_ran_out_is_not_waited_for,
        who_has_not_confirmed_at_the_deadline_is_named,
        a_database_that_is_away_confirms_nothing,
        an_acknowledgement_through_another_instance_is_seen,
        a_restarted_owner_keeps_the_leases,
        live_leases_are_never_pruned,
        nobody_has_applied_what_is_not_there;
    replica:
        a_change_is_visible_before_its_confirmation,
        objects_are_loaded_and_then_followed,
        with_nobody_publishing_changes_arrive_by_heartbeat,
        the_owner_is_told_at_once_that_more_may_be_stale,
        a_change_too_large_for_the_bus_is_asked_for_at_once,
        a_bus_that_refuses_subscriptions_costs_speed_alone,
        a_bus_that_comes_back_is_used_again,
        a_gap_is_filled_by_asking,
        repeated_and_reordered_and_foreign_messages_change_nothing,
        a_compacted_log_is_loaded_again,
        a_lease_counts_only_once_its_head_is_applied,
        a_replica_that_cannot_catch_up_stops_deciding,
        a_head_that_went_backwards_fences_for_good,
        a_stopped_replica_gives_its_lease_back,
        messages_without_end_do_not_starve_the_heartbeat;
    history:
        positions_that_were_taken_back_are_not_given_out_again,
        a_reader_of_the_head_notices_another_server_too,
        a_new_history_is_followed_from_its_start,
        a_confirmation_waits_for_leases_that_were_lost_with_their_history,
        a_change_whose_history_is_lost_meanwhile_is_not_confirmed;
    bad_days:
        an_entry_of_an_unknown_kind_fences_for_good,
        an_object_of_an_unknown_kind_is_not_loaded,
        what_is_not_the_owners_on_the_bus_is_ignored,
        a_replica_that_was_led_to_another_feed_follows_nothing,
        a_lease_longer_than_allowed_counts_a_minute,
        two_replicas_of_one_name_are_two,
        who_may_still_admit_is_named,
        a_repeated_change_is_confirmed_again;
    rpc:
        a_replica_follows_over_grpc,
        malformed_requests_are_refused;
}

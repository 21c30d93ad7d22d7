//! What the registry promises, on SQLite and on real PostgreSQL: each fact is a function over a new [`World`].

mod alike;
pub mod api_tokens;
pub mod audited;
pub mod authenticate;
pub mod cached;
pub mod delete;
pub mod inactivity;
pub mod lifecycle;
pub mod list;
pub mod races;
pub mod rotate;
pub mod rotation;
pub mod secrets;
pub mod usage;
mod watched;
mod world;

pub use world::World;

/// Each fact as a test of its own on SQLite, and one after the other on one PostgreSQL server.
macro_rules! facts {
    ($($(#[$place:meta])* $module:ident: $($fact:ident),+;)+) => {
        mod sqlite {
            $(mod $module {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $fact() {
                    let directory = tempfile::tempdir().unwrap();
                    let world = crate::tests::World::sqlite(directory.path()).await;
                    Box::pin(crate::tests::facts::$module::$fact(world)).await;
                })+
            })+
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn postgres() {
            // Made one by one: all of them in one function would be more than its stack holds.
            let facts: &[(&str, fn(World) -> futures::future::LocalBoxFuture<'static, ()>)] = &[$($(
                (concat!(stringify!($module), "::", stringify!($fact)), |world| Box::pin(facts::$module::$fact(world))),
            )+)+];
            let mut server = local_servers::Postgres::throwaway(&local_servers::Search::workspace()).await.unwrap();
            for (number, (name, fact)) in facts.iter().enumerate() {
                println!("{name}");
                let database = format!("tokens_{number}");
                let url = server.create_database(&database, "registry", Some("registry")).await.unwrap();
                let world = World::new(url).await;
                let database = world.database.clone();
                fact(world).await;
                database.close().await;
            }
            server.server.stop().await.unwrap();
        }
    };
}

/// Where the facts are.
mod facts {
    pub use super::inactivity::told;
    pub use super::{
        api_tokens, audited, authenticate, cached, delete, inactivity, lifecycle, list, races, rotate,
        rotation, secrets, usage,
    };
    pub use crate::store::conformance as store;
}

facts! {
    api_tokens:
        an_api_token_expires_by_the_second,
        no_row_holds_the_value_of_an_api_token,
        api_tokens_outlive_a_new_pepper_while_the_old_is_listed,
        an_api_token_gives_no_more_than_it_has,
        the_last_use_of_an_api_token_is_written_apart,
        only_the_management_api_speaks_of_api_tokens;
    lifecycle:
        a_new_token_has_the_defaults_and_its_secret_works,
        what_was_given_at_creation_is_kept,
        what_is_wrong_is_refused_by_field_and_nothing_is_stored,
        an_update_without_fields_changes_nothing,
        a_new_duration_counts_from_now,
        a_refused_update_leaves_nothing_half_written,
        a_refresh_is_one_year_from_now,
        disabling_stops_both_secrets_and_enabling_restores_them,
        ids_that_cannot_be_are_refused,
        a_token_of_another_account_is_not_there_for_any_call;
    rotate:
        without_an_overlap_the_old_secret_stops_at_once,
        both_secrets_work_during_the_overlap_and_the_old_one_stops_on_time,
        the_overlap_is_shortened_extended_and_ended_by_updates,
        a_second_rotation_leaves_two_secrets,
        a_lower_version_is_refused_an_equal_one_does_nothing_a_higher_one_rotates,
        after_the_last_version_there_is_no_rotation_and_none_is_taken_back;
    rotation:
        a_finished_rotation_ends_the_previous_secret_and_is_not_there_to_be_finished_again,
        an_undone_rotation_restores_the_previous_secret_and_ends_the_new_one,
        only_while_the_previous_secret_works_can_a_rotation_be_undone,
        after_an_undone_rotation_the_next_one_is_like_any_other,
        of_two_who_end_and_undo_at_once_one_is_refused,
        what_was_cached_before_a_rotation_was_undone_admits_nobody_after_it,
        each_version_says_when_and_where_it_was_last_used,
        a_restored_secret_is_used_under_both_its_versions,
        a_rotation_of_another_account_is_not_there;
    inactivity:
        a_rule_acts_once_it_has_been_stated_for_a_day_without_a_gap,
        an_unused_token_is_disabled_and_its_end_is_recorded,
        what_was_used_changed_named_or_is_young_is_left_alone,
        deleting_takes_the_disabled_ones_too_and_no_named_one,
        tokens_are_ended_some_at_a_time_by_one_replica,
        a_wrong_rule_is_refused;
    told:
        each_end_is_remembered_as_the_token_was_and_listed_by_pages,
        what_a_rule_would_end_is_told_ahead_and_nothing_else_is;
    delete:
        after_a_delete_nothing_finds_the_token,
        a_deleted_client_id_is_never_used_again,
        a_named_token_is_not_deleted_until_it_is_named_no_more,
        references_to_what_is_not_there_are_refused_as_a_whole,
        what_need_not_exist_is_left_out_of_references_and_named,
        malformed_referrers_are_refused;
    audited:
        every_change_has_one_record_and_nothing_else_has,
        a_record_names_who_asked_and_holds_no_secret,
        a_change_whose_record_cannot_be_written_does_not_happen,
        a_refused_attempt_is_kept_once;
    authenticate:
        an_unknown_id_and_a_wrong_secret_answer_alike,
        junk_is_told_from_secrets,
        only_the_holder_of_the_secret_learns_of_expiry_and_disablement,
        the_answer_says_which_version_until_when_and_as_of_when,
        peppers_change_without_a_token_lost,
        callers_may_call_what_they_need_and_no_more;
    list:
        pages_are_in_order_of_creation_and_end_empty,
        a_page_and_the_count_are_of_one_moment,
        names_and_parts_are_found_literally,
        filters_that_no_name_can_match_are_refused,
        the_expiring_are_listed_soonest_first_without_the_expired_and_disabled,
        page_tokens_of_others_are_refused;
    cached:
        a_hit_asks_no_database,
        a_caller_who_has_seen_more_is_answered_from_the_database,
        what_was_cached_before_a_change_admits_nobody_after_it,
        forged_and_altered_entries_are_misses,
        an_entry_kept_beyond_its_time_is_a_miss,
        expiry_is_kept_by_the_second_from_the_cache_too,
        without_a_lease_the_cache_is_not_asked;
    races:
        a_token_is_either_named_or_gone,
        rotations_at_once_follow_one_another,
        a_delete_wins_over_a_rotation_at_once,
        once_a_delete_has_returned_nobody_is_let_in_by_any_replica;
    usage:
        the_last_use_appears_and_no_credential_is_touched,
        uses_are_counted_by_version_and_never_run_backwards,
        writers_of_the_same_rows_do_not_lock_each_other_out;
    secrets:
        no_credential_is_stored_with_an_empty_digest,
        no_row_holds_a_secret;
    store:
        a_hundred_thousand_tokens_are_read_by_index;
}

//! The service through its own gRPC server path, on both databases, with the real token registry beside it.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy takes only test functions for tests, not the functions they call"
)]

mod applications;
mod audited;
mod evaluation;
mod failure_modes;
mod groups;
mod input;
mod labels;
mod older;
mod organizations;
mod policies;
mod policy_tests;
mod session_signatures;
mod tokens;
mod words;
mod world;

use local_servers::{Postgres, Search};
use world::World;

/// Each fact on SQLite, as a test of its own, and all of them on one PostgreSQL, a database each.
macro_rules! facts {
    ($($module:ident::$fact:ident),+ $(,)?) => {
        mod on_sqlite {
            use crate::world::World;
            $(
                #[tokio::test]
                async fn $fact() {
                    let world = World::on_sqlite().await;
                    crate::$module::$fact(&world).await;
                    world.stop().await;
                }
            )+
        }

        #[tokio::test]
        async fn every_fact_on_postgresql() {
            let mut server = Postgres::throwaway(&Search::workspace()).await.unwrap();
            let mut number = 0;
            $(
                number += 1;
                println!("{}", stringify!($fact));
                let world = World::on_postgresql(&server, &format!("fact_{number}")).await;
                $module::$fact(&world).await;
                world.stop().await;
            )+
            server.server.stop().await.unwrap();
            assert!(number > 0);
        }
    };
}

facts! {
    applications::a_domain_belongs_to_one_application,
    applications::an_update_replaces_everything_but_the_audience,
    applications::own_policies_are_replaced_by_id_and_go_when_they_are_not_listed,
    applications::lists_end_and_are_searched,
    applications::the_feed_carries_policies_in_full,
    policies::an_edit_of_a_reusable_policy_reaches_every_application_that_links_it,
    policies::a_policy_in_use_is_not_deleted,
    policies::precedence_is_unique_and_orders,
    policies::an_own_policy_is_no_reusable_one,
    labels::an_own_policy_becomes_reusable_under_its_id,
    labels::policies_are_found_by_name,
    labels::settings_are_merged_and_nothing_else_changes,
    labels::a_tag_is_there_before_and_as_long_as_an_application_names_it,
    labels::a_certificate_is_kept_until_it_has_no_host_names,
    policy_tests::a_policy_test_is_carried_out_page_by_page_and_each_page_once,
    policy_tests::a_policy_test_ends_with_its_time_and_is_forgotten_with_its_results,
    policy_tests::an_account_has_ten_policy_tests_and_cannot_begin_them_without_end,
    groups::a_group_in_use_is_not_deleted,
    groups::a_group_edit_applies_to_the_next_judgement,
    groups::cycles_and_unknown_groups_are_refused,
    organizations::fields_are_merged,
    organizations::writers_of_different_settings_lose_nothing_of_each_other,
    organizations::a_team_domain_belongs_to_one_organization,
    evaluation::both_ways_of_answering_agree,
    evaluation::a_live_view_answers_without_the_database,
    evaluation::the_first_policy_that_matches_decides_and_is_explained,
    evaluation::an_unknown_application_is_not_found,
    input::every_bad_input_is_refused_by_its_field,
    input::another_account_sees_and_changes_nothing,
    input::callers_may_call_what_their_work_needs,
    failure_modes::it_is_closed_until_it_is_written_and_confirmed_like_any_edit,
    failure_modes::no_other_edit_sees_or_resets_it,
    failure_modes::what_is_not_clearly_meant_is_refused_by_its_field,
    failure_modes::only_its_owner_may_set_it_through_the_management_plane,
    session_signatures::it_is_rs256_until_it_is_chosen_and_a_verdict_says_it,
    session_signatures::no_edit_of_the_application_sees_or_resets_it,
    session_signatures::what_is_no_algorithm_and_whoever_may_not_choose_is_refused,
    tokens::an_unknown_token_is_refused_on_the_rule_that_names_it,
    tokens::a_named_token_is_not_deleted_until_it_is_named_no_more,
    tokens::a_refused_change_leaves_no_reference,
    tokens::groups_and_inline_policies_name_tokens_too,
    audited::each_change_has_one_record,
    audited::a_change_that_fails_has_none,
    audited::a_record_names_who_asked_and_holds_no_secret,
    audited::a_change_whose_record_cannot_be_written_does_not_happen,
}

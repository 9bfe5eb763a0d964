//! Scenarios: the real operator binary on a real control plane, one namespace for each.
//!
//! One process, one cluster, started when the first scenario asks for it. `cargo test --test it -- NAME` runs
//! those whose name contains NAME. What a failed scenario left behind is printed with it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says by panicking what is wrong"
)]

mod admission;
mod background;
mod binary;
mod bootstrap;
mod certs;
mod chart;
mod crash;
mod crd;
mod deletion;
mod drift;
mod exclusive;
mod guarded;
mod heal;
mod imports;
mod keys;
mod kit;
mod leading;
mod lifecycle;
mod modes;
mod quiet;
mod repair;
mod rollout;
mod serving;
mod sidecars;
mod slots;
mod standing;
mod trouble;

use std::{process::ExitCode, sync::Arc};

use devcluster::supervisor;
use futures::{FutureExt, future::LocalBoxFuture};
use kit::Kit;
use libtest_mimic::{Arguments, Trial};
use tokio::runtime::Runtime;

/// Scenarios wait more than they compute: more of them at once than there are cores.
const AT_ONCE: usize = 8;

fn main() -> ExitCode {
    // First of all: this executable may be running as the watchdog of another run of itself.
    let guard = supervisor::claim();
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(AT_ONCE));
    let runtime = Arc::new(Runtime::new().expect("no runtime could be made"));
    let kit = Arc::new(Kit::new(guard));
    let trials = scenarios(&runtime).into_iter().chain(on_the_cluster(&runtime, &kit)).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    // The cluster goes before the runtime that its clients live in.
    runtime.block_on(async { drop(kit) });
    conclusion.exit_code()
}

/// Makes a trial of each scenario, named `module::function`.
macro_rules! trials {
    ($make:expr, $($module:ident: $($scenario:ident)*;)*) => {
        vec![$($($make(
            concat!(stringify!($module), "::", stringify!($scenario)),
            |kit| $module::$scenario(kit).boxed_local(),
        )),*),*]
    };
}

type Scenario = fn(Arc<Kit>) -> LocalBoxFuture<'static, ()>;

/// Scenarios that need no cluster.
fn scenarios(runtime: &Arc<Runtime>) -> Vec<Trial> {
    let make = |name: &str, scenario: fn() -> LocalBoxFuture<'static, ()>| {
        let runtime = Arc::clone(runtime);
        Trial::test(name, move || {
            runtime.block_on(scenario());
            Ok(())
        })
    };
    macro_rules! alone {
        ($($scenario:ident)*) => {
            vec![$(make(concat!("binary::", stringify!($scenario)), || binary::$scenario().boxed_local())),*]
        };
    }
    let agreement =
        || admission::what_the_api_server_refuses_the_parser_refuses_at_the_same_place().boxed_local();
    let agreement =
        make("admission::what_the_api_server_refuses_the_parser_refuses_at_the_same_place", agreement);
    let mut trials = alone! {
        wrong_settings_are_all_reported_at_once_and_exit_2
        without_credentials_it_ends_without_quoting_them
        a_taken_address_is_named_with_its_flag
        crds_prints_the_golden_definition
        endpoints_answer_without_an_api_server_until_sigterm
        an_endpoint_can_be_switched_off
        silent_connections_starve_neither_probes_nor_scrapes
        unread_scrapes_do_not_keep_a_scraper_out
    };
    trials.push(agreement);
    let dashboards = || chart::dashboards_can_be_read_and_every_panel_is_explained().boxed_local();
    trials.push(make("chart::dashboards_can_be_read_and_every_panel_is_explained", dashboards));
    trials
}

/// Scenarios on the shared cluster.
fn on_the_cluster(runtime: &Arc<Runtime>, kit: &Arc<Kit>) -> Vec<Trial> {
    let make = |name: &str, scenario: Scenario| {
        let (runtime, kit) = (Arc::clone(runtime), Arc::clone(kit));
        Trial::test(name, move || {
            runtime.block_on(scenario(kit));
            Ok(())
        })
    };
    trials! { make,
        admission:
            the_sets_of_nodes_are_guarded_by_the_policy_alone_while_no_operator_is_up
            the_sets_of_nodes_are_guarded_by_the_webhooks_alone
            the_sets_of_nodes_are_guarded_by_both_in_the_same_words
            a_node_is_labelled_and_judged_and_its_owner_is_told_why
            nobody_slips_out_of_the_guard_and_what_is_put_back_is_told
            the_operator_and_other_tenants_never_call_the_webhooks_of_sets
            an_orphaned_set_is_let_go
            while_no_operator_is_up_the_rules_hold_and_people_can_mend_and_delete
            without_the_policy_the_sets_of_nodes_wait_for_an_operator_and_nobody_else_does
            a_second_pod_is_refused_by_every_field_that_makes_one
            the_selector_tells_a_nodes_set_whatever_its_labels
            an_owned_set_keeps_label_and_owner_without_an_operator
            a_signers_pod_is_not_deleted_by_force
            a_nodes_pod_keeps_the_labels_it_is_seen_by
            a_bootstrap_job_stays_at_one_pod
            while_no_operator_is_up_a_node_can_be_paused
            the_api_server_and_the_parser_agree_on_generated_objects
            every_example_is_admitted_without_a_warning;
        crd:
            every_rule_has_an_accept_and_a_refuse_case
            the_original_differs_from_ours_where_the_table_says
            what_breaks_a_new_rule_already_stays_editable_and_deletable
            a_rule_that_holds_again_cannot_be_broken_again
            an_object_without_spec_loses_the_old_finalizer_and_goes
            a_plan_of_the_original_operator_stays_readable_and_can_be_overwritten
            defaults_are_filled_in_and_nulls_are_dropped
            columns_tell_the_story;
        lifecycle:
            a_full_node_comes_up_with_its_children_status_and_events
            kubectl_get_tells_the_story;
        modes:
            an_archive_syncs_from_genesis_on_its_own_pool
            a_full_node_state_syncs_from_its_peers
            a_replayer_starts_from_an_s3_snapshot
            a_validator_without_keys_observes
            a_founder_takes_part_in_a_genesis_ceremony;
        deletion:
            background_deletion_takes_the_children_along
            foreground_deletion_ends_and_no_child_is_put_back
            orphaned_children_stay_and_a_namesake_does_not_take_the_volume
            a_foreign_volume_survives_the_node_that_was_refused_it
            a_foreign_set_or_service_of_the_same_name_is_never_taken_over
            nothing_hangs_when_the_operator_is_down
            deleting_the_namespace_deletes_everything
            a_node_recreated_at_once_waits_for_its_predecessors_volume_and_gets_a_new_one
            an_adopted_node_loses_the_old_finalizer_and_can_go;
        sidecars:
            a_task_whose_store_was_lost_is_handed_over_once_more_with_the_reason
            a_failed_task_is_told_in_its_own_words_and_a_mended_spec_helps_at_once
            a_typo_in_an_override_is_told_before_anything_is_made
            a_retry_annotation_cuts_the_pause_short
            a_suspended_node_is_left_alone_until_it_is_resumed
            a_refused_task_is_sent_once_and_fails_the_plan
            a_failed_task_with_budget_is_tried_again_under_a_new_id
            a_silent_sidecar_is_named_and_delays_no_other_node
            a_running_node_tells_the_truth_about_its_gate
            garbage_from_a_sidecar_is_never_believed
            label_peers_are_waited_for_and_a_new_peer_wakes_the_node
            sigterm_ends_the_operator_well_also_while_a_sidecar_hangs;
        standing:
            a_paused_node_loses_its_pod_and_nothing_else_and_comes_back_by_itself
            a_node_paused_before_it_was_up_goes_on_with_its_plan
            a_retained_volume_outlives_its_node_and_another_takes_it_over
            what_becomes_of_the_volume_can_be_changed_and_a_signers_volume_stays
            a_volume_of_the_earlier_operator_is_marked_as_its_nodes;
        background:
            an_upload_that_a_restart_interrupted_is_handed_over_again
            an_upload_that_goes_on_after_a_restart_is_left_alone
            a_replayer_exports_its_results_once_it_runs_and_again_when_the_sidecar_lost_it
            a_refused_export_does_not_keep_the_node_from_running_and_is_told;
        imports:
            a_node_comes_up_on_an_imported_volume_and_leaves_it_as_it_was
            a_volume_that_is_missing_or_goes_is_waited_for
            a_volume_that_is_not_bound_or_lost_is_told_with_what_helps
            a_volume_of_the_wrong_kind_is_refused_until_another_is_in_its_place
            a_volume_of_the_wrong_size_is_refused_until_it_has_grown
            an_archive_needs_the_size_of_an_archive_and_a_person_may_ask_at_once
            a_right_that_is_missing_is_named_and_granting_it_helps;
        bootstrap:
            a_node_is_bootstrapped_by_a_job_and_then_runs_on_its_volume
            a_job_that_fails_is_told_in_its_words_and_the_next_attempt_replaces_it
            a_task_that_fails_is_tried_again_on_the_same_job
            a_job_that_fails_at_the_end_is_noticed_too
            a_job_that_somebody_deletes_is_noticed
            the_job_has_the_imported_volume_and_a_later_failure_does_not_repeat_it
            a_bootstrapped_node_that_fails_later_is_not_bootstrapped_again
            a_job_that_completes_while_the_operator_is_down_is_a_success
            another_image_during_the_bootstrap_does_not_begin_it_anew
            another_height_during_the_bootstrap_begins_it_anew
            a_bootstrap_that_is_no_longer_wanted_goes_before_the_node_starts
            a_bootstrap_that_comes_to_be_wanted_takes_the_place_of_the_nodes_pod
            pausing_suspends_the_job_and_the_gate_is_opened_afresh_when_it_goes_on
            pausing_half_way_goes_on_where_it_was
            sigkill_at_many_gaps_of_a_bootstrap_changes_nothing_about_the_end;
        exclusive:
            of_two_that_wait_for_the_operator_the_older_signs
            two_signers_created_at_once_never_sign_at_once
            a_key_is_free_when_the_pod_that_signed_with_it_is_gone
            a_volume_is_imported_by_one_node_at_a_time
            the_data_volume_of_a_node_is_not_imported_under_it
            an_adopted_signer_has_its_key_before_it_has_claimed_anything
            an_adopted_signer_whose_key_cannot_be_read_keeps_others_from_signing;
        keys:
            a_signer_comes_up_and_its_keys_are_nowhere_but_in_its_pod
            a_signers_bootstrap_has_no_keys
            secrets_that_are_missing_or_go_are_waited_for
            a_malformed_signing_key_is_told_until_it_is_mended
            a_malformed_node_key_is_told_until_it_is_mended
            a_mended_key_is_found_within_seconds_without_anybody_asking
            a_running_signer_tells_at_the_next_pod_event_that_its_key_is_gone_or_changed;
        drift:
            peers_that_come_and_go_restart_none_of_the_nodes_that_select_them
            the_next_update_carries_the_peers_of_now
            an_update_of_the_image_alone_leaves_the_configuration_as_it_is
            other_platform_settings_restart_nobody_and_come_with_the_next_update
            an_adopted_node_runs_on_untouched_until_its_spec_changes
            an_adopted_node_whose_pod_runs_another_image_than_its_spec_names_is_updated
            an_update_that_the_original_operator_left_half_done_is_brought_to_its_end
            a_foreign_plan_that_leads_nowhere_new_is_dropped_and_restarts_nobody
            a_set_that_kubernetes_itself_would_roll_comes_to_be_ours_to_roll
            an_adopted_node_that_was_stopped_by_hand_stays_so;
        repair:
            a_deleted_set_is_put_back_and_its_new_pod_opens_its_gate
            a_set_that_was_orphaned_from_its_pod_gets_it_back
            a_deleted_service_is_put_back
            what_was_deleted_while_the_operator_was_down_is_put_back
            nothing_is_put_back_for_a_node_that_is_being_deleted
            what_people_edit_by_hand_is_put_right_and_no_pod_is_restarted
            what_others_add_to_the_children_stays
            programs_that_write_whole_objects_or_apply_them_are_named_too
            an_edit_made_while_the_operator_was_down_is_put_right
            what_is_put_right_is_rendered_as_of_today_and_still_restarts_nobody
            an_edit_in_the_middle_of_an_update_reaches_no_pod
            a_child_that_lost_its_owner_is_taken_back
            who_edits_a_field_for_the_third_time_is_named_and_left_alone
            a_person_ends_the_contest_and_the_field_is_the_operators_again
            an_update_goes_through_whoever_contests_a_field
            a_set_scaled_to_0_by_hand_stays_so_also_for_another_operator
            a_set_scaled_to_0_while_the_operator_was_down_stays_so_whatever_the_spec_asks_for
            a_node_that_is_still_coming_up_can_be_stopped_too
            a_stop_ends_by_a_retry_by_a_pause_and_by_scaling_back
            an_update_that_was_stopped_by_hand_waits_and_then_goes_on_with_the_newest_spec
            a_stop_while_the_pod_is_being_replaced_is_honoured_too;
        guarded:
            a_volume_that_is_being_deleted_keeps_its_pod_whatever_is_asked_for
            a_volume_that_is_being_deleted_is_not_given_to_a_bootstrap
            an_imported_volume_that_is_being_deleted_keeps_its_pod
            a_claim_that_lost_its_volume_keeps_its_pod_until_the_volume_is_back
            a_lost_volume_is_made_anew_when_a_person_says_which_one_and_never_else
            a_volume_whose_data_were_saved_comes_back_under_its_node
            a_signer_is_not_updated_while_a_secret_of_its_is_missing
            a_secret_that_goes_after_it_was_looked_at_keeps_the_pod_too
            a_gate_that_a_bad_configuration_keeps_shut_stays_shut_while_the_next_plan_waits
            a_validator_that_is_given_keys_signs_from_its_next_pod_on
            a_signer_whose_secret_holds_another_key_keeps_its_pod_until_it_is_put_back
            a_signer_that_was_stopped_by_hand_keeps_its_key_and_comes_back_only_with_it
            another_secret_for_a_signer_is_taken_up_by_its_next_pod;
        slots:
            no_more_nodes_are_updated_at_once_than_allowed_also_after_a_restart
            a_node_that_is_stuck_holds_its_slot_and_is_named_until_it_is_cured
            a_node_that_no_longer_wants_an_update_lets_the_next_one_go;
        certs:
            replicas_that_start_together_agree_on_one_authority
            a_wiped_bundle_is_repaired_at_once
            a_changed_configuration_refuses_an_older_bundle
            calls_succeed_while_the_secret_is_deleted_or_corrupt
            calls_succeed_while_authorities_rotate
            a_clock_jump_costs_one_look
            a_missing_configuration_or_right_is_reported
            a_certificate_in_files_is_published_with_its_bundle
            a_certificate_of_others_waits_for_their_bundle
            a_replaced_authority_in_files_goes_after_the_overlap
            an_entry_dropped_by_its_owner_goes;
        serving:
            calls_succeed_while_replicas_restart_in_turn
            calls_succeed_while_the_authority_is_lost
            calls_succeed_while_an_aged_authority_rotates
            half_open_handshakes_keep_no_call_out
            the_documented_procedure_revokes_a_leaked_authority
            secure_metrics_need_an_account_that_may_read_them;
        trouble:
            a_missing_crd_and_an_unreachable_api_server_are_waited_out
            a_missing_right_is_named_in_readiness_and_in_the_condition
            under_the_original_crd_nothing_is_begun_and_an_object_without_spec_stops_no_other;
        heal:
            a_restart_in_place_is_healed_and_told_once_also_over_a_restart_of_the_operator
            a_gate_that_shuts_without_a_word_of_the_pod_is_noticed_by_the_steady_probe
            a_pod_that_is_evicted_is_healed_as_soon_as_its_sidecar_answers
            a_sidecar_that_does_not_answer_is_unreachable_and_no_loss
            a_gate_that_shuts_while_an_update_waits_is_opened_inside_its_plan
            every_transition_of_the_gate_is_told_as_the_table_says
            a_mark_ready_that_is_refused_is_told_and_sent_again_later
            a_mark_ready_that_does_not_open_the_gate_is_told_and_sent_again_later
            a_sidecar_that_flaps_once_a_second_floods_nobody;
        rollout:
            an_image_goes_there_and_back_and_every_pod_is_replaced_once
            quick_changes_end_on_the_last_one
            the_other_parts_of_the_pod_are_rolled_out_too
            a_hundred_nodes_at_once_are_rolled_out
            another_spec_at_every_task_of_a_plan_takes_over
            another_spec_before_and_after_every_request_takes_over
            a_set_that_is_deleted_in_any_gap_is_put_back_and_rolled_out
            a_pod_that_is_evicted_in_any_gap_comes_back_and_is_rolled_out
            a_node_that_crashes_is_rolled_out_untouched_by_hand
            a_node_that_is_never_ready_is_rolled_out_untouched_by_hand
            a_bad_image_is_told_with_its_reason_and_a_good_one_is_enough_to_cure_it
            a_bad_first_image_is_cured_the_same_way
            a_pod_that_is_not_scheduled_is_told_in_the_schedulers_words
            a_deletion_that_hangs_is_told_since_when_and_never_forced
            changed_overrides_and_peers_are_configured_on_a_new_pod_before_its_gate_opens
            a_configuration_that_is_not_valid_keeps_the_gate_shut
            a_rollout_takes_ten_requests_at_most
            sigkill_at_any_gap_of_a_rollout_changes_nothing_about_the_end;
        leading:
            of_two_replicas_one_works_and_the_other_takes_over_at_once_when_it_goes
            a_leader_that_is_killed_in_the_middle_of_a_plan_is_succeeded
            a_leader_that_stood_still_for_30_s_changes_nothing_when_it_wakes;
        chart:
            what_is_rendered_is_taken_by_the_api_server_for_every_kind_of_values
            the_operators_pod_is_let_in_where_pods_are_restricted
            wrong_values_are_refused_by_their_place
            maps_of_values_are_merged
            pods_name_no_user_unless_values_do
            the_sidecars_port_is_open_to_the_operator_only
            a_release_for_nodes_of_another_release_is_refused
            the_chart_of_the_crd_says_what_the_operator_prints
            no_right_is_missing_and_none_is_granted_in_vain
            in_some_namespaces_no_right_is_missing_and_none_is_granted_in_vain
            everything_carries_the_labels_and_annotations_that_are_asked_for
            what_is_likely_not_meant_is_said_after_the_installation
            what_a_catalogue_is_told_of_the_charts_is_true
            the_values_that_the_documents_show_are_taken
            helm_3_installs_upgrades_and_removes_both_charts
            a_certificate_in_a_secret_is_served_and_trusted
            with_a_certificate_of_others_no_right_to_secrets_is_left
            helm_test_passes_with_the_release_and_says_what_is_wrong_without
            an_upgrade_under_load_fails_no_admission
            both_charts_are_installed_upgraded_and_removed_and_the_node_runs_on
            every_alert_fires_in_its_time_recovers_and_keeps_quiet_otherwise
            what_values_say_of_an_alert_is_rendered
            what_is_for_prometheus_is_taken_by_its_own_definitions_and_needs_them
            wrong_values_of_what_is_monitored_are_refused_by_their_place
            a_service_monitor_selects_the_metrics_and_dashboards_are_found_by_their_label
            every_series_of_an_alert_or_a_panel_is_one_that_the_operator_has;
        quiet:
            running_nodes_cost_no_request_in_a_minute;
        crash:
            two_operators_at_once_bring_a_node_up_once
            sigkill_at_any_gap_of_the_init_plan_changes_nothing_about_the_end
            what_is_not_written_yet_is_not_announced;
    }
}

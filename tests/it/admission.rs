//! The guardrails through a real API server: the chart's configurations and policies, the real binary behind them, and
//! people with kubectl in front.

mod agreement;
mod down;
mod examples;
mod generated;
mod hands;
mod nodes;
mod sets;
mod side_doors;
mod stage;
mod wording;

pub use agreement::what_the_api_server_refuses_the_parser_refuses_at_the_same_place;
pub use down::{
    while_no_operator_is_up_a_node_can_be_paused,
    while_no_operator_is_up_the_rules_hold_and_people_can_mend_and_delete,
    without_the_policy_the_sets_of_nodes_wait_for_an_operator_and_nobody_else_does,
};
pub use examples::every_example_is_admitted_without_a_warning;
pub use generated::the_api_server_and_the_parser_agree_on_generated_objects;
pub use nodes::a_node_is_labelled_and_judged_and_its_owner_is_told_why;
pub use sets::{
    an_orphaned_set_is_let_go, nobody_slips_out_of_the_guard_and_what_is_put_back_is_told,
    the_operator_and_other_tenants_never_call_the_webhooks_of_sets,
    the_sets_of_nodes_are_guarded_by_both_in_the_same_words,
    the_sets_of_nodes_are_guarded_by_the_policy_alone_while_no_operator_is_up,
    the_sets_of_nodes_are_guarded_by_the_webhooks_alone,
};
pub use side_doors::{
    a_bootstrap_job_stays_at_one_pod, a_nodes_pod_keeps_the_labels_it_is_seen_by,
    a_second_pod_is_refused_by_every_field_that_makes_one, a_signers_pod_is_not_deleted_by_force,
    an_owned_set_keeps_label_and_owner_without_an_operator,
    the_selector_tells_a_nodes_set_whatever_its_labels,
};

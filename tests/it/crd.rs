//! The SeiNode CRD on a real API server: what it lets in, what it refuses and in which words, and that
//! objects which were stored under the original operator's CRD live on under ours.
//!
//! The cases are a table, `crd/cases.yaml`. CRDs have no namespace; scenarios that install the original's do
//! it under another group and name, so they disturb nobody.

pub mod admission;
mod demands;
pub mod nodes;
mod original;
mod ratchet;
mod shape;
pub mod table;

use std::sync::Arc;

use crate::kit::Kit;

/// Makes scenarios of functions that need a client and a fresh namespace.
macro_rules! scenarios {
    ($($module:ident: $($scenario:ident)*;)*) => {
        $($(pub async fn $scenario(kit: Arc<Kit>) {
            let namespace = kit.namespace().await;
            $module::$scenario(&namespace.client, &namespace.name).await;
        })*)*
    };
}

scenarios! {
    admission: every_rule_has_an_accept_and_a_refuse_case;
    original: the_original_differs_from_ours_where_the_table_says;
    ratchet:
        what_breaks_a_new_rule_already_stays_editable_and_deletable
        a_rule_that_holds_again_cannot_be_broken_again
        an_object_without_spec_loses_the_old_finalizer_and_goes
        a_plan_of_the_original_operator_stays_readable_and_can_be_overwritten;
    shape:
        defaults_are_filled_in_and_nulls_are_dropped
        columns_tell_the_story;
}

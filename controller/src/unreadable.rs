//! SeiNodes that cannot be read: stored before the schema asked for what we need, as one without `spec`.
//!
//! Nothing of theirs is touched. They only lose the earlier operator's finalizer, which nobody else would take
//! off, so that they can be deleted; and an event says what is wrong.

use kube::{
    ResourceExt,
    core::{DeserializeGuard, error_boundary::InvalidObject},
    runtime::controller::Action,
};
use seinode_api::names;
use seinode_core::events::{Event, Severity};

use crate::{
    cache::Guarded,
    context::Context,
    persist::{self, Written},
};

/// Does what can be done for an object that cannot be read.
pub(crate) async fn pass(context: &Context, invalid: &InvalidObject) -> Action {
    let object: Guarded = DeserializeGuard(Err(invalid.clone()));
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    tracing::warn!(namespace, name, error = invalid.error, "the SeiNode cannot be read");
    let note =
        format!("The SeiNode cannot be read: {}; nothing is done for it until it is mended", invalid.error);
    let events = Event { severity: Severity::Warning, reason: "SpecInvalid", action: "Refuse", note };
    context.publisher.publish(&object, &[events], (context.clock)());
    let adopted = object.finalizers().iter().any(|finalizer| finalizer == names::LEGACY_FINALIZER);
    if adopted && let Written::Failed(failure) = persist::remove_legacy_finalizer(context, &object).await {
        context.metrics.error(failure.class);
        tracing::warn!(namespace, name, "{}", failure.message);
        return Action::requeue(context.patience.pause(&namespace, &name, failure.class, (context.clock)()));
    }
    context.patience.reset(&namespace, &name);
    Action::await_change()
}

//! SeiNodes that cannot be read: stored before the schema asked for what we need, as one without `spec`.
//!
//! Nothing of theirs is touched. They only lose the earlier operator's finalizer, which nobody else would take
//! off, so that they can be deleted; and an event says what is wrong.

use kube::{
    Resource, ResourceExt,
    core::{DeserializeGuard, error_boundary::InvalidObject},
    runtime::controller::Action,
};
use seinode_api::names;
use seinode_core::{
    events::{Event, Severity},
    node::NodeRef,
};

use crate::{cache::Guarded, clock, context::Context, persist};

/// Does what can be done for an object that cannot be read.
pub(crate) async fn reconcile(context: &Context, invalid: &InvalidObject) -> Action {
    let object: Guarded = DeserializeGuard(Err(invalid.clone()));
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    tracing::warn!(namespace, name, error = invalid.error, "the SeiNode cannot be read");
    let note = format!(
        "The SeiNode cannot be read: {}; nothing is done for it until it is corrected",
        invalid.error
    );
    let event = Event { severity: Severity::Warning, reason: "SpecInvalid", action: "Refuse", note };
    let now = clock::now();
    context.publisher.publish(&object, &[event], now.wall);
    let adopted = object.finalizers().iter().any(|finalizer| finalizer == names::LEGACY_FINALIZER);
    let node = NodeRef::of(object.meta());
    if adopted && let Err(failure) = persist::remove_legacy_finalizer(context, &object).await {
        context.metrics.error(failure.class);
        tracing::warn!(namespace, name, "{}", failure.message);
        let mut memory = context.fleet.memory.lock();
        return Action::requeue(memory.node(&node).retries.pause(&node, failure.class, now.monotonic));
    }
    context.fleet.memory.lock().node(&node).retries.reset();
    Action::await_change()
}

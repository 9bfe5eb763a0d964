//! A panic in the reconcile of one node: told in that node's conditions, and backed off from.

use std::{any::Any, sync::Arc};

use kube::{ResourceExt, runtime::controller::Action};
use seinode_api::SeiNode;
use seinode_core::{
    conditions,
    failure::{Class, Failure},
    node::NodeRef,
    reconcile::Stored,
};

use super::report;
use crate::{clock, context::Context, persist};

/// Reports a panic in the node's own conditions, and backs off.
pub(super) async fn panicked(context: &Context, node: &SeiNode, words: &str) -> Action {
    context.metrics.panicked();
    report(
        context,
        &Failure { class: Class::Invariant, message: format!("the reconcile panicked: {words}") },
    );
    let now = clock::now();
    let newest = context.fleet.memory.lock().newest(Arc::new(node.clone()));
    let before = newest.status.clone().unwrap_or_default();
    let status = conditions::panicked(&before, words, newest.metadata.generation, now.wall);
    if status != before
        && let Stored::Written(stored) = persist::status(context, &newest, &status).await
    {
        let mut memory = context.fleet.memory.lock();
        memory.node(&NodeRef::of(&stored.metadata)).own_writes.stored(stored);
    }
    tracing::debug!(name = node.name_any(), "backs off after a panic");
    let node = NodeRef::of(&node.metadata);
    let mut memory = context.fleet.memory.lock();
    Action::requeue(memory.node(&node).retries.pause(&node, Class::Invariant, now.monotonic))
}

pub(super) fn words_of(panic: &(dyn Any + Send)) -> String {
    let owned = panic.downcast_ref::<String>().cloned();
    owned.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}

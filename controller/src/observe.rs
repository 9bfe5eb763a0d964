//! Looks at a node's world: caches for what the API server knows, the sidecar for what only it knows.
//!
//! No decisions here. "Unreachable" is a value, not an error.

use kube::{Resource, ResourceExt};
use seinode_core::{
    answer::{Question, Silence},
    effect::Outcome,
    intent::Intent,
    node::Subject,
    observation::{Headless, Observation, Pod, Volume, Workload},
    peers,
};

use crate::{cache::Caches, context::Context};

/// What the caches say of a node now.
pub(crate) fn observe(context: &Context, caches: &Caches, subject: &Subject) -> Observation {
    let node = &subject.node;
    let mut seen = Observation::empty((context.clock)());
    seen.volume = caches.volume(node).map(|pvc| Volume::of(node, &pvc));
    seen.workload = caches.stateful_set(node).map(|set| Workload::of(node, &set));
    seen.service = caches.service(node).map(|service| Headless::of(node, &service));
    seen.pods = caches.pod(node).iter().map(|pod| Pod::of(pod)).collect();
    if let Ok(intent) = &subject.intent
        && intent.label_sources().next().is_some()
    {
        let nodes: Vec<_> = context.fleet.nodes().collect();
        let labelled = nodes.iter().map(|node| {
            let meta = node.meta();
            let (namespace, name) = (meta.namespace.as_deref(), meta.name.as_deref());
            (namespace.unwrap_or_default(), name.unwrap_or_default(), node.labels())
        });
        seen.peers = peers::resolve(node, intent, labelled);
    }
    seen
}

/// Fetches a fact from the node's sidecar.
pub(crate) async fn ask(
    context: &Context,
    subject: &Subject,
    intent: &Intent,
    seen: &Observation,
    question: Question,
) -> Outcome {
    let sidecar = seen.pod().and_then(|pod| context.sidecars.of(&subject.node, pod, intent.sidecar.port));
    match sidecar {
        Some(Ok(sidecar)) => sidecar.ask(question).await,
        Some(Err(silence)) => Outcome::Silent(silence),
        None => Outcome::Silent(Silence::Refused),
    }
}

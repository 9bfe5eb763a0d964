//! Looks at a node's world through the caches. No request is sent, and nothing is decided.

use kube::{Resource, ResourceExt};
use seinode_api::SeiNode;
use seinode_core::{
    query::Query,
    exclusive::Rivals,
    intent::VolumeSource,
    node::NodeRef,
    observation::{Answer, ServiceView, Job, Observation, Pod, Volume, StatefulSetView},
    peers,
    plan::Plan,
    render,
    subject::Subject,
    task_type::TaskType,
};

use crate::{
    cache::Caches,
    context::Context,
    probe::{self, Incarnation},
    recent,
};

/// What the caches say of a node now.
pub(crate) fn observe(
    context: &Context,
    caches: &Caches,
    subject: &Subject,
    object: &SeiNode,
) -> Observation {
    let node = &subject.node;
    let mut seen = Observation::empty((context.clock)(), context.platform.result_export.clone());
    seen.volume = caches.volume(node).map(|pvc| Volume::of(node, &pvc));
    let workload = caches.stateful_set(node).map(|set| StatefulSetView::of(node, &set));
    seen.stateful_set = context.fresh.stateful_set(node, workload, seen.now);
    let service = caches.service(node).map(|service| ServiceView::of(node, &service));
    seen.service = context.fresh.service(node, service, seen.now);
    seen.job = caches.job(node).map(|job| Job::of(node, &job));
    seen.pods = caches.pod(node).iter().map(|pod| Pod::of(pod)).collect();
    let bootstraps = subject.intent.as_ref().is_ok_and(|intent| intent.bootstrap().is_some());
    if seen.job.is_some() || bootstraps {
        seen.pods.extend(caches.bootstrap_pods(node).iter().map(|pod| Pod::of(pod)));
    }
    context.fresh.pods(node, &mut seen.pods, seen.now);
    if let (Ok(intent), Some(_)) = (&subject.intent, &seen.stateful_set) {
        seen.rendering = Some(render::rendering(node, intent, &context.platform));
    }
    if let Some(pod) = seen.pod().filter(|_| !opens_its_gate(object)) {
        seen.gate = match context.probes.answer(node, &Incarnation::of(pod)) {
            Some(probe::Answer::Gate(health)) => Answer::Given(Query::Health, health),
            Some(probe::Answer::Unreachable(silence)) => Answer::Unreachable(silence),
            None => Answer::NotAsked,
        };
    }
    seen.calm_at = context.flaps.calm_at(node, seen.now);
    seen.keys = context.keyring.of(node);
    if let Ok(intent) = &subject.intent
        && (intent.key_secrets().is_some() || matches!(intent.volume, VolumeSource::Import(_)))
    {
        seen.rivals = rivals(context, node, seen.stateful_set.as_ref());
        context.keyring.recognise(&mut seen.rivals.strays, seen.now);
    }
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

/// Whether a mark-ready is under way: what the sidecar answered before it does not count.
fn opens_its_gate(object: &SeiNode) -> bool {
    let plan = object.status.as_ref().and_then(|status| status.plan.as_ref()).and_then(Plan::read);
    plan.is_some_and(|plan| plan.current().is_some_and(|task| task.kind == TaskType::MarkReady))
}

/// Everybody else, as far as the watches know, and never older than what we ourselves wrote last.
fn rivals(context: &Context, node: &NodeRef, stateful_set: Option<&StatefulSetView>) -> Rivals {
    let cached: Vec<_> = context.fleet.nodes().collect();
    let written = context.fleet.recent.all();
    let nodes = recent::overlay(cached.iter().filter_map(|node| node.0.as_ref().ok()), &written);
    let pods: Vec<_> = context.fleet.pods().collect();
    let pods: Vec<_> = pods.iter().map(AsRef::as_ref).collect();
    let sets: Vec<_> = context.fleet.stateful_sets().collect();
    let sets: Vec<_> = sets.iter().map(AsRef::as_ref).collect();
    let jobs: Vec<_> = context.fleet.jobs().collect();
    let jobs: Vec<_> = jobs.iter().map(AsRef::as_ref).collect();
    let uid = workload.map(|workload| workload.uid.as_str());
    Rivals::of(node, uid, &nodes, &pods).and_makers(node, &nodes, &sets, &jobs)
}

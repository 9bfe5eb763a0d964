//! Looks at a node's world through the watches. Sends no request and decides nothing.

use jiff::SignedDuration;
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    batch::v1 as batch,
    core::v1::{self as core, PersistentVolumeClaim, Service},
};
use seinode_api::{SeiNode, SeiNodeStatus, conditions, names};

use crate::{
    conditions::POD_REFUSED,
    exclusive::Rivals,
    intent::{Intent, VolumeSource},
    memory::{Incarnation, Memory, MissingPod, NodeMemory, Told},
    node::NodeRef,
    observation::{Job, Observation, Pod, RivalsOf, ServiceView, StatefulSetView, Volume},
    plan::Plan,
    platform::Platform,
    rate::Now,
    render,
    subject::Subject,
    task_type::TaskType,
    time::after,
};

/// Reads one object.
pub type Read<'a, K> = &'a mut dyn FnMut(&K);

/// Objects that the watches have brought. Each method calls `read` with the objects that there are.
pub trait View {
    /// The StatefulSet of this name.
    fn stateful_set(&self, namespace: &str, name: &str, read: Read<'_, StatefulSet>);
    /// The Service of this name.
    fn service(&self, namespace: &str, name: &str, read: Read<'_, Service>);
    /// The PVC of this name.
    fn volume(&self, namespace: &str, name: &str, read: Read<'_, PersistentVolumeClaim>);
    /// The Job of this name.
    fn job(&self, namespace: &str, name: &str, read: Read<'_, batch::Job>);
    /// The pod of this name.
    fn pod(&self, namespace: &str, name: &str, read: Read<'_, core::Pod>);
    /// Every readable SeiNode of all served namespaces.
    fn sei_nodes(&self, read: Read<'_, SeiNode>);
    /// Every StatefulSet of every node.
    fn stateful_sets(&self, read: Read<'_, StatefulSet>);
    /// Every bootstrap Job.
    fn jobs(&self, read: Read<'_, batch::Job>);
    /// Every pod of every node.
    fn pods(&self, read: Read<'_, core::Pod>);
}

/// Observes a node: what the watches show, never older than our own writes.
pub(crate) fn observe(
    memory: &mut Memory,
    view: &dyn View,
    platform: &Platform,
    subject: &Subject,
    status: &SeiNodeStatus,
    now: Now,
) -> Observation {
    let node = &subject.node;
    let mut seen = Observation::empty(now.wall, platform.result_export.clone());
    seen.retention.clone_from(&platform.retention);
    seen.settle = memory.slots.policy().settle;
    children(&mut seen, view, subject);
    let own = memory.node(node);
    seen.stateful_set = own.own_writes.stateful_set(seen.stateful_set, now.monotonic);
    seen.service = own.own_writes.service(seen.service, now.monotonic);
    own.own_writes.pods(&mut seen.pods, now.monotonic);
    seen.gate = gate(own, &seen, status);
    seen.mark_ready_at = match own.flaps.pause(now.monotonic) {
        pause if pause.is_zero() => None,
        pause => now.wall.saturating_add(pause).ok(),
    };
    seen.keys = own.keys.last(now.wall);
    if let Some(pod) = seen.host() {
        seen.own_id = own.node_id.of(&pod.uid, now.monotonic);
    }
    missing_pod(own, &mut seen, status, now);
    let Some(intent) = subject.readable() else { return seen };
    if seen.stateful_set.is_some() && subject.intent.is_ok() {
        seen.rendering = Some(render::rendering(node, intent, platform));
    }
    if seen.job.is_some() {
        seen.job_rendering = render::bootstrap_hash(node, intent, platform);
    }
    if intent.key_secrets().is_some() || matches!(intent.volume, VolumeSource::Import(_)) {
        seen.rivals = rivals(memory, view, node, seen.stateful_set.as_ref());
        memory.stray_keys.recall(&mut seen.rivals.strays, now);
    }
    if intent.label_sources().next().is_some() {
        view.sei_nodes(&mut |other| seen.peers.consider(node, intent, other));
        seen.peers.recall(status);
    }
    seen
}

fn children(seen: &mut Observation, view: &dyn View, subject: &Subject) {
    let node = &subject.node;
    let (namespace, name) = (node.namespace.as_str(), node.name.as_str());
    view.volume(namespace, &names::data_volume(name), &mut |it| seen.volume = Some(Volume::of(node, it)));
    view.stateful_set(namespace, name, &mut |it| seen.stateful_set = Some(StatefulSetView::of(node, it)));
    view.service(namespace, name, &mut |it| seen.service = Some(ServiceView::of(node, it)));
    view.job(namespace, &names::bootstrap_job(name), &mut |it| seen.job = Some(Job::of(node, it)));
    // A StatefulSet names its only pod after itself.
    view.pod(namespace, &format!("{name}-0"), &mut |it| seen.pods.push(Pod::of(it)));
    let bootstraps = subject.intent.as_ref().is_ok_and(|intent: &Intent| intent.bootstrap().is_some());
    if seen.job.is_some() || bootstraps {
        // Names of a Job's pods are random, so all pods have to be looked through.
        view.pods(&mut |pod| {
            if is_bootstrap_pod(node, pod) {
                seen.pods.push(Pod::of(pod));
            }
        });
    }
}

fn is_bootstrap_pod(node: &NodeRef, pod: &core::Pod) -> bool {
    let label = |name| pod.metadata.labels.as_ref().and_then(|all| all.get(name)).map(String::as_str);
    pod.metadata.namespace.as_ref() == Some(&node.namespace)
        && label(names::NODE_LABEL) == Some(&node.name)
        && label(names::COMPONENT_LABEL) == Some(names::BOOTSTRAP_COMPONENT)
}

/// Last answer that the prober heard of the pod's sidecar. While its gate is opened and `seid` is awaited behind it, only an
/// answer of this reconcile counts.
fn gate(
    own: &NodeMemory,
    seen: &Observation,
    status: &SeiNodeStatus,
) -> Option<crate::sidecar::Answer<crate::sidecar::Health>> {
    let plan = status.plan.as_ref().and_then(Plan::read);
    let current = plan.as_ref().and_then(Plan::current).map(|task| task.kind);
    if matches!(current, Some(TaskType::MarkReady | TaskType::ObserveSeid)) {
        return None;
    }
    let pod = seen.pod()?;
    let sidecar = own.sidecar.as_ref()?;
    (sidecar.incarnation == Incarnation::of(pod)).then(|| sidecar.answer.clone()).flatten()
}

/// The pod that is missing, if there is one, and what is known about it.
fn missing_pod(own: &mut NodeMemory, seen: &mut Observation, status: &SeiNodeStatus, now: Now) {
    let Some(controller) = seen.podless() else {
        own.missing_pod = None;
        return;
    };
    let told = match conditions::find(&status.conditions, conditions::READY) {
        Some(ready) if ready.reason == POD_REFUSED => Told::Before,
        _ => Told::Not,
    };
    let known = own.missing_pod.take().filter(|pod| pod.is_of(controller));
    let pod =
        own.missing_pod.insert(known.unwrap_or_else(|| MissingPod::of(controller, told, now.monotonic)));
    seen.pod_refusal.clone_from(&pod.report);
    let due = SignedDuration::try_from(pod.due.since(now.monotonic)).unwrap_or(SignedDuration::MAX);
    seen.pod_refusal_due = Some(after(now.wall, due));
}

/// Everybody else, as far as the watches know, and never older than what we ourselves wrote last.
fn rivals(
    memory: &Memory,
    view: &dyn View,
    node: &NodeRef,
    stateful_set: Option<&StatefulSetView>,
) -> Rivals {
    let mut rivals = RivalsOf::new(node, stateful_set.map(|sts| sts.uid.as_str()));
    view.sei_nodes(&mut |other| match memory.newer_than(other) {
        Some(ours) => rivals.sei_node(ours),
        None => rivals.sei_node(other),
    });
    view.pods(&mut |pod| rivals.pod(pod));
    view.stateful_sets(&mut |sts| rivals.stateful_set(sts));
    view.jobs(&mut |job| rivals.job(job));
    rivals.collect()
}

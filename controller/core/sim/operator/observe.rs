//! What the caches say of a node (`controller/src/observe.rs`).

use seinode_api::{SeiNode, SeiNodeStatus, names};
use seinode_core::{
    exclusive::Rivals,
    intent::VolumeSource,
    observation::{ServiceView, Job, Observation, Pod, Volume, StatefulSetView},
    peers,
    plan::Plan,
    render,
    subject::Subject,
    task_type::TaskType,
};

use super::{Operator, platform};
use crate::objects::{Key, Kind};

impl Operator {
    /// An observation through the caches. No request is sent.
    pub(super) fn observe(
        &mut self,
        subject: &Subject,
        status: &SeiNodeStatus,
        key: &Key,
        now: jiff::Timestamp,
    ) -> Observation {
        let node = &subject.node;
        let caches = &self.caches;
        let cached = |kind, name: &str| caches.get(&key.beside(kind, name));
        let mut seen = Observation::empty(now, platform::settings().result_export);
        let volume = cached(Kind::Volume, &names::data_volume(&node.name)).and_then(|it| it.volume());
        seen.volume = volume.map(|pvc| Volume::of(node, pvc));
        let set = cached(Kind::Set, &node.name).and_then(|it| it.set());
        seen.stateful_set = self.fresh.stateful_set(node, set.map(|set| StatefulSetView::of(node, set)), now);
        let service = cached(Kind::Service, &node.name).and_then(|it| it.service());
        seen.service = self.fresh.service(node, service.map(|service| ServiceView::of(node, service)), now);
        let job = cached(Kind::Job, &names::bootstrap_job(&node.name)).and_then(|it| it.job());
        seen.job = job.map(|job| Job::of(node, job));
        let pod = cached(Kind::Pod, &format!("{}-0", node.name)).and_then(|it| it.pod());
        seen.pods.extend(pod.map(Pod::of));
        let bootstraps = subject.intent.as_ref().is_ok_and(|intent| intent.bootstrap().is_some());
        if seen.job.is_some() || bootstraps {
            let mine = self.caches.list(Kind::Pod).filter(|pod| pod.node_key().as_ref() == Some(key));
            let mine = mine.filter(|pod| pod.label(names::COMPONENT_LABEL).is_some());
            seen.pods.extend(mine.filter_map(|pod| pod.pod()).map(Pod::of));
        }
        self.fresh.pods(node, &mut seen.pods, now);
        if let (Ok(intent), Some(_)) = (&subject.intent, &seen.stateful_set) {
            seen.rendering = Some(render::rendering(node, intent, &platform::settings()));
        }
        if let Some(pod) = seen.pod().filter(|_| !opens_its_gate(status)) {
            seen.gate = self.probes.answer(key, pod);
        }
        seen.keys = self.keyring.get(node).cloned();
        let Ok(intent) = &subject.intent else { return seen };
        if intent.key_secrets().is_some() || matches!(intent.volume, VolumeSource::Import(_)) {
            let nodes = self.nodes();
            let pods: Vec<_> = self.caches.list(Kind::Pod).filter_map(|pod| pod.pod()).collect();
            let workload = seen.stateful_set.as_ref().map(|workload| workload.uid.as_str());
            let sets: Vec<_> = self.caches.list(Kind::Set).filter_map(|set| set.set()).collect();
            let jobs: Vec<_> = self.caches.list(Kind::Job).filter_map(|job| job.job()).collect();
            seen.rivals = Rivals::of(node, workload, &nodes, &pods).and_makers(node, &nodes, &sets, &jobs);
        }
        if intent.label_sources().next().is_some() {
            let nodes = self.nodes();
            let none = std::collections::BTreeMap::new();
            let labelled = nodes.iter().map(|node| {
                let meta = &node.metadata;
                let (namespace, name) = (meta.namespace.as_deref(), meta.name.as_deref());
                let labels = meta.labels.as_ref().unwrap_or(&none);
                (namespace.unwrap_or_default(), name.unwrap_or_default(), labels)
            });
            seen.peers = peers::resolve(node, intent, labelled);
        }
        seen
    }

    /// Every SeiNode, never older than what we ourselves wrote last.
    fn nodes(&self) -> Vec<&SeiNode> {
        let keys = self.caches.list(Kind::Node).map(|node| node.key());
        keys.filter_map(|key| self.newest(&key)?.node()).collect()
    }
}

/// Whether a mark-ready is under way: what the sidecar answered before it does not count.
fn opens_its_gate(status: &SeiNodeStatus) -> bool {
    let plan = status.plan.as_ref().and_then(Plan::read);
    plan.is_some_and(|plan| plan.current().is_some_and(|task| task.kind == TaskType::MarkReady))
}

//! Cuts watched objects down to what is read: a fleet's caches stay small.

use k8s_openapi::{
    api::{
        apps::v1::{StatefulSet, StatefulSetSpec, StatefulSetStatus},
        batch::v1::{Job, JobSpec, JobStatus},
        core::v1::{
            Container, PersistentVolumeClaim, PersistentVolumeClaimSpec, PersistentVolumeClaimStatus, Pod,
            PodSpec, PodStatus, PodTemplateSpec, Service, ServiceSpec, Volume, VolumeMount,
        },
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::core::DeserializeGuard;
use seinode_api::{SeiNode, names};
use seinode_core::{
    observation::{DATA, KEY_COPY, SIGNING_KEY},
    tracking,
};

/// A SeiNode keeps everything but its managed fields.
pub(crate) fn node(node: &mut DeserializeGuard<SeiNode>) {
    kube::Resource::meta_mut(node).managed_fields = None;
}

/// A StatefulSet is judged by its metadata, its replicas, its strategy, how far its controller is, and the volume and the
/// key that its pod uses.
pub(crate) fn stateful_set(set: &mut StatefulSet) {
    kept(&mut set.metadata);
    set.spec = set.spec.take().map(|spec| StatefulSetSpec {
        replicas: spec.replicas,
        update_strategy: spec.update_strategy,
        template: template(spec.template),
        ..StatefulSetSpec::default()
    });
    set.status = set.status.take().map(|status| StatefulSetStatus {
        observed_generation: status.observed_generation,
        update_revision: status.update_revision,
        ..StatefulSetStatus::default()
    });
}

/// A Job is judged by its metadata, whether it is suspended, the volume that its pod uses, and its conditions.
pub(crate) fn job(job: &mut Job) {
    metadata(&mut job.metadata);
    job.spec = job.spec.take().map(|spec| JobSpec {
        suspend: spec.suspend,
        template: template(spec.template),
        ..JobSpec::default()
    });
    let status = job.status.take();
    job.status = status.map(|status| JobStatus { conditions: status.conditions, ..JobStatus::default() });
}

/// A Service is judged by its metadata and by what of its spec is rendered.
pub(crate) fn service(service: &mut Service) {
    kept(&mut service.metadata);
    service.spec = service.spec.take().map(|spec| ServiceSpec {
        cluster_ip: spec.cluster_ip,
        ports: spec.ports,
        publish_not_ready_addresses: spec.publish_not_ready_addresses,
        selector: spec.selector,
        ..ServiceSpec::default()
    });
    service.status = None;
}

/// A PVC is judged by its metadata, whether it is bound, its capacity, and the labels by which GitOps tools find it.
pub(crate) fn volume(pvc: &mut PersistentVolumeClaim) {
    let mut tracking = pvc.metadata.labels.clone().unwrap_or_default();
    tracking.retain(|key, _| tracking::is_tracking(key));
    metadata(&mut pvc.metadata);
    pvc.metadata.labels.get_or_insert_default().extend(tracking);
    pvc.spec = pvc.spec.take().map(|spec| PersistentVolumeClaimSpec {
        volume_name: spec.volume_name,
        ..PersistentVolumeClaimSpec::default()
    });
    pvc.status = pvc.status.take().map(|status| PersistentVolumeClaimStatus {
        phase: status.phase,
        capacity: status.capacity,
        ..PersistentVolumeClaimStatus::default()
    });
}

/// A pod keeps its machine, its images, the volume and the key that it uses and where its containers mount that, and their state.
pub(crate) fn pod(pod: &mut Pod) {
    metadata(&mut pod.metadata);
    if let Some(spec) = pod.spec.take() {
        let images = spec.containers.into_iter().map(|container| Container {
            name: container.name,
            image: container.image,
            volume_mounts: container.volume_mounts.map(of_the_key),
            ..Container::default()
        });
        let volumes = Some(used(spec.volumes));
        let node_name = spec.node_name;
        pod.spec = Some(PodSpec { containers: images.collect(), volumes, node_name, ..PodSpec::default() });
    }
    if let Some(status) = pod.status.take() {
        pod.status = Some(PodStatus {
            conditions: status.conditions,
            container_statuses: status.container_statuses,
            init_container_statuses: status.init_container_statuses,
            phase: status.phase,
            pod_ip: status.pod_ip,
            ..PodStatus::default()
        });
    }
}

fn template(template: PodTemplateSpec) -> PodTemplateSpec {
    let spec = template.spec.map(|spec| PodSpec { volumes: Some(used(spec.volumes)), ..PodSpec::default() });
    PodTemplateSpec { spec, ..PodTemplateSpec::default() }
}

/// The volumes that matter to others: there the node's data is, and there its signing key.
fn used(volumes: Option<Vec<Volume>>) -> Vec<Volume> {
    let volumes = volumes.into_iter().flatten();
    volumes.filter(|volume| [DATA, SIGNING_KEY].contains(&volume.name.as_str())).collect()
}

/// The mounts of a signing key.
fn of_the_key(mounts: Vec<VolumeMount>) -> Vec<VolumeMount> {
    mounts.into_iter().filter(|mount| [SIGNING_KEY, KEY_COPY].contains(&mount.name.as_str())).collect()
}

/// The annotations that are read.
const ANNOTATIONS: [&str; 3] =
    [names::OWNER_UID_ANNOTATION, names::TARGET_ANNOTATION, names::TEMPLATE_HASH_ANNOTATION];

/// Keeps identity, ownership and our own labels and annotations.
fn metadata(meta: &mut ObjectMeta) {
    meta.managed_fields = None;
    if let Some(annotations) = &mut meta.annotations {
        annotations.retain(|key, _| ANNOTATIONS.contains(&key.as_str()));
    }
    if let Some(labels) = &mut meta.labels {
        let ours = [names::NODE_LABEL, names::COMPONENT_LABEL, names::REVISION_LABEL];
        labels.retain(|key, _| ours.contains(&key.as_str()));
    }
}

/// The same with all labels: a person may have changed one that we gave.
fn kept(meta: &mut ObjectMeta) {
    let labels = meta.labels.take();
    metadata(meta);
    meta.labels = labels;
}

#[cfg(test)]
mod fuzz;

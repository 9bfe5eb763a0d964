//! Cuts watched objects down to what is read: a fleet's caches stay small.

use k8s_openapi::{
    api::{
        apps::v1::StatefulSet,
        core::v1::{Container, PersistentVolumeClaim, Pod, PodSpec, PodStatus, Service},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::core::DeserializeGuard;
use seinode_api::{SeiNode, names};

/// A SeiNode keeps everything but its managed fields.
pub(crate) fn node(node: &mut DeserializeGuard<SeiNode>) {
    kube::Resource::meta_mut(node).managed_fields = None;
}

/// A StatefulSet is judged by its metadata.
pub(crate) fn stateful_set(set: &mut StatefulSet) {
    metadata(&mut set.metadata);
    set.spec = None;
    set.status = None;
}

/// A Service is judged by its metadata.
pub(crate) fn service(service: &mut Service) {
    metadata(&mut service.metadata);
    service.spec = None;
    service.status = None;
}

/// A PVC is judged by its metadata.
pub(crate) fn volume(pvc: &mut PersistentVolumeClaim) {
    metadata(&mut pvc.metadata);
    pvc.spec = None;
    pvc.status = None;
}

/// A pod keeps its images and the state of its containers.
pub(crate) fn pod(pod: &mut Pod) {
    metadata(&mut pod.metadata);
    if let Some(spec) = pod.spec.take() {
        let images = spec.containers.into_iter().map(|container| Container {
            name: container.name,
            image: container.image,
            ..Container::default()
        });
        pod.spec = Some(PodSpec { containers: images.collect(), ..PodSpec::default() });
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

/// Keeps identity, ownership and our own label and annotation.
fn metadata(meta: &mut ObjectMeta) {
    meta.managed_fields = None;
    if let Some(annotations) = &mut meta.annotations {
        annotations.retain(|key, _| key == names::OWNER_UID_ANNOTATION);
    }
    if let Some(labels) = &mut meta.labels {
        labels.retain(|key, _| key == names::NODE_LABEL);
    }
}

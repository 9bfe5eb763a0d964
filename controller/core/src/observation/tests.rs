//! Reading of Kubernetes objects.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::de::DeserializeOwned;

use super::*;

fn yaml<T: DeserializeOwned>(text: &str) -> T {
    serde_norway::from_str(text).unwrap()
}

fn node() -> NodeRef {
    NodeRef { namespace: "sei".into(), name: "n0".into(), uid: "uid-now".into() }
}

fn owner_of(reference: &str) -> Owner {
    node().owner_of(&yaml::<ObjectMeta>(&format!("ownerReferences: [{reference}]")))
}

#[test]
fn an_objects_owner_is_told_by_its_controller_reference() {
    let us = "{apiVersion: sei.io/v1alpha1, kind: SeiNode, name: n0, uid: uid-now, controller: true}";
    let before = "{apiVersion: sei.io/v1alpha1, kind: SeiNode, name: n0, uid: uid-old, controller: true}";
    let namesake = "{apiVersion: v1, kind: Pod, name: n0, uid: uid-old, controller: true}";
    let loose = "{apiVersion: sei.io/v1alpha1, kind: SeiNode, name: n0, uid: uid-now}";
    assert_eq!(owner_of(us), Owner::Us);
    assert_eq!(owner_of(before), Owner::Predecessor);
    assert_eq!(owner_of(namesake), Owner::Other("Pod/n0".into()));
    assert_eq!(owner_of(loose), Owner::Nobody);
}

#[test]
fn a_volume_without_owner_is_ours_by_annotation_of_our_uid_only() {
    let owner = |uid: &str| {
        let pvc = format!("metadata: {{name: data-n0, uid: v, annotations: {{sei.io/owner-uid: {uid}}}}}");
        Volume::of(&node(), &yaml(&pvc)).owner
    };
    assert_eq!(owner("uid-now"), Owner::Us);
    assert_eq!(owner("uid-old"), Owner::Nobody);
}

const POD: &str = "
metadata:
  name: n0-0
  uid: pod-uid
  ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: n0, uid: set-uid, controller: true}]
spec:
  containers: [{name: other, image: x}, {name: seid, image: seid:1}]
status:
  podIP: 10.0.0.7
  conditions: [{type: Ready, status: 'True'}]
  initContainerStatuses:
  - {name: sei-sidecar, image: s, imageID: '', ready: true, restartCount: 0, started: true, state: {running: {}}}
";

#[test]
fn a_running_pod_is_read() {
    let pod = Pod::of(&yaml(POD));
    assert_eq!(pod.stateful_set_uid.as_deref(), Some("set-uid"));
    assert_eq!(pod.ip, Some("10.0.0.7".parse().unwrap()));
    assert_eq!(pod.seid_image.as_deref(), Some("seid:1"));
    assert_eq!((pod.sidecar, pod.ready, pod.trouble), (Container::Up, true, None));
}

#[test]
fn the_nodes_pod_is_owned_by_its_set_and_staying() {
    let bucket = crate::platform::Bucket { name: "b".into(), region: "r".into() };
    let export = ResultExport { bucket, prefix: "p".into() };
    let mut seen = Observation::empty(Timestamp::UNIX_EPOCH, export);
    seen.pods = vec![Pod::of(&yaml(POD))];
    assert_eq!(seen.pod(), None, "without a set there is no pod of the node");
    let workload = |uid: &str| StatefulSetView { uid: uid.into(), ..examples::workload() };
    seen.stateful_set = Some(workload("set-uid"));
    assert!(seen.pod().is_some());
    seen.stateful_set = Some(workload("another-set"));
    assert_eq!(seen.pod(), None);
    seen.stateful_set = Some(workload("set-uid"));
    seen.pods[0].deletion = Deletion::Requested;
    assert_eq!(seen.pod(), None);
}

#[track_caller]
fn trouble(status: &str, expected: Option<&str>) {
    let pod = Pod::of(&yaml(&format!("metadata: {{name: n0-0}}\nstatus: {status}")));
    assert_eq!(pod.trouble.map(|trouble| trouble.message).as_deref(), expected);
}

#[test]
fn trouble_is_told_in_words_that_do_not_change() {
    trouble(
        "{conditions: [{type: PodScheduled, status: 'False', message: 0/3 nodes are available}]}",
        Some("pod is not scheduled: 0/3 nodes are available"),
    );
    trouble(
        "{initContainerStatuses: [{name: seid-init, image: bad:1, imageID: '', ready: false, restartCount: 0,
           state: {waiting: {reason: ImagePullBackOff, message: 'Back-off 17s'}}}]}",
        Some("container seid-init is in ImagePullBackOff: image bad:1"),
    );
    trouble(
        "{containerStatuses: [{name: seid, image: i, imageID: '', ready: false, restartCount: 4,
           state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 139}}}]}",
        Some("container seid is in CrashLoopBackOff, last exit code 139"),
    );
    trouble(
        "{containerStatuses: [{name: seid, image: i, imageID: '', ready: false, restartCount: 0,
           state: {waiting: {reason: PodInitializing}}}]}",
        None,
    );
}

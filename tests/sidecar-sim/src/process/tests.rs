use serde_json::{Value, json};

use super::*;

fn pod(status: &Value) -> Pod {
    serde_json::from_value(json!({
        "metadata": {
            "name": "a-0", "namespace": "ns", "uid": "pod-1", "labels": {"sei.io/node": "a"},
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {
            "containers": [{"name": "seid"}],
            "initContainers": [{"name": "seid-init"}, {"name": "sei-sidecar", "restartPolicy": "Always"}],
            "volumes": [
                {"name": "other", "persistentVolumeClaim": {"claimName": "not-this"}},
                {"name": "data", "persistentVolumeClaim": {"claimName": "data-a"}},
            ],
        },
        "status": status,
    }))
    .unwrap()
}

/// A status in which the sidecar has the given container status.
fn with_sidecar(phase: &str, mut sidecar: Value) -> Value {
    sidecar["name"] = json!("sei-sidecar");
    sidecar["image"] = json!("");
    sidecar["imageID"] = json!("");
    sidecar["ready"] = json!(false);
    json!({"phase": phase, "initContainerStatuses": [
        {"name": "seid-init", "image": "", "imageID": "", "ready": true, "restartCount": 9, "started": true},
        sidecar,
    ]})
}

fn running(restarts: i32, id: &str, second: u32) -> Value {
    json!({
        "restartCount": restarts, "started": true, "containerID": id,
        "state": {"running": {"startedAt": format!("2026-01-01T00:00:{second:02}Z")}},
    })
}

#[track_caller]
fn check(status: &Value, expected: &ProcessState) {
    assert_eq!(&process_state(&pod(status)), expected, "{status}");
}

#[test]
fn a_process_runs_when_its_container_has_started() {
    let expected = ProcessState::Running(ProcessId {
        pod_uid: "pod-1".into(),
        container_id: Some("c1".into()),
        restarts: 2,
        started_at: Some("2026-01-01T00:00:05Z".parse().unwrap()),
    });
    check(&with_sidecar("Running", running(2, "c1", 5)), &expected);
    // `seid` waits at the gate or for its image, the sidecar answers.
    check(&with_sidecar("Pending", running(2, "c1", 5)), &expected);
}

#[test]
fn a_minimal_status_is_enough() {
    let expected = ProcessState::Running(ProcessId {
        pod_uid: "pod-1".into(),
        container_id: None,
        restarts: 0,
        started_at: None,
    });
    check(&with_sidecar("Running", json!({"restartCount": 0, "started": true})), &expected);
}

#[test]
fn until_then_it_is_starting() {
    check(&json!({}), &ProcessState::Starting);
    check(&json!({"phase": "Pending"}), &ProcessState::Starting);
    for sidecar in [
        json!({"restartCount": 0}),
        json!({"restartCount": 0, "started": false, "state": {"running": {}}}),
        json!({"restartCount": 0, "state": {"waiting": {"reason": "PodInitializing"}}}),
        json!({"restartCount": 3, "started": true, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}),
        json!({"restartCount": 3, "started": true, "state": {"terminated": {"exitCode": 1}}}),
    ] {
        check(&with_sidecar("Running", sidecar), &ProcessState::Starting);
    }
}

#[test]
fn an_ended_pod_and_one_without_sidecar_have_none() {
    check(&with_sidecar("Succeeded", running(0, "c1", 5)), &ProcessState::Absent);
    check(&with_sidecar("Failed", running(0, "c1", 5)), &ProcessState::Absent);
    let mut stranger = pod(&with_sidecar("Running", running(0, "c1", 5)));
    stranger.spec.as_mut().unwrap().init_containers = None;
    assert_eq!(process_state(&stranger), ProcessState::Absent);
}

#[test]
fn every_part_of_the_identity_tells_processes_apart() {
    let process = |status: Value| process_state(&pod(&with_sidecar("Running", status)));
    let first = process(running(0, "c1", 5));
    assert_eq!(first, process(running(0, "c1", 5)));
    for other in [running(1, "c1", 5), running(0, "c2", 5), running(0, "c1", 6)] {
        assert_ne!(first, process(other));
    }
    let mut replaced = pod(&with_sidecar("Running", running(0, "c1", 5)));
    replaced.metadata.uid = Some("pod-2".into());
    assert_ne!(first, process_state(&replaced));
}

#[test]
fn the_view_names_node_and_volume() {
    let mut object = pod(&json!({}));
    let view = PodView::of(&object).unwrap();
    assert_eq!((view.node, &*view.name), (NodeKey::new("ns", "a"), "a-0"));
    assert_eq!(view.volume, VolumeSource::Claim("data-a".into()));
    assert!(!view.terminating);

    object.metadata.deletion_timestamp = object.metadata.creation_timestamp.clone();
    object.spec.as_mut().unwrap().volumes = None;
    let view = PodView::of(&object).unwrap();
    assert_eq!(view.volume, VolumeSource::Pod);
    assert!(view.terminating);

    object.metadata.labels = None;
    assert_eq!(PodView::of(&object), None);
}

#[test]
fn of_several_pods_the_youngest_that_has_not_ended_answers() {
    let view = |uid: &str, second: i64, process: ProcessState| PodView {
        node: NodeKey::new("ns", "a"),
        name: "a-0".into(),
        uid: uid.into(),
        created_at: Some(Timestamp::from_second(second).unwrap()),
        terminating: false,
        process,
        volume: VolumeSource::Pod,
    };
    let running = |uid: &str| {
        ProcessState::Running(ProcessId {
            pod_uid: uid.into(),
            container_id: None,
            restarts: 0,
            started_at: None,
        })
    };
    let chosen = |pods: &[PodView]| answering(pods.iter()).map(|pod| pod.uid.clone());
    assert_eq!(chosen(&[]), None);
    // UIDs decide nothing but between equals: here they would choose otherwise.
    let old = view("5", 1, running("5"));
    assert_eq!(chosen(&[view("1", 2, ProcessState::Starting), old.clone()]), Some("1".into()));
    assert_eq!(chosen(&[view("1", 2, running("1")), old.clone()]), Some("1".into()));
    assert_eq!(chosen(&[view("9", 2, ProcessState::Absent), old.clone()]), Some("5".into()));
    let going = PodView { terminating: true, ..view("9", 1, running("9")) };
    assert_eq!(chosen(&[going, old]), Some("5".into()));
}

#[test]
fn a_second_replica_has_no_process_here() {
    let named = |name: &str| {
        let labels = json!({NODE_LABEL: "a"});
        let meta = json!({"name": name, "namespace": "ns", "uid": "u", "labels": labels});
        PodView::of(&serde_json::from_value(json!({"metadata": meta})).unwrap()).is_some()
    };
    assert_eq!(["a-0", "a-1", "a-bootstrap-x7", "a-12"].map(named), [true, false, true, false]);
}

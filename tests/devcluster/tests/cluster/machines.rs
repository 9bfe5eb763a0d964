//! Machines that fail, come back and reboot, and pods whose behaviour a test sets by handle.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use devcluster::Cluster;
use devcluster::kubelet::{Exit, Kubelet, ProbeKind, Rejection};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{DeleteParams, PostParams};
use kube::{Api, ResourceExt};
use scenario::scenario;
use serde_json::json;

use crate::kit::{Room, Shared, condition, container, eventually, from, is_ready, phase, stateful_set};
use crate::pods::pod_without_volume;

fn kubelet(cluster: &Cluster) -> &Kubelet {
    cluster.kubelet().expect("the machines are simulated")
}

/// A machine of its own, and a StatefulSet whose pod runs there.
async fn room_with_machine(cluster: &Cluster, name: &str) -> Room {
    let room = Room::new(cluster, name).await;
    let capacity = json!({ "cpu": "8", "memory": "64Gi", "pods": "110" });
    let node: Node = from(json!({
        "metadata": { "name": name, "labels": { "pool": name } },
        "status": { "addresses": [{ "type": "InternalIP", "address": "10.65.1.1" }],
                    "allocatable": capacity, "capacity": capacity },
    }));
    Api::all(room.client.clone()).create(&PostParams::default(), &node).await.expect("a machine");
    let mut set = stateful_set("a");
    set["spec"]["template"]["spec"] = pod_without_volume();
    set["spec"]["template"]["spec"]["nodeSelector"] = json!({ "pool": name });
    room.create::<StatefulSet>(set).await;
    room
}

async fn machine_until(room: &Room, name: &str, ready: &str) {
    let nodes: Api<Node> = Api::all(room.client.clone());
    // The node lifecycle controller waits for 20 seconds.
    let begin = Instant::now();
    loop {
        let node = nodes.get(name).await.unwrap();
        let conditions = node.status.unwrap().conditions.unwrap_or_default();
        if conditions.iter().any(|it| it.type_ == "Ready" && it.status == ready) {
            return;
        }
        assert!(begin.elapsed() < Duration::from_secs(90), "{name} is not {ready}: {conditions:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[scenario]
async fn failed_machine_keeps_its_pods_until_it_is_back(shared: Arc<Shared>) {
    let cluster = shared.cluster().await;
    let room = room_with_machine(&cluster, "fails").await;
    let before = room.ready_pod("a-0").await;
    let machine = kubelet(&cluster).machine("fails");
    machine.fail();
    machine_until(&room, "fails", "Unknown").await;
    let lost =
        room.pod("it is reported as not ready", "a-0", |pod| (!is_ready(pod)).then(|| pod.clone())).await;
    assert_eq!(container(&lost, "seid"), container(&before, "seid"), "nobody knows of its containers");
    room.api::<Pod>().delete("a-0", &DeleteParams::default().grace_period(1)).await.unwrap();
    machine.recover();
    machine_until(&room, "fails", "True").await;
    let after = room
        .pod("it is replaced", "a-0", |pod| (pod.uid() != before.uid() && is_ready(pod)).then(|| pod.clone()))
        .await;
    assert_eq!(container(&after, "seid").unwrap().restart_count, 0);
}

#[scenario]
async fn rebooted_machine_starts_its_pods_over(shared: Arc<Shared>) {
    let cluster = shared.cluster().await;
    let room = room_with_machine(&cluster, "reboots").await;
    let before = room.ready_pod("a-0").await;
    kubelet(&cluster).machine("reboots").reboot();
    let after = room
        .pod("every container was started again", "a-0", |pod| {
            let names = ["seid-init", "sei-sidecar", "seid"];
            let again = names.iter().all(|name| container(pod, name).is_some_and(|it| it.restart_count == 1));
            (again && is_ready(pod)).then(|| pod.clone())
        })
        .await;
    assert_eq!(after.uid(), before.uid());
    assert_ne!(after.status.unwrap().pod_ip, before.status.unwrap().pod_ip, "it has another sandbox");
}

#[scenario]
async fn container_exits_once_with_its_last_words(shared: Arc<Shared>) {
    let cluster = shared.cluster().await;
    let room = Room::new(&cluster, "exits").await;
    room.node("a", |_| ()).await;
    room.ready_pod("a-0").await;
    let words = "UPGRADE \"v2\" NEEDED at height: 7";
    kubelet(&cluster).pod("exits", "a-0").exit("seid", Exit::new(2, words));
    let after = room
        .pod("it runs again", "a-0", |pod| {
            let again = container(pod, "seid")?.restart_count == 1;
            (again && is_ready(pod)).then(|| pod.clone())
        })
        .await;
    let ended = container(&after, "seid").unwrap().last_state.unwrap().terminated.unwrap();
    assert_eq!((ended.exit_code, ended.message.as_deref()), (2, Some(words)));
    assert!(ended.started_at.is_some() && ended.finished_at >= ended.started_at);
    assert_eq!(container(&after, "sei-sidecar").unwrap().restart_count, 0);
}

#[scenario]
async fn rejected_pod_has_failed(shared: Arc<Shared>) {
    let cluster = shared.cluster().await;
    let room = Room::new(&cluster, "rejected").await;
    let kubelet = kubelet(&cluster).pod("rejected", "a");
    kubelet.behave(|pod| {
        pod.reject = Some(Rejection { reason: "OutOfcpu".into(), message: "no CPU is left".into() });
    });
    let pod = json!({ "metadata": { "name": "a" }, "spec": pod_without_volume() });
    room.create::<Pod>(pod.clone()).await;
    let failed = room.pod("it is rejected", "a", |pod| (phase(pod) == "Failed").then(|| pod.clone())).await;
    let status = failed.status.unwrap();
    assert_eq!(status.reason.as_deref(), Some("OutOfcpu"));
    assert_eq!(status.message.as_deref(), Some("Pod was rejected: no CPU is left"));
    assert_eq!(status.container_statuses, None);
    kubelet.reset();
    let pods = room.api::<Pod>();
    pods.delete("a", &DeleteParams::default()).await.unwrap();
    eventually("it is gone", || async {
        let left = pods.get_opt("a").await.map_err(|error| error.to_string())?;
        left.map_or(Ok(()), |pod| Err(format!("{:?}", pod.status)))
    })
    .await;
    room.create::<Pod>(pod).await;
    room.ready_pod("a").await;
}

#[scenario]
async fn pod_is_ready_when_its_probes_succeed(shared: Arc<Shared>) {
    let cluster = shared.cluster().await;
    let room = Room::new(&cluster, "probed").await;
    let open = Arc::new(AtomicBool::new(false));
    let answer = Arc::clone(&open);
    cluster.answer_probes(move |probe| {
        let ours = probe.pod.namespace().as_deref() == Some("probed") && probe.container == "seid";
        !ours || probe.kind == ProbeKind::Startup || (probe.port == Some(80) && answer.load(Ordering::SeqCst))
    });
    let probe = json!({ "httpGet": { "path": "/", "port": 80 } });
    room.node("a", |set| {
        let seid = &mut set["spec"]["template"]["spec"]["containers"][0];
        seid["startupProbe"] = probe.clone();
        seid["readinessProbe"] = probe;
    })
    .await;
    let started = room
        .pod("it has started", "a-0", |pod| {
            (container(pod, "seid")?.started == Some(true)).then(|| pod.clone())
        })
        .await;
    assert_eq!((phase(&started), is_ready(&started)), ("Running", false));
    assert!(!container(&started, "seid").unwrap().ready && container(&started, "sei-sidecar").unwrap().ready);
    open.store(true, Ordering::SeqCst);
    let ready = room.ready_pod("a-0").await;
    assert_eq!(ready.status.as_ref().unwrap().observed_generation, ready.metadata.generation);
    open.store(false, Ordering::SeqCst);
    room.pod("it is not ready any more", "a-0", |pod| (!is_ready(pod)).then_some(())).await;
    assert_eq!(condition(&ready, "Initialized").as_deref(), Some("True"));
}

#[scenario]
async fn slow_container_is_killed_after_its_grace_period(shared: Arc<Shared>) {
    let cluster = shared.cluster().await;
    let room = Room::new(&cluster, "killed").await;
    kubelet(&cluster).pod("killed", "a").behave(|pod| pod.stop_delay = Duration::from_secs(600));
    let mut pod = json!({ "metadata": { "name": "a", "finalizers": ["devcluster/test"] } });
    pod["spec"] = pod_without_volume();
    room.create::<Pod>(pod).await;
    room.ready_pod("a").await;
    let pods = room.api::<Pod>();
    let begin = Instant::now();
    pods.delete("a", &DeleteParams::default().grace_period(3)).await.unwrap();
    let ended = room.pod("it has ended", "a", |pod| (phase(pod) == "Failed").then(|| pod.clone())).await;
    assert!(begin.elapsed() > Duration::from_millis(2500), "it got {:?} of 3 s", begin.elapsed());
    let code = |name| container(&ended, name).unwrap().state.unwrap().terminated.unwrap().exit_code;
    assert_eq!(
        (code("seid"), code("sei-sidecar"), condition(&ended, "Ready").as_deref()),
        (137, 143, Some("False"))
    );
    let free = kube::api::Patch::Merge(json!({ "metadata": { "finalizers": null } }));
    pods.patch("a", &Default::default(), &free).await.unwrap();
}

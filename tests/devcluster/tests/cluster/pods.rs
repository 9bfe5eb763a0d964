//! The kubelet without containers: what a pod goes through, and how it is made to misbehave.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use devcluster::{Cluster, audit, kubelet};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams};
use kube::{Api, ResourceExt};
use scenario::scenario;
use serde_json::{Value, json};

use crate::kit::{
    Room, Shared, condition, container, eventually, is_ready, phase, pod_spec, stateful_set, waits,
};

/// See [`kubelet::RESTART`].
const RESTART_HELPER: &str = "devcluster/restart.sei-sidecar";

#[scenario]
async fn a_stateful_sets_pod_becomes_ready(shared: Arc<Shared>) {
    let cluster = shared.cluster().await;
    let room = Room::new(&cluster, "becomes-ready").await;
    room.node("a", |_| ()).await;
    let pod = room.ready_pod("a-0").await;

    let status = pod.status.clone().unwrap();
    assert_eq!(status.phase.as_deref(), Some("Running"));
    assert_eq!(pod.spec.as_ref().unwrap().node_name.as_deref(), Some("node-0"));
    assert!(status.pod_ip.is_some_and(|ip| ip.starts_with("10.64.")));
    assert_eq!(status.host_ip.as_deref(), Some("10.65.0.1"));
    for wanted in ["PodScheduled", "Initialized", "ContainersReady"] {
        assert_eq!(condition(&pod, wanted).as_deref(), Some("True"), "{wanted}");
    }
    let init = container(&pod, "seid-init").unwrap();
    assert_eq!(init.state.unwrap().terminated.unwrap().exit_code, 0);
    for name in ["sei-sidecar", "seid"] {
        let container = container(&pod, name).unwrap();
        assert!(container.ready && container.started == Some(true), "{name}");
        assert_eq!(container.restart_count, 0, "{name}");
        assert!(container.state.unwrap().running.unwrap().started_at.is_some(), "{name}");
        assert!(container.container_id.is_some_and(|id| id.starts_with("containerd://")), "{name}");
    }
}

#[scenario]
async fn a_slow_pod_waits_before_it_runs(shared: Arc<Shared>) {
    let cluster = shared.cluster().await;
    let room = Room::new(&cluster, "starts-slowly").await;
    room.node("a", |set| annotate(set, kubelet::START_DELAY, "2s")).await;
    room.pod("it is being created", "a-0", |pod| waits(pod, "seid")).await;
    let begin = Instant::now();
    let waiting = room.api::<Pod>().get("a-0").await.unwrap();
    assert_eq!((phase(&waiting), is_ready(&waiting)), ("Pending", false));
    assert_eq!(waits(&waiting, "seid").as_deref(), Some("PodInitializing"));
    assert_eq!(condition(&waiting, "Initialized").as_deref(), Some("False"));
    room.ready_pod("a-0").await;
    assert!(begin.elapsed() > Duration::from_millis(1500), "ready after {:?}", begin.elapsed());
}

#[scenario]
async fn an_image_that_does_not_exist_is_not_pulled(shared: Arc<Shared>) {
    let cluster = shared.cluster().await;
    let room = Room::new(&cluster, "image-does-not-exist").await;
    room.node("a", |set| {
        let spec = &mut set["spec"]["template"]["spec"];
        spec["initContainers"][0]["image"] = json!("sei/seid:does-not-exist");
        spec["containers"][0]["image"] = json!("sei/seid:does-not-exist");
    })
    .await;
    let pod = room
        .pod("pulling backs off", "a-0", |pod| {
            (waits(pod, "seid-init")? == "ImagePullBackOff").then(|| pod.clone())
        })
        .await;
    assert_eq!((phase(&pod), is_ready(&pod)), ("Pending", false));
    assert_eq!(waits(&pod, "sei-sidecar").as_deref(), Some("PodInitializing"));
    assert_eq!(waits(&pod, "seid").as_deref(), Some("PodInitializing"));
}

#[scenario]
async fn an_image_pull_failure_heals(shared: Arc<Shared>) {
    let cluster = shared.cluster().await;
    let room = Room::new(&cluster, "image-pull-failure").await;
    room.node("a", |set| {
        annotate(set, kubelet::BEHAVIOUR, kubelet::IMAGE_PULL_FAILURE);
        // Another image than the main container's: it is there.
        set["spec"]["template"]["spec"]["initContainers"][0]["image"] = json!("busybox");
    })
    .await;
    let pod = room
        .pod("pulling backs off", "a-0", |pod| {
            (waits(pod, "seid")? == "ImagePullBackOff").then(|| pod.clone())
        })
        .await;
    assert!(container(&pod, "sei-sidecar").unwrap().state.unwrap().running.is_some());
    let ip = pod.status.unwrap().pod_ip;
    room.annotate("a-0", json!({ kubelet::BEHAVIOUR: null })).await;
    let healed = room.ready_pod("a-0").await;
    assert_eq!(healed.status.unwrap().pod_ip, ip, "the sandbox stays");
}

#[scenario]
async fn a_crash_loop_counts_restarts_and_heals(shared: Arc<Shared>) {
    let cluster = shared.cluster().await;
    let room = Room::new(&cluster, "crash-loop").await;
    room.node("a", |set| annotate(set, kubelet::BEHAVIOUR, kubelet::CRASH_LOOP)).await;
    let exit_code = |pod: &Pod| Some(container(pod, "seid")?.state?.terminated?.exit_code);
    let first = room.pod("it exits", "a-0", exit_code).await;
    assert_eq!(first, 1);
    let pod = room
        .pod("it was restarted", "a-0", |pod| {
            let counted = container(pod, "seid")?.restart_count >= 1;
            (counted && waits(pod, "seid")? == "CrashLoopBackOff").then(|| pod.clone())
        })
        .await;
    assert_eq!((phase(&pod), is_ready(&pod)), ("Running", false));
    let seid = container(&pod, "seid").unwrap();
    assert_eq!(seid.last_state.unwrap().terminated.unwrap().exit_code, 1);
    assert!(container(&pod, "sei-sidecar").unwrap().ready);
    room.annotate("a-0", json!({ kubelet::BEHAVIOUR: null })).await;
    let healed = room.ready_pod("a-0").await;
    assert!(container(&healed, "seid").unwrap().restart_count > seid.restart_count);
}

#[scenario]
async fn a_running_pod_can_begin_to_crash(shared: Arc<Shared>) {
    let cluster = shared.cluster().await;
    let room = Room::new(&cluster, "begins-to-crash").await;
    room.node("a", |_| ()).await;
    let before = room.ready_pod("a-0").await;
    room.annotate("a-0", json!({ kubelet::BEHAVIOUR: kubelet::CRASH_LOOP })).await;
    let after = room
        .pod("it crashes", "a-0", |pod| (waits(pod, "seid")? == "CrashLoopBackOff").then(|| pod.clone()))
        .await;
    assert!(!is_ready(&after));
    assert_eq!(container(&after, "sei-sidecar"), container(&before, "sei-sidecar"), "nothing happened to it");
}

/// A node whose image, that of `seid` and of `seid-init`, has this in its tag.
async fn room_with_image(cluster: &Cluster, part: &str) -> Room {
    let room = Room::new(cluster, &format!("image-{part}")).await;
    room.node("a", |set| {
        let spec = &mut set["spec"]["template"]["spec"];
        for list in ["initContainers", "containers"] {
            spec[list][0]["image"] = json!(format!("sei/seid:{part}"));
        }
    })
    .await;
    room
}

#[scenario]
async fn an_image_crashes_with_its_exit_code(shared: Arc<Shared>) {
    let cluster = shared.cluster().await;
    let room = room_with_image(&cluster, kubelet::CRASHING_IMAGE).await;
    let pod = room
        .pod("it was restarted", "a-0", |pod| {
            let counted = container(pod, "seid")?.restart_count >= 1;
            (counted && waits(pod, "seid")? == "CrashLoopBackOff").then(|| pod.clone())
        })
        .await;
    assert_eq!((phase(&pod), is_ready(&pod)), ("Running", false));
    let seid = container(&pod, "seid").unwrap();
    assert_eq!(seid.last_state.unwrap().terminated.unwrap().exit_code, 42);
    assert!(container(&pod, "sei-sidecar").unwrap().ready);
}

#[scenario]
async fn an_image_keeps_the_first_container_failing(shared: Arc<Shared>) {
    let cluster = shared.cluster().await;
    let room = room_with_image(&cluster, kubelet::INIT_FAILING_IMAGE).await;
    let pod = room
        .pod("its init container was restarted", "a-0", |pod| {
            let counted = container(pod, "seid-init")?.restart_count >= 1;
            (counted && waits(pod, "seid-init")? == "CrashLoopBackOff").then(|| pod.clone())
        })
        .await;
    assert_eq!((phase(&pod), is_ready(&pod)), ("Pending", false));
    let init = container(&pod, "seid-init").unwrap();
    assert_eq!(init.last_state.unwrap().terminated.unwrap().exit_code, 1);
    for name in ["sei-sidecar", "seid"] {
        assert_eq!(waits(&pod, name).as_deref(), Some("PodInitializing"), "{name}");
    }
}

#[scenario]
async fn an_image_never_gets_its_volume(shared: Arc<Shared>) {
    let cluster = shared.cluster().await;
    let room = room_with_image(&cluster, kubelet::VOLUMELESS_IMAGE).await;
    let pod = room
        .pod("it has no sandbox", "a-0", |pod| {
            (condition(pod, "PodReadyToStartContainers")? == "False").then(|| pod.clone())
        })
        .await;
    assert_eq!((phase(&pod), is_ready(&pod)), ("Pending", false));
    assert_eq!(condition(&pod, "PodScheduled").as_deref(), Some("True"));
    assert_eq!(pod.status.as_ref().unwrap().pod_ip, None);
    for name in ["seid-init", "sei-sidecar", "seid"] {
        assert_eq!(waits(&pod, name).as_deref(), Some("PodInitializing"), "{name}");
    }
    room.api::<Pod>().delete("a-0", &DeleteParams::default()).await.unwrap();
    let next = room.pod("it can go", "a-0", |now| (now.uid() != pod.uid()).then(|| now.clone())).await;
    assert!(next.metadata.deletion_timestamp.is_none());
}

#[scenario]
async fn a_halted_image_runs_and_is_never_ready(shared: Arc<Shared>) {
    let cluster = shared.cluster().await;
    let room = room_with_image(&cluster, kubelet::HALTED_IMAGE).await;
    let pod = room
        .pod("it runs", "a-0", |pod| {
            container(pod, "seid")?.state?.running?;
            Some(pod.clone())
        })
        .await;
    assert_eq!((phase(&pod), is_ready(&pod)), ("Running", false));
    assert_eq!(condition(&pod, "ContainersReady").as_deref(), Some("False"));
    let seid = container(&pod, "seid").unwrap();
    assert!(!seid.ready && seid.started == Some(true) && seid.restart_count == 0);
    assert!(container(&pod, "sei-sidecar").unwrap().ready);
}

#[scenario]
async fn the_sidecar_restarts_once_for_each_value(shared: Arc<Shared>) {
    let cluster = shared.cluster().await;
    let room = Room::new(&cluster, "restarts-sidecar").await;
    room.node("a", |_| ()).await;
    let before = container(&room.ready_pod("a-0").await, "sei-sidecar").unwrap();
    let mut last = before;
    for (restarts, value) in [(1, "first"), (2, "second")] {
        room.annotate("a-0", json!({ RESTART_HELPER: value })).await;
        let now = room
            .pod("the sidecar was restarted", "a-0", |pod| {
                container(pod, "sei-sidecar").filter(|sidecar| sidecar.restart_count == restarts)
            })
            .await;
        assert_ne!(now.container_id, last.container_id);
        let state = now.state.clone().unwrap();
        assert!(now.ready && now.started == Some(true) && state.running.unwrap().started_at.is_some());
        let ended = now.last_state.clone().unwrap().terminated.unwrap();
        assert_eq!(ended.container_id, last.container_id);
        last = now;
    }
    // The same value again, and a change of something else: both make the kubelet look at the pod once more.
    room.annotate("a-0", json!({ RESTART_HELPER: "second", "unrelated": "1" })).await;
    room.annotate("a-0", json!({ RESTART_HELPER: "third" })).await;
    let third = room
        .pod("the sidecar was restarted", "a-0", |pod| {
            let sidecar = container(pod, "sei-sidecar")?;
            let last_words = sidecar.last_state.as_ref()?.terminated.as_ref()?.message.clone()?;
            (last_words == "third").then_some(sidecar)
        })
        .await;
    assert_eq!(third.restart_count, 3, "one restart for each new value");
}

#[scenario]
async fn a_deleted_pod_ends_and_is_replaced(shared: Arc<Shared>) {
    let cluster = shared.cluster().await;
    let room = Room::new(&cluster, "is-replaced").await;
    room.node("a", |set| annotate(set, kubelet::STOP_DELAY, "1s")).await;
    let old = room.ready_pod("a-0").await;
    let begin = Instant::now();
    room.api::<Pod>().delete("a-0", &DeleteParams::default()).await.unwrap();
    let ending = room.api::<Pod>().get("a-0").await.unwrap();
    assert_eq!(ending.uid(), old.uid());
    assert!(ending.metadata.deletion_timestamp.is_some() && is_ready(&ending), "its containers still run");
    let new = room
        .pod("it was replaced", "a-0", |pod| (pod.uid() != old.uid() && is_ready(pod)).then(|| pod.clone()))
        .await;
    assert!(begin.elapsed() > Duration::from_millis(900), "replaced after {:?}", begin.elapsed());
    assert_eq!(container(&new, "seid").unwrap().restart_count, 0);
}

#[scenario]
async fn deleted_pods_are_replaced_once_each(shared: Arc<Shared>) {
    let cluster = shared.cluster().await;
    const COUNT: usize = 30;
    let room = Room::new(&cluster, "are-replaced-once").await;
    let begin = Timestamp::now();
    let mut set = stateful_set("a");
    set["spec"]["replicas"] = json!(COUNT);
    set["spec"]["podManagementPolicy"] = json!("Parallel");
    set["spec"]["template"]["spec"] = pod_without_volume();
    room.create::<StatefulSet>(set).await;
    let pods: Api<Pod> = room.api();
    let all_ready = async |old: &[String]| -> Vec<String> {
        eventually("all pods are there and ready", || async {
            let listed = pods.list(&ListParams::default()).await.map_err(|error| error.to_string())?;
            let new = listed.iter().filter(|pod| is_ready(pod)).filter_map(ResourceExt::uid);
            let new: Vec<String> = new.filter(|uid| !old.contains(uid)).collect();
            if new.len() == COUNT {
                Ok::<Vec<String>, String>(new)
            } else {
                Err(format!("{} of {COUNT}", new.len()))
            }
        })
        .await
    };
    let old = all_ready(&[]).await;
    pods.delete_collection(&DeleteParams::default(), &ListParams::default()).await.unwrap();
    all_ready(&old).await;
    let requests = audit::requests(&cluster.audit_log().unwrap(), begin).unwrap();
    let in_room =
        |request: &audit::Request| request.namespace == "are-replaced-once" && request.resource == "pods";
    let made = requests.iter().filter(|request| in_room(request) && request.verb == "create");
    let made = made.filter(|request| request.subresource.is_empty() && request.code == 201).count();
    assert_eq!(made, 2 * COUNT, "a new pod was taken for an old one and removed");
    let removed: Vec<_> = requests
        .iter()
        .filter(|request| in_room(request) && request.verb == "delete")
        .filter(|request| request.user_agent.starts_with("devcluster-kubelet"))
        .collect();
    let named: BTreeSet<_> = removed.iter().filter_map(|request| request.uid.clone()).collect();
    assert_eq!(removed.len(), COUNT, "each pod is removed once");
    assert_eq!(named, old.into_iter().collect(), "and by its UID");
    let running = pods.list(&ListParams::default()).await.unwrap();
    let addresses: BTreeSet<_> =
        running.iter().filter_map(|pod| pod.status.as_ref()?.pod_ip.clone()).collect();
    assert_eq!(addresses.len(), COUNT, "no two pods have one address");
}

#[scenario]
async fn a_deleted_pod_with_a_finalizer_stays_ended(shared: Arc<Shared>) {
    let cluster = shared.cluster().await;
    let room = Room::new(&cluster, "finalizer").await;
    let mut pod = json!({ "metadata": { "name": "a", "finalizers": ["devcluster.sei.io/test"] } });
    pod["spec"] = pod_without_volume();
    room.create::<Pod>(pod).await;
    room.ready_pod("a").await;
    let api: Api<Pod> = room.api();
    api.delete("a", &DeleteParams::default()).await.unwrap();
    let ended = room
        .pod("the kubelet has done its part", "a", |pod| {
            (pod.metadata.deletion_grace_period_seconds == Some(0)).then(|| pod.clone())
        })
        .await;
    assert_eq!((phase(&ended), is_ready(&ended)), ("Failed", false));
    assert_eq!(container(&ended, "seid").unwrap().state.unwrap().terminated.unwrap().exit_code, 143);
    let again = api.get("a").await.unwrap();
    assert_eq!(again.resource_version(), ended.resource_version(), "it is left alone");
    let free = kube::api::Patch::Merge(json!({ "metadata": { "finalizers": null } }));
    api.patch("a", &Default::default(), &free).await.unwrap();
    eventually("it is gone", || async {
        let pod = api.get_opt("a").await.map_err(|error| error.to_string())?;
        pod.map_or(Ok(()), |pod| Err(format!("{:?}", pod.metadata)))
    })
    .await;
}

fn annotate(object: &mut Value, name: &str, value: &str) {
    object["spec"]["template"]["metadata"]["annotations"][name] = json!(value);
}

pub fn pod_without_volume() -> Value {
    let mut spec = pod_spec("none");
    for key in ["volumes", "affinity"] {
        spec.as_object_mut().unwrap().remove(key);
    }
    for list in ["initContainers", "containers"] {
        for container in spec[list].as_array_mut().unwrap() {
            container.as_object_mut().unwrap().remove("volumeMounts");
        }
    }
    spec
}

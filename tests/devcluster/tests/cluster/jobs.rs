//! Jobs such as the operator's bootstrap: what the real Job controller makes of a pod with a native sidecar that ends, is
//! suspended or is deleted.

use std::sync::Arc;

use devcluster::kubelet;
use k8s_openapi::api::batch::v1::{Job, JobStatus};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use scenario::scenario;
use serde_json::{Value, json};

use crate::kit::{Room, Shared, claim, container, eventually, is_ready, phase, pod_spec};

#[scenario]
async fn a_job_ends_as_its_pod_does(shared: Arc<Shared>) {
    let cluster = shared.cluster().await;
    let room = Room::new(&cluster, "ends-as-its-pod").await;
    for (node, behaviour, wanted, code) in
        [("a", kubelet::COMPLETE, "Complete", 0), ("b", kubelet::FAIL, "Failed", 1)]
    {
        bootstrap(&room, node, |_| ()).await;
        let pod = running_pod(&room, node).await.name_any();
        assert_eq!(ended(&job(&room, node).await), None, "it runs until it is told to end");
        assert_eq!(end(&room, node, behaviour).await, wanted);
        let pod = room.api::<Pod>().get(&pod).await.unwrap();
        let exit_code = |name| container(&pod, name).unwrap().state.unwrap().terminated.unwrap().exit_code;
        // The sidecar is ended by SIGTERM, which does not count for the Job.
        assert_eq!((exit_code("seid"), exit_code("sei-sidecar")), (code, 143));
    }
}

#[scenario]
async fn a_job_whose_pod_is_deleted_has_failed(shared: Arc<Shared>) {
    let cluster = shared.cluster().await;
    let room = Room::new(&cluster, "jobs-pod-is-deleted").await;
    for (node, policy) in [("a", "TerminatingOrFailed"), ("b", "Failed")] {
        bootstrap(&room, node, |job| job["spec"]["podReplacementPolicy"] = json!(policy)).await;
        let pod = running_pod(&room, node).await.name_any();
        room.api::<Pod>().delete(&pod, &DeleteParams::default()).await.unwrap();
        let status = job_until(&room, node, "has ended", |status| ended(status).is_some()).await;
        assert_eq!((ended(&status), status.failed), (Some("Failed"), Some(1)), "{policy}");
    }
}

#[scenario]
async fn a_suspended_job_loses_its_pod_and_gets_another(shared: Arc<Shared>) {
    let cluster = shared.cluster().await;
    let room = Room::new(&cluster, "is-suspended").await;
    bootstrap(&room, "a", |_| ()).await;
    let first = running_pod(&room, "a").await;
    suspend(&room, "a", true).await;
    eventually("no pod is left", || no_pods(&room)).await;
    let status = job_until(&room, "a", "is suspended", |status| truth(status, "Suspended")).await;
    assert_eq!((ended(&status), status.failed), (None, None), "a suspended pod is no failed one");
    suspend(&room, "a", false).await;
    let second = running_pod(&room, "a").await;
    assert_ne!(first.uid(), second.uid());
    assert_eq!(end(&room, "a", kubelet::COMPLETE).await, "Complete");
}

/// Without the policy two pods would have the volume for as long as the first one takes to end.
#[scenario]
async fn a_resumed_job_waits_for_its_old_pod_if_it_says_so(shared: Arc<Shared>) {
    let cluster = shared.cluster().await;
    let room = Room::new(&cluster, "resumed-early").await;
    for (node, policy, stop_delay, overlap) in
        [("a", "TerminatingOrFailed", "1h", true), ("b", "Failed", "1s", false)]
    {
        bootstrap(&room, node, |job| job["spec"]["podReplacementPolicy"] = json!(policy)).await;
        let first = running_pod(&room, node).await;
        room.annotate(&first.name_any(), json!({ kubelet::STOP_DELAY: stop_delay })).await;
        suspend(&room, node, true).await;
        job_until(&room, node, "is suspended", |status| truth(status, "Suspended")).await;
        suspend(&room, node, false).await;
        let second = running_pod(&room, node).await;
        assert_ne!(first.uid(), second.uid());
        let left = room.api::<Pod>().get_opt(&first.name_any()).await.unwrap();
        assert_eq!(left.is_some_and(|pod| phase(&pod) == "Running"), overlap, "{policy}");
        let now = DeleteParams::default().grace_period(0);
        let _ = room.api::<Pod>().delete(&first.name_any(), &now).await;
        assert_eq!(end(&room, node, kubelet::COMPLETE).await, "Complete", "{policy}");
    }
}

#[scenario]
async fn a_job_goes_after_its_pod_in_the_foreground(shared: Arc<Shared>) {
    let cluster = shared.cluster().await;
    let room = Room::new(&cluster, "job-is-deleted").await;
    for (node, behaviour) in [("a", None), ("b", Some(kubelet::COMPLETE)), ("c", Some(kubelet::FAIL))] {
        bootstrap(&room, node, |_| ()).await;
        let pod = running_pod(&room, node).await.name_any();
        room.annotate(&pod, json!({ kubelet::STOP_DELAY: "1s" })).await;
        if let Some(behaviour) = behaviour {
            end(&room, node, behaviour).await;
        }
        delete(&room, node).await;
        no_pods(&room).await.expect("a Job that is gone has left no pod");
    }
}

/// Creates the claim and the bootstrap Job of a node as the original operator makes them; `change` may alter the latter.
pub async fn bootstrap(room: &Room, node: &str, change: impl FnOnce(&mut Value)) {
    room.create::<PersistentVolumeClaim>(claim(&format!("data-{node}"), "standard")).await;
    let labels = json!({ "sei.io/node": node, "sei.io/component": "bootstrap" });
    let mut spec = pod_spec(&format!("data-{node}"));
    spec["restartPolicy"] = json!("Never");
    spec["terminationGracePeriodSeconds"] = json!(120);
    spec["hostname"] = json!(format!("{node}-0"));
    spec["subdomain"] = json!(node);
    let mut job = json!({
        "metadata": { "name": name(node), "labels": labels },
        "spec": {
            "backoffLimit": 0,
            "ttlSecondsAfterFinished": 3600,
            "template": { "metadata": { "labels": labels }, "spec": spec },
        },
    });
    change(&mut job);
    room.create::<Job>(job).await;
}

/// Waits until the bootstrap pod of a node runs.
pub async fn running_pod(room: &Room, node: &str) -> Pod {
    let selector = format!("sei.io/node={node},sei.io/component=bootstrap");
    let pods = room.api::<Pod>();
    eventually("the Job's pod runs", || async {
        let listed = pods.list(&ListParams::default().labels(&selector)).await;
        let listed = listed.map_err(|error| error.to_string())?.items;
        let ready = listed.iter().find(|pod| is_ready(pod) && pod.metadata.deletion_timestamp.is_none());
        ready.cloned().ok_or_else(|| format!("{listed:?}"))
    })
    .await
}

/// Tells the running bootstrap pod how to end, and waits until the Job says how it ended.
pub async fn end(room: &Room, node: &str, behaviour: &str) -> &'static str {
    let pod = running_pod(room, node).await;
    room.annotate(&pod.name_any(), json!({ kubelet::BEHAVIOUR: behaviour })).await;
    let status = job_until(room, node, "has ended", |status| ended(status).is_some()).await;
    ended(&status).unwrap()
}

/// Deletes the bootstrap Job in the foreground, and waits until it is gone.
pub async fn delete(room: &Room, node: &str) {
    let jobs = room.api::<Job>();
    jobs.delete(&name(node), &DeleteParams::foreground()).await.unwrap();
    eventually("the Job is gone", || async {
        let left = jobs.get_opt(&name(node)).await.map_err(|error| error.to_string())?;
        left.map_or(Ok(()), |job| Err(format!("{job:?}")))
    })
    .await;
}

fn name(node: &str) -> String {
    format!("{node}-bootstrap")
}

async fn suspend(room: &Room, node: &str, suspend: bool) {
    let patch = Patch::Merge(json!({ "spec": { "suspend": suspend } }));
    room.api::<Job>().patch(&name(node), &PatchParams::default(), &patch).await.unwrap();
}

async fn job(room: &Room, node: &str) -> JobStatus {
    room.api::<Job>().get(&name(node)).await.unwrap().status.unwrap_or_default()
}

async fn job_until(room: &Room, node: &str, what: &str, holds: impl Fn(&JobStatus) -> bool) -> JobStatus {
    eventually(&format!("the Job {what}"), || async {
        let status = job(room, node).await;
        if holds(&status) { Ok(status) } else { Err(format!("{status:?}")) }
    })
    .await
}

/// The final condition that is true.
fn ended(status: &JobStatus) -> Option<&'static str> {
    ["Complete", "Failed"].into_iter().find(|type_| truth(status, type_))
}

fn truth(status: &JobStatus, type_: &str) -> bool {
    status.conditions.iter().flatten().any(|condition| condition.type_ == type_ && condition.status == "True")
}

async fn no_pods(room: &Room) -> Result<(), String> {
    let listed = room.api::<Pod>().list(&ListParams::default()).await.map_err(|error| error.to_string())?;
    let left: Vec<_> = listed.iter().map(ResourceExt::name_any).collect();
    if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
}

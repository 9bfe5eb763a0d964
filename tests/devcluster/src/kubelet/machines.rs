//! Machines: each Node gets a kubelet's heartbeat, a Lease, and the status that a kubelet reports.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Node;
use kube::api::{Patch, PatchParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::shared::{Power, Shared};
use crate::steady::Steady;

/// Namespace of the Leases.
const LEASES: &str = "kube-node-lease";
/// Time between two renewals of a Lease: a quarter of its duration.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// Time between two reports of a status that did not change.
const REPORT: Duration = Duration::from_secs(300);
/// Pause after a request that failed.
const RETRY: Duration = Duration::from_millis(500);

/// Heart of a machine; it stops when it is dropped.
struct Heart {
    node: watch::Sender<Arc<Node>>,
    _task: AbortOnDropHandle<()>,
}

/// Follows all Nodes, for as long as it is polled.
pub(super) async fn follow(shared: Arc<Shared>) {
    let events = watcher(Api::<Node>::all(shared.client.clone()), watcher::Config::default()).backoff(Steady);
    let mut events = std::pin::pin!(events);
    let mut hearts: BTreeMap<String, Heart> = BTreeMap::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Apply(node) | watcher::Event::InitApply(node)) => {
                see(&shared, &mut hearts, node);
            }
            Ok(watcher::Event::Delete(node)) => {
                hearts.remove(&node.name_any());
                shared.machines.send_modify(|machines| {
                    machines.remove(&node.name_any());
                });
            }
            Ok(watcher::Event::Init | watcher::Event::InitDone) => {}
            Err(error) => tracing::debug!(%error, "the kubelet's watch of Nodes is interrupted"),
        }
    }
}

fn see(shared: &Arc<Shared>, hearts: &mut BTreeMap<String, Heart>, node: Node) {
    let name = node.name_any();
    let address = internal_address(&node);
    shared.machines.send_if_modified(|machines| {
        let machine = machines.entry(name.clone()).or_default();
        let changed = machine.address != address;
        machine.address = address;
        changed
    });
    let node = Arc::new(node);
    match hearts.get(&name) {
        Some(heart) => {
            heart.node.send_replace(node);
        }
        None => {
            let (sender, receiver) = watch::channel(node);
            let task = tokio::spawn(beat(Arc::clone(shared), receiver));
            hearts.insert(name, Heart { node: sender, _task: AbortOnDropHandle::new(task) });
        }
    }
}

async fn beat(shared: Arc<Shared>, mut nodes: watch::Receiver<Arc<Node>>) {
    let mut machines = shared.machines.subscribe();
    let (mut renewed, mut reported) = (None::<Instant>, None::<Instant>);
    loop {
        let node = Arc::clone(&nodes.borrow_and_update());
        let machine = machines.borrow_and_update().get(&node.name_any()).cloned();
        let now = Instant::now();
        let is_due = |last: Option<Instant>, period| last.is_none_or(|last| now >= last + period);
        let mut pause = HEARTBEAT;
        if machine.is_some_and(|machine| machine.power == Power::On) {
            let outcome = async {
                if is_due(reported, REPORT) || !is_ready(&node) {
                    report(&shared, &node).await?;
                    reported = Some(now);
                }
                if is_due(renewed, HEARTBEAT) {
                    renew(&shared, &node).await?;
                    renewed = Some(now);
                }
                Ok::<(), kube::Error>(())
            };
            if let Err(error) = outcome.await {
                tracing::debug!(node = node.name_any(), %error, "the machine's heartbeat failed");
                pause = RETRY;
            }
        } else {
            (renewed, reported) = (None, None);
        }
        tokio::select! {
            changed = nodes.changed() => if changed.is_err() { return },
            _ = machines.changed() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn report(shared: &Shared, node: &Node) -> Result<(), kube::Error> {
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let conditions: Vec<Value> = [
        ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
    ]
    .into_iter()
    .map(|(type_, status, reason, message)| {
        let mut condition = json!({
            "type": type_, "status": status, "reason": reason, "message": message, "lastHeartbeatTime": now,
        });
        let before = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
        if !before.into_iter().any(|before| before.type_ == type_ && before.status == status) {
            condition["lastTransitionTime"] = json!(now);
        }
        condition
    })
    .collect();
    let patch = json!({ "status": { "conditions": conditions, "nodeInfo": {
        "architecture": "amd64",
        "bootID": "",
        "containerRuntimeVersion": "fake://1.0.0",
        "kernelVersion": "",
        "kubeProxyVersion": "",
        "kubeletVersion": concat!("v1.34.0-devcluster.", env!("CARGO_PKG_VERSION")),
        "machineID": "",
        "operatingSystem": "linux",
        "osImage": "",
        "systemUUID": "",
    } } });
    let nodes: Api<Node> = Api::all(shared.client.clone());
    nodes.patch_status(&node.name_any(), &PatchParams::default(), &Patch::Strategic(patch)).await.map(drop)
}

async fn renew(shared: &Shared, node: &Node) -> Result<(), kube::Error> {
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": { "name": node.name_any(), "ownerReferences": [
            { "apiVersion": "v1", "kind": "Node", "name": node.name_any(), "uid": node.uid() },
        ] },
        "spec": {
            "holderIdentity": node.name_any(),
            "leaseDurationSeconds": HEARTBEAT.as_secs() * 4,
            "renewTime": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
        },
    });
    let leases: Api<Lease> = Api::namespaced(shared.client.clone(), LEASES);
    let parameters = PatchParams::apply("kubelet").force();
    leases.patch(&node.name_any(), &parameters, &Patch::Apply(lease)).await.map(drop)
}

fn is_ready(node: &Node) -> bool {
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

fn internal_address(node: &Node) -> Option<String> {
    let addresses = node.status.iter().flat_map(|status| status.addresses.iter().flatten());
    let found = addresses.into_iter().find(|address| address.type_ == "InternalIP");
    // Pods run on a machine whose address nobody knows yet as well.
    Some(found.map_or_else(String::new, |address| address.address.clone()))
}

//! The sync loop of one pod: advances its sandbox, writes its status when it changed, removes the pod at its end.
//!
//! Requests name the pod's UID, so a successor of the same name is never touched.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodStatus, Secret};
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::core::PartialObjectMeta;
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::container::digest;
use super::probes::probed;
use super::sandbox::Sandbox;
use super::shared::{Lease, Machine, Power, Shared};
use super::status::status;

/// Pause after a request that failed.
const RETRY: Duration = Duration::from_millis(500);
/// Time between two probes of a container that passes them.
const PROBE: Duration = Duration::from_secs(1);

/// Looks after a pod until `pods` ends.
pub(super) async fn look_after(shared: Arc<Shared>, mut pods: watch::Receiver<Arc<Pod>>) {
    let mut machines = shared.machines.subscribe();
    let first = Arc::clone(&pods.borrow());
    let (waker, node) = (shared.waker(&first), node_name(&first));
    let mut worker = Worker::new(Arc::clone(&shared), &first);
    loop {
        let pod = Arc::clone(&pods.borrow_and_update());
        let machine = machines.borrow_and_update().get(&node).cloned();
        let wake = match machine {
            Some(machine) if machine.power == Power::On && machine.address.is_some() => {
                worker.sync(&pod, &machine).await.unwrap_or_else(|error| {
                    tracing::debug!(pod = pod.name_any(), %error, "the kubelet's request failed");
                    Some(Timestamp::now() + RETRY)
                })
            }
            _ => None,
        };
        tokio::select! {
            changed = pods.changed() => if changed.is_err() { return },
            _ = machines.changed() => {}
            () = waker.notified() => {}
            () = sleep_until(wake) => {}
        }
    }
}

async fn sleep_until(wake: Option<Timestamp>) {
    match wake {
        Some(wake) => {
            let left = wake.duration_since(Timestamp::now());
            tokio::time::sleep(left.try_into().unwrap_or_default()).await;
        }
        None => std::future::pending().await,
    }
}

struct Worker {
    shared: Arc<Shared>,
    sandbox: Sandbox,
    lease: Option<Lease>,
    /// Boot of the machine that the sandbox belongs to.
    reboots: Option<u32>,
    written: Option<PodStatus>,
    /// Termination messages of init containers that read Secrets.
    reports: BTreeMap<String, String>,
    /// Version of the pod that our last write made.
    version: u64,
    removed: bool,
}

impl Worker {
    fn new(shared: Arc<Shared>, pod: &Pod) -> Self {
        let sandbox = Sandbox::new(pod, &shared.behaviour(pod), Timestamp::now());
        let (written, reports) = (None, BTreeMap::new());
        Self { shared, sandbox, lease: None, reboots: None, written, reports, version: 0, removed: false }
    }

    /// Brings pod and status up to date. Returns when to look again.
    async fn sync(&mut self, pod: &Pod, machine: &Machine) -> Result<Option<Timestamp>, kube::Error> {
        if self.reboots.replace(machine.reboots).is_some_and(|before| before != machine.reboots) {
            self.sandbox.reboot(pod, Timestamp::now());
            self.lease = None;
        }
        // The pod is acknowledged before anything of it starts.
        self.write(pod, machine).await?;
        self.read_secrets(pod).await?;
        let mut wake = self.advance(pod);
        while self.write(pod, machine).await? {
            self.read_secrets(pod).await?;
            wake = self.advance(pod);
        }
        if self.sandbox.has_ended() && pod.metadata.deletion_timestamp.is_some() {
            self.remove(pod).await?;
        }
        Ok(wake)
    }

    fn advance(&mut self, pod: &Pod) -> Option<Timestamp> {
        let (shared, now) = (Arc::clone(&self.shared), Timestamp::now());
        let mut behaviour = shared.behaviour(pod);
        for (container, report) in &self.reports {
            behaviour.container(container).report.clone_from(report);
        }
        if self.sandbox.needs_address(pod, &behaviour) {
            self.lease = Lease::take(&shared);
            if let Some(lease) = &self.lease {
                self.sandbox.create(lease.address, now);
            }
        }
        shared.take_exits(pod, |container, exit| self.sandbox.exit(container, exit, now));
        let answer = shared.answer();
        let probe = |container: &_| probed(pod, container, &behaviour, answer.as_ref());
        let wake = self.sandbox.advance(pod, &behaviour, &probe, &shared.pace, now);
        if self.sandbox.has_ended() {
            self.lease = None;
            return None;
        }
        let mut running = self.sandbox.containers.iter().filter(|it| it.running().is_some()).peekable();
        let probe_at = answer.filter(|_| running.peek().is_some()).map(|_| {
            let passes = running.all(|container| container.probed.ready);
            now + if passes { PROBE } else { shared.pace.probe }
        });
        wake.into_iter().chain(probe_at).min()
    }

    /// Reads the Secrets that init containers mount, as long as these may run. No process runs: what one would do with a
    /// Secret is imitated by its termination message, which is what `sha256sum` prints of each file.
    async fn read_secrets(&mut self, pod: &Pod) -> Result<(), kube::Error> {
        if self.sandbox.is_initialized() || self.sandbox.has_ended() {
            return Ok(());
        }
        let spec = pod.spec.iter();
        for container in spec.clone().flat_map(|spec| spec.init_containers.iter().flatten()) {
            let volumes = spec.clone().flat_map(|spec| spec.volumes.iter().flatten());
            let mounts =
                |name: &str| container.volume_mounts.iter().flatten().any(|mount| mount.name == name);
            let mounted = volumes.filter(|volume| mounts(&volume.name));
            let mut report = String::new();
            for secret in mounted.filter_map(|volume| volume.secret.as_ref()) {
                let items = secret.items.as_deref().unwrap_or_default();
                let is_mounted = |key: &str| items.is_empty() || items.iter().any(|item| item.key == key);
                let _permit = self.shared.requests.acquire().await;
                let namespace = pod.namespace().unwrap_or_default();
                let api: Api<Secret> = Api::namespaced(self.shared.client.clone(), &namespace);
                let found = api.get_opt(secret.secret_name.as_deref().unwrap_or_default()).await?;
                let files = found.and_then(|secret| secret.data).unwrap_or_default();
                for (_, file) in files.iter().filter(|(key, _)| is_mounted(key)) {
                    report.push_str(&format!("{}  -\n", digest(&file.0)));
                }
            }
            if !report.is_empty() {
                self.reports.insert(container.name.clone(), report);
            }
        }
        Ok(())
    }

    /// Writes the status if it differs from what was written before, or somebody overwrote it.
    async fn write(&mut self, pod: &Pod, machine: &Machine) -> Result<bool, kube::Error> {
        let before = pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
        let written = self.written.as_ref().and_then(|status| status.conditions.as_deref());
        let others = [written.unwrap_or_default(), before].concat();
        let host = machine.address.as_deref().unwrap_or_default();
        let wanted = status(pod, &self.sandbox, host, &others, Timestamp::now());
        let overwritten = version(&pod.metadata.resource_version) > self.version && differs(pod, &wanted);
        if self.written.as_ref() == Some(&wanted) && !overwritten {
            return Ok(false);
        }
        let api: Api<Pod> = self.api(pod);
        let patch = Patch::Strategic(patch(pod, &wanted)?);
        let _permit = self.shared.requests.acquire().await;
        let request = kube::core::Request::new(api.resource_url());
        let request = request.patch_subresource("status", &pod.name_any(), &PatchParams::default(), &patch);
        let request = request.map_err(kube::Error::BuildRequest)?;
        let answer: PartialObjectMeta<Pod> = match self.shared.client.request(request).await {
            // The pod is gone; the watch will report it.
            Err(kube::Error::Api(status)) if status.is_not_found() => return Ok(false),
            answer => answer?,
        };
        self.version = version(&answer.metadata.resource_version);
        self.written = Some(wanted);
        Ok(true)
    }

    async fn remove(&mut self, pod: &Pod) -> Result<(), kube::Error> {
        // With a grace period of 0 the removal has been requested, and a finalizer keeps the object.
        if self.removed || pod.metadata.deletion_grace_period_seconds == Some(0) {
            return Ok(());
        }
        let this_one = Preconditions { uid: pod.uid(), resource_version: None };
        let now = DeleteParams::default().grace_period(0).preconditions(this_one);
        let _permit = self.shared.requests.acquire().await;
        match self.api(pod).delete(&pod.name_any(), &now).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => {}
            Err(error) => return Err(error),
        }
        self.removed = true;
        Ok(())
    }

    fn api(&self, pod: &Pod) -> Api<Pod> {
        Api::namespaced(self.shared.client.clone(), &pod.namespace().unwrap_or_default())
    }
}

/// True when the phase or a condition differs from the wanted status.
fn differs(pod: &Pod, wanted: &PodStatus) -> bool {
    let Some(seen) = &pod.status else { return true };
    let held = |wanted: &k8s_openapi::api::core::v1::PodCondition| {
        let mut seen = seen.conditions.iter().flatten();
        seen.any(|seen| seen.type_ == wanted.type_ && seen.status == wanted.status)
    };
    seen.phase != wanted.phase || !wanted.conditions.iter().flatten().all(held)
}

/// The patch by which a kubelet writes a status. What it does not set is removed; what others own stays.
fn patch(pod: &Pod, wanted: &PodStatus) -> Result<Value, kube::Error> {
    let mut status = serde_json::to_value(wanted).map_err(kube::Error::SerdeError)?;
    for key in ["reason", "message", "podIP", "podIPs"] {
        if status.get(key).is_none() {
            status[key] = Value::Null;
        }
    }
    if let Some(addresses) = status["podIPs"].as_array_mut() {
        addresses.insert(0, json!({ "$patch": "replace" }));
    }
    for condition in status["conditions"].as_array_mut().into_iter().flatten() {
        for key in ["reason", "message"] {
            if condition.get(key).is_none() {
                condition[key] = Value::Null;
            }
        }
    }
    Ok(json!({ "metadata": { "uid": pod.uid() }, "status": status }))
}

fn version(version: &Option<String>) -> u64 {
    version.as_ref().and_then(|version| version.parse().ok()).unwrap_or_default()
}

fn node_name(pod: &Pod) -> String {
    pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).unwrap_or_default()
}

//! Storage: a provisioner that gives every claim its volume, and volumes made by hand.
//!
//! It plays what a CSI driver's provisioner does in a real cluster. Where no pod ever runs, a volume is an object only; on
//! a real node it is a directory of the machine. Claims of classes that are not ours are left alone.

use std::path::PathBuf;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};

use crate::cluster::{BindingMode, ClusterError, ReclaimPolicy, StorageClassSpec};
use crate::steady::Steady;

/// The provisioner that our storage classes name. The volume binder leaves its claims and volumes to us.
pub const PROVISIONER: &str = "devcluster/volumes";

/// Parent directory of the volumes' data.
#[derive(Clone, Debug)]
pub(crate) enum Disk {
    /// Nowhere: without a kubelet nothing is mounted.
    None,
    /// Each has a directory in this one.
    At(PathBuf),
}

impl Disk {
    /// The source of a volume, for its object.
    fn place(&self, volume: &str) -> Value {
        match self {
            Self::None => json!({ "path": "/var/lib/devcluster" }),
            Self::At(directory) => json!({ "path": directory.join(volume), "type": "DirectoryOrCreate" }),
        }
    }

    /// Deletes the data of a volume.
    fn clear(&self, volume: &str) {
        match self {
            Self::None => {}
            Self::At(directory) => match std::fs::remove_dir_all(directory.join(volume)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    tracing::warn!(volume, %error, "cannot delete the data of a volume");
                }
                Ok(()) | Err(_) => {}
            },
        }
    }
}

/// Makes volumes for pending claims and deletes those that were released, for as long as it is polled.
pub(crate) async fn provision(client: Client, disk: Disk, classes: Vec<StorageClassSpec>) {
    let claims = follow_claims(client.clone(), &disk, &classes);
    futures::future::join(claims, follow_volumes(client, &disk)).await;
}

async fn follow_claims(client: Client, disk: &Disk, classes: &[StorageClassSpec]) {
    let volumes: Api<PersistentVolume> = Api::all(client.clone());
    let claims = watcher(Api::<PersistentVolumeClaim>::all(client), watcher::Config::default());
    let mut claims = std::pin::pin!(claims.backoff(Steady).applied_objects());
    while let Some(next) = claims.next().await {
        let Ok(claim) = next.inspect_err(|error| tracing::debug!(%error, "watching claims")) else {
            continue;
        };
        let Some(volume) = volume_for(&claim, disk, classes) else { continue };
        match volumes.create(&PostParams::default(), &volume).await {
            Ok(_) => {}
            // The claim was seen twice before the binder got to it.
            Err(kube::Error::Api(status)) if status.is_already_exists() => {}
            Err(error) => tracing::warn!(claim = claim.name_any(), %error, "cannot make a volume"),
        }
    }
}

async fn follow_volumes(client: Client, disk: &Disk) {
    let api: Api<PersistentVolume> = Api::all(client);
    let volumes = watcher(api.clone(), watcher::Config::default()).backoff(Steady).applied_objects();
    let mut volumes = std::pin::pin!(volumes);
    while let Some(next) = volumes.next().await {
        let Ok(volume) = next.inspect_err(|error| tracing::debug!(%error, "watching volumes")) else {
            continue;
        };
        if !is_to_be_deleted(&volume) {
            continue;
        }
        let this_one = Preconditions { uid: volume.uid(), resource_version: None };
        match api.delete(&volume.name_any(), &DeleteParams::default().preconditions(this_one)).await {
            Ok(_) => disk.clear(&volume.name_any()),
            Err(kube::Error::Api(status)) if status.is_not_found() => {}
            Err(error) => tracing::warn!(volume = volume.name_any(), %error, "cannot delete a volume"),
        }
    }
}

/// Makes `count` volumes of `class` with `size` that any claim may bind, and returns their names.
pub(crate) async fn add(
    client: &Client,
    classes: &[StorageClassSpec],
    class: &str,
    size: &str,
    count: usize,
) -> Result<Vec<String>, ClusterError> {
    let api: Api<PersistentVolume> = Api::all(client.clone());
    let failed =
        |source| ClusterError::Api { what: format!("make a volume of {class}"), source: Box::new(source) };
    let object = persistent_volume(
        &json!({ "generateName": "volume-" }),
        class,
        reclaim_policy(classes, class).unwrap_or(ReclaimPolicy::Delete),
        &json!(size),
        &json!(["ReadWriteOnce"]),
    );
    let volume: PersistentVolume =
        serde_json::from_value(object).map_err(|error| failed(kube::Error::SerdeError(error)))?;
    let mut names = Vec::with_capacity(count);
    for _ in 0..count {
        let created = api.create(&PostParams::default(), &volume).await.map_err(failed)?;
        names.push(created.name_any());
    }
    Ok(names)
}

/// The volume to make for `claim`, if it is one of ours that waits for one.
fn volume_for(
    claim: &PersistentVolumeClaim,
    disk: &Disk,
    classes: &[StorageClassSpec],
) -> Option<PersistentVolume> {
    let spec = claim.spec.as_ref()?;
    let class = spec.storage_class_name.as_deref()?;
    let reclaim = reclaim_policy(classes, class)?;
    let waits = spec.volume_name.is_none() && claim.metadata.deletion_timestamp.is_none();
    if !waits || !has_its_consumer(claim, classes, class) {
        return None;
    }
    let uid = claim.uid()?;
    let size = spec.resources.as_ref()?.requests.as_ref()?.get("storage")?;
    let name = format!("pvc-{uid}");
    let metadata = json!({
        "name": name,
        "annotations": { "pv.kubernetes.io/provisioned-by": PROVISIONER },
    });
    let mut volume = persistent_volume(&metadata, class, reclaim, &json!(size), &json!(spec.access_modes));
    volume["spec"]["hostPath"] = disk.place(&name);
    volume["spec"]["claimRef"] = json!({
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "namespace": claim.namespace(),
        "name": claim.name_any(),
        "uid": uid,
    });
    serde_json::from_value(volume).ok()
}

fn persistent_volume(
    metadata: &Value,
    class: &str,
    reclaim: ReclaimPolicy,
    size: &Value,
    access_modes: &Value,
) -> Value {
    json!({
        "metadata": metadata,
        "spec": {
            "storageClassName": class,
            "capacity": { "storage": size },
            "accessModes": access_modes,
            "persistentVolumeReclaimPolicy": reclaim,
            "hostPath": Disk::None.place(""),
        },
    })
}

/// The scheduler names the machine of the first pod that mounts a claim of a class that waits for it.
fn has_its_consumer(claim: &PersistentVolumeClaim, classes: &[StorageClassSpec], name: &str) -> bool {
    let is_late =
        |class: &StorageClassSpec| class.name == name && class.binding == BindingMode::WaitForFirstConsumer;
    !classes.iter().any(is_late) || claim.annotations().contains_key("volume.kubernetes.io/selected-node")
}

fn reclaim_policy(classes: &[StorageClassSpec], name: &str) -> Option<ReclaimPolicy> {
    classes.iter().find(|class| class.name == name).map(|class| class.reclaim)
}

/// Returns true for a volume made here whose claim is gone.
fn is_to_be_deleted(volume: &PersistentVolume) -> bool {
    let ours =
        volume.annotations().get("pv.kubernetes.io/provisioned-by").is_some_and(|name| name == PROVISIONER);
    let released = volume.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Released");
    let policy = volume.spec.as_ref().and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref());
    ours && released && policy == Some("Delete") && volume.metadata.deletion_timestamp.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume_for(claim: &PersistentVolumeClaim, disk: &Disk) -> Option<PersistentVolume> {
        let classes = [
            StorageClassSpec::new("fast", ReclaimPolicy::Delete),
            StorageClassSpec::new("kept", ReclaimPolicy::Retain),
            StorageClassSpec::new("late", ReclaimPolicy::Delete).late(),
        ];
        super::volume_for(claim, disk, &classes)
    }

    fn claim(change: impl FnOnce(&mut Value)) -> PersistentVolumeClaim {
        let mut claim = json!({
            "metadata": { "name": "data-a", "namespace": "n", "uid": "u-1" },
            "spec": {
                "storageClassName": "fast",
                "accessModes": ["ReadWriteOnce"],
                "resources": { "requests": { "storage": "2000Gi" } },
            },
        });
        change(&mut claim);
        serde_json::from_value(claim).unwrap()
    }

    #[test]
    fn a_pending_claim_gets_a_volume_of_its_size_that_nobody_else_can_take() {
        let volume = json!(volume_for(&claim(|_| ()), &Disk::None).unwrap());
        assert_eq!(volume["metadata"]["name"], "pvc-u-1");
        assert_eq!(volume["spec"]["capacity"]["storage"], "2000Gi");
        assert_eq!(volume["spec"]["storageClassName"], "fast");
        assert_eq!(volume["spec"]["claimRef"]["uid"], "u-1");
        assert_eq!(volume["spec"]["persistentVolumeReclaimPolicy"], "Delete");
    }

    #[test]
    fn a_claim_that_waits_for_its_consumer_gets_a_volume_once_a_machine_is_chosen() {
        let late = |machine: Option<&str>| {
            volume_for(
                &claim(|claim| {
                    claim["spec"]["storageClassName"] = json!("late");
                    claim["metadata"]["annotations"] =
                        json!(machine.map(|name| json!({ "volume.kubernetes.io/selected-node": name })));
                }),
                &Disk::None,
            )
        };
        assert_eq!(late(None), None);
        assert!(late(Some("node-0")).is_some());
    }

    #[test]
    fn on_a_real_node_a_volume_is_a_directory_of_its_own() {
        let disk = Disk::At("/d".into());
        let volume = json!(volume_for(&claim(|_| ()), &disk).unwrap());
        assert_eq!(volume["spec"]["hostPath"], json!({ "path": "/d/pvc-u-1", "type": "DirectoryOrCreate" }));
    }

    #[test]
    fn other_claims_get_none() {
        let none = |change: fn(&mut Value)| assert_eq!(volume_for(&claim(change), &Disk::None), None);
        none(|claim| claim["spec"]["storageClassName"] = json!("somebody-elses"));
        none(|claim| claim["spec"]["storageClassName"] = Value::Null);
        none(|claim| claim["spec"]["volumeName"] = json!("chosen"));
        none(|claim| claim["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"));
    }

    #[test]
    fn only_released_volumes_of_ours_are_deleted() {
        let released = |change: fn(&mut Value)| {
            let mut volume = json!(volume_for(&claim(|_| ()), &Disk::None).unwrap());
            volume["status"] = json!({ "phase": "Released" });
            change(&mut volume);
            is_to_be_deleted(&serde_json::from_value(volume).unwrap())
        };
        assert!(released(|_| ()));
        assert!(!released(|volume| volume["status"]["phase"] = json!("Bound")));
        assert!(!released(|volume| volume["metadata"]["annotations"] = json!({})));
        assert!(!released(|volume| volume["spec"]["persistentVolumeReclaimPolicy"] = json!("Retain")));
        let kept = claim(|claim| claim["spec"]["storageClassName"] = json!("kept"));
        let kept = json!(volume_for(&kept, &Disk::None).unwrap());
        assert_eq!(kept["spec"]["persistentVolumeReclaimPolicy"], "Retain");
    }
}

//! Manual work of a storage administrator: claims and volumes are created, repaired, grown and released.

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use super::{Namespace, eventually};

/// A storage class that exists, and that volumes are made for by themselves.
pub const CLASS: &str = "gp3-10k-750";

impl Namespace {
    /// Creates a claim with this spec over that of an ordinary one of 2000Gi.
    pub async fn pvc(&self, name: &str, spec: Value) -> PersistentVolumeClaim {
        let mut claim = json!({
            "metadata": {"name": name},
            "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": CLASS,
                     "resources": {"requests": {"storage": "2000Gi"}}},
        });
        overlay(&mut claim["spec"], spec);
        let claim = serde_json::from_value(claim).unwrap();
        self.api().create(&PostParams::default(), &claim).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Waits until a claim has a phase, such as `Bound`.
    pub async fn pvc_is(&self, name: &str, phase: &str) -> PersistentVolumeClaim {
        let claims = self.api::<PersistentVolumeClaim>();
        eventually(&format!("claim {name} is {phase}"), async || {
            let claim = claims.get_opt(name).await.unwrap().ok_or(None)?;
            let now = claim.status.as_ref().and_then(|status| status.phase.as_deref());
            if now == Some(phase) { Ok(claim) } else { Err(Some(claim)) }
        })
        .await
    }

    /// Sets the capacity in the status of a claim.
    pub async fn pvc_reports(&self, name: &str, capacity: Value) {
        let change = json!({"status": {"capacity": capacity}});
        let claims = self.api::<PersistentVolumeClaim>();
        claims.patch_status(name, &PatchParams::default(), &Patch::Merge(change)).await.unwrap();
    }

    /// The volumes of the cluster.
    pub fn volumes(&self) -> Api<PersistentVolume> {
        Api::all(self.client.clone())
    }

    /// Creates a volume of 2000Gi with this spec over that of one that nobody provisioned and nobody deletes.
    pub async fn pv(&self, name: &str, spec: Value) -> PersistentVolume {
        let mut volume = json!({
            "metadata": {"name": name},
            "spec": {"storageClassName": CLASS, "capacity": {"storage": "2000Gi"},
                     "accessModes": ["ReadWriteOnce"], "persistentVolumeReclaimPolicy": "Retain",
                     "csi": {"driver": "devcluster.sei.io", "volumeHandle": name}},
        });
        overlay(&mut volume["spec"], spec);
        let volume = serde_json::from_value(volume).unwrap();
        let volumes = self.volumes();
        volumes.create(&PostParams::default(), &volume).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Merges a change into a volume.
    pub async fn change_pv(&self, name: &str, change: Value) {
        self.volumes().patch(name, &PatchParams::default(), &Patch::Merge(change)).await.unwrap();
    }

    /// Grows a claim and its volume, as an administrator and a resizer do.
    pub async fn grow(&self, name: &str, storage: &str) {
        let request = json!({"spec": {"resources": {"requests": {"storage": storage}}}});
        let claims = self.api::<PersistentVolumeClaim>();
        let claim = claims.patch(name, &PatchParams::default(), &Patch::Merge(request)).await.unwrap();
        let volume = claim.spec.unwrap().volume_name.unwrap();
        self.change_pv(&volume, json!({"spec": {"capacity": {"storage": storage}}})).await;
        self.pvc_reports(name, json!({"storage": storage})).await;
    }

    /// Takes a volume away from under its claim.
    pub async fn lose_pv(&self, name: &str) {
        let volumes = self.volumes();
        volumes.delete(name, &Default::default()).await.unwrap();
        let change = json!({"metadata": {"finalizers": null}});
        // It may be gone already, if nothing protected it.
        volumes.patch(name, &PatchParams::default(), &Patch::Merge(change)).await.ok();
        eventually(&format!("volume {name} is gone"), async || {
            volumes.get_opt(name).await.unwrap().map_or(Ok(()), |left| Err(left.status))
        })
        .await;
    }

    /// Deletes a claim and waits until it is gone; its volume is kept, as the operator's words advise.
    pub async fn release_pv(&self, name: &str) -> String {
        let claims = self.api::<PersistentVolumeClaim>();
        let volume = claims.get(name).await.unwrap().spec.unwrap().volume_name.unwrap();
        self.change_pv(&volume, json!({"spec": {"persistentVolumeReclaimPolicy": "Retain"}})).await;
        claims.delete(name, &Default::default()).await.unwrap();
        self.gone::<PersistentVolumeClaim>(name).await;
        eventually(&format!("volume {volume} is released"), async || {
            let found = self.volumes().get(&volume).await.unwrap();
            let phase = found.status.as_ref().and_then(|status| status.phase.as_deref());
            if phase == Some("Released") { Ok(()) } else { Err((found.name_any(), found.status)) }
        })
        .await;
        volume
    }
}

/// Puts the members of one object over those of another.
fn overlay(base: &mut Value, over: Value) {
    if let (Some(base), Value::Object(over)) = (base.as_object_mut(), over) {
        base.extend(over);
    }
}

//! Claims and their volumes.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use kube::Api;
use kube::api::DeleteParams;
use scenario::scenario;

use crate::kit::{Room, Shared, claim, eventually};

#[scenario]
async fn a_claim_gets_its_volume_and_takes_it_along(shared: Arc<Shared>) {
    let cluster = shared.cluster().await;
    let room = Room::new(&cluster, "comes-and-goes").await;
    for class in ["standard", "standard"] {
        room.create::<PersistentVolumeClaim>(claim(class, class)).await;
        let volume = bound(&room, class).await;
        let volumes: Api<PersistentVolume> = Api::all(room.client.clone());
        let capacity = volumes.get(&volume).await.unwrap().spec.unwrap().capacity.unwrap();
        assert_eq!(capacity["storage"].0, "2000Gi");
        room.api::<PersistentVolumeClaim>().delete(class, &DeleteParams::default()).await.unwrap();
        eventually("the volume is gone", || async {
            let found = volumes.get_opt(&volume).await.map_err(|error| error.to_string())?;
            found.map_or(Ok(()), |volume| Err(format!("{:?}", volume.status)))
        })
        .await;
    }
}

#[scenario]
async fn a_retained_volume_outlives_its_claim(shared: Arc<Shared>) {
    let cluster = shared.cluster().await;
    let room = Room::new(&cluster, "outlives-its-claim").await;
    room.create::<PersistentVolumeClaim>(claim("data", "retained")).await;
    let volume = bound(&room, "data").await;
    room.api::<PersistentVolumeClaim>().delete("data", &DeleteParams::default()).await.unwrap();
    phase_of_volume(&room, &volume, "Released").await;
}

#[scenario]
async fn a_volume_made_by_hand_is_bound(shared: Arc<Shared>) {
    let cluster = shared.cluster().await;
    let room = Room::new(&cluster, "by-hand").await;
    // A class of its own: a claim of another scenario would take the volume that is left.
    let made = cluster.add_volumes("by-hand", "2000Gi", 2).await.unwrap();
    assert_eq!(made.len(), 2);
    let mut exact = claim("data", "by-hand");
    exact["spec"]["volumeName"] = made[1].clone().into();
    room.create::<PersistentVolumeClaim>(exact).await;
    assert_eq!(bound(&room, "data").await, made[1]);
    phase_of_volume(&room, &made[0], "Available").await;
}

#[scenario]
async fn a_claim_of_another_class_stays_pending(shared: Arc<Shared>) {
    let cluster = shared.cluster().await;
    let room = Room::new(&cluster, "foreign").await;
    room.create::<PersistentVolumeClaim>(claim("theirs", "somebody-elses")).await;
    // Made later and served: so the first one was not merely waiting its turn.
    room.create::<PersistentVolumeClaim>(claim("ours", "standard")).await;
    bound(&room, "ours").await;
    let theirs = room.api::<PersistentVolumeClaim>().get("theirs").await.unwrap();
    assert_eq!(theirs.status.unwrap().phase.as_deref(), Some("Pending"));
}

/// Waits until the claim is bound and returns the name of its volume.
async fn bound(room: &Room, name: &str) -> String {
    let claims = room.api::<PersistentVolumeClaim>();
    eventually("the claim is bound", || async {
        let claim = claims.get(name).await.map_err(|error| error.to_string())?;
        let phase = claim.status.and_then(|status| status.phase).unwrap_or_default();
        let volume = claim.spec.and_then(|spec| spec.volume_name).unwrap_or_default();
        if phase == "Bound" { Ok(volume) } else { Err(phase) }
    })
    .await
}

async fn phase_of_volume(room: &Room, name: &str, wanted: &str) {
    let volumes: Api<PersistentVolume> = Api::all(room.client.clone());
    eventually("the volume's phase", || async {
        let volume = volumes.get(name).await.map_err(|error| error.to_string())?;
        let phase = volume.status.and_then(|status| status.phase).unwrap_or_default();
        if phase == wanted { Ok(()) } else { Err(phase) }
    })
    .await;
}

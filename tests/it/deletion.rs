//! A node goes: what should go goes, what should stay stays, nothing hangs.

use std::sync::Arc;

use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{PersistentVolumeClaim, Pod, Service},
};
use kube::api::PropagationPolicy;
use seinode_api::SeiNode;

use crate::kit::{Kit, Namespace};

pub async fn background_deletion_takes_the_children_along(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    ns.delete::<SeiNode>("n0", PropagationPolicy::Background).await;
    all_gone(&ns).await;
}

async fn all_gone(ns: &Namespace) {
    ns.gone::<SeiNode>("n0").await;
    ns.gone::<StatefulSet>("n0").await;
    ns.gone::<Pod>("n0-0").await;
    ns.gone::<Service>("n0").await;
    ns.gone::<PersistentVolumeClaim>("data-n0").await;
}

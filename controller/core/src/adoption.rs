//! Handing over what a SeiNode that is gone has left: StatefulSet, Service and data PVC.
//!
//! A namesake that is created anew has another UID, so the children of its predecessor are not its own: after an orphaning
//! deletion, a restore of a backup, `kubectl apply` of an exported SeiNode. Only a person can say that it is meant to be the
//! same node, by annotation `sei.io/adopt` with the predecessor's UID. Nothing is taken that a living SeiNode owns or uses.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use seinode_api::{SeiNodeStatus, names};

use crate::{
    exclusive::{Resource, Rivals},
    node::{Deletion, NodeRef},
};

/// A kind of child that can be handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Child {
    /// The StatefulSet.
    StatefulSet,
    /// The headless Service.
    Service,
    /// The data PVC.
    Volume,
}

impl Child {
    /// Its kind, as people know it.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::StatefulSet => "StatefulSet",
            Self::Service => "Service",
            Self::Volume => "PVC",
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self, node: &NodeRef) -> String {
        match self {
            Self::StatefulSet | Self::Service => node.name.clone(),
            Self::Volume => names::data_volume(&node.name),
        }
    }
}

/// Owner of a child, seen from the SeiNode that wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heritage {
    /// It is this SeiNode's already.
    Ours,
    /// It was the predecessor's: its owner reference or its annotation `sei.io/owner-uid` names that UID.
    Left,
    /// Nobody's, and it does not tell whose it was: a version made it that did not annotate it.
    Unmarked,
    /// Somebody else's.
    Foreign,
}

impl Heritage {
    /// Reads whose an object is; `from` is the predecessor's UID.
    #[must_use]
    pub fn of(node: &NodeRef, from: &str, meta: &ObjectMeta) -> Self {
        let mut owners = meta.owner_references.iter().flatten();
        let controller = owners.find(|owner| owner.controller == Some(true));
        let made_for = meta.annotations.as_ref().and_then(|all| all.get(names::OWNER_UID_ANNOTATION));
        match (controller, made_for) {
            (Some(owner), _) if owner.uid == node.uid => Self::Ours,
            (Some(owner), _) if owner.uid == from && owner.kind == "SeiNode" => Self::Left,
            (Some(_), _) => Self::Foreign,
            (None, Some(uid)) if *uid == node.uid => Self::Ours,
            (None, Some(uid)) if uid == from => Self::Left,
            (None, Some(_)) => Self::Foreign,
            (None, None) => Self::Unmarked,
        }
    }
}

/// A child under this SeiNode's name, as the API server has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its kind.
    pub child: Child,
    /// Its UID.
    pub uid: String,
    /// Its owner.
    pub heritage: Heritage,
    /// Its deletion.
    pub deletion: Deletion,
}

impl Found {
    /// Reads a child; `from` is the predecessor's UID.
    #[must_use]
    pub fn of(child: Child, node: &NodeRef, from: &str, meta: &ObjectMeta) -> Self {
        Self {
            child,
            uid: meta.uid.clone().unwrap_or_default(),
            heritage: Heritage::of(node, from, meta),
            deletion: Deletion::of(meta),
        }
    }
}

/// Remains of the predecessor, read live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Estate {
    /// Everybody who may own or use it.
    pub rivals: Rivals,
    /// The children under this SeiNode's name.
    pub children: Vec<Found>,
}

/// The thing that nobody else may use: the data PVC under this SeiNode's name.
#[must_use]
pub fn volume(node: &NodeRef) -> Resource {
    Resource::Volume(names::data_volume(&node.name))
}

/// True if the data volume that is seen was handed over: its data is taken as it is.
pub(crate) fn keeps_data(status: &SeiNodeStatus, volume: Option<&str>) -> bool {
    let handed_over = status.adopted.as_ref().and_then(|record| record.volume_uid.as_deref());
    handed_over.is_some() && handed_over == volume
}

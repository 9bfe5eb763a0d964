//! Identity of a node, and owners of its objects.

mod id;

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

pub use self::id::NodeId;

/// A SeiNode: its name, and the UID that tells it from a namesake that was deleted before.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeRef {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
}

/// Name of a SeiNode, whichever object has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl NodeName {
    /// Reads the name from an object's metadata.
    #[must_use]
    pub fn of(meta: &ObjectMeta) -> Self {
        let (namespace, name) = (meta.namespace.clone(), meta.name.clone());
        Self { namespace: namespace.unwrap_or_default(), name: name.unwrap_or_default() }
    }
}

impl From<&NodeRef> for NodeName {
    fn from(node: &NodeRef) -> Self {
        Self { namespace: node.namespace.clone(), name: node.name.clone() }
    }
}

/// Deletion of an object, as `metadata.deletionTimestamp` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// Nobody has deleted the object.
    Absent,
    /// `metadata.deletionTimestamp` is set: the object goes when its finalizers and its grace period allow.
    Requested,
}

impl Deletion {
    pub(crate) fn of(meta: &ObjectMeta) -> Self {
        match meta.deletion_timestamp {
            Some(_) => Self::Requested,
            None => Self::Absent,
        }
    }
}

/// Finalizer of the earlier operator: a node carries `sei.io/seinode-finalizer`, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegacyFinalizer {
    /// It does not.
    Absent,
    /// It does: nobody but us will take it off.
    Present,
}

/// Suspension: annotation `sei.io/suspend` keeps the operator from changing anything for a node, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspension {
    /// It does not.
    Off,
    /// It does. Deletion works all the same.
    On,
}

impl fmt::Display for NodeRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Owner of an object, seen by its controller reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// This very SeiNode's.
    Us,
    /// A deleted SeiNode's of the same name: garbage collection will take the object.
    Predecessor,
    /// Nobody's.
    Nobody,
    /// Somebody else's, as `Kind/name`.
    Other(String),
}

impl NodeRef {
    /// Reads the identity from an object's metadata.
    #[must_use]
    pub fn of(meta: &ObjectMeta) -> Self {
        Self {
            namespace: meta.namespace.clone().unwrap_or_default(),
            name: meta.name.clone().unwrap_or_default(),
            uid: meta.uid.clone().unwrap_or_default(),
        }
    }

    /// The reference that makes a child ours: garbage collection follows it (Kubernetes: owners and dependents).
    #[must_use]
    pub fn owner_reference(&self) -> OwnerReference {
        OwnerReference {
            api_version: "sei.io/v1alpha1".into(),
            kind: "SeiNode".into(),
            name: self.name.clone(),
            uid: self.uid.clone(),
            controller: Some(true),
            block_owner_deletion: Some(true),
        }
    }

    /// Owner of an object with this metadata.
    #[must_use]
    pub fn owner_of(&self, meta: &ObjectMeta) -> Owner {
        let references = meta.owner_references.iter().flatten();
        let Some(controller) = references.into_iter().find(|owner| owner.controller == Some(true)) else {
            return Owner::Nobody;
        };
        let sei_node = controller.kind == "SeiNode" && controller.api_version.starts_with("sei.io/");
        match (controller.uid == self.uid, sei_node && controller.name == self.name) {
            (true, _) => Owner::Us,
            (false, true) => Owner::Predecessor,
            (false, false) => Owner::Other(format!("{}/{}", controller.kind, controller.name)),
        }
    }
}

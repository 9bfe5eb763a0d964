//! What a cluster is to be like.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

use crate::guardian::Keep;
use crate::progress::Progress;

/// What a cluster is to be like. The default is what most tests want.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whether the API server records every request.
    pub audit: Audit,
    /// Whether the cluster's directory outlives it.
    pub keep: Keep,
    /// Whether a pod needs its ServiceAccount.
    pub service_accounts: ServiceAccounts,
    /// Whether owner references are guarded.
    pub owners: Owners,
    /// Where claims get their volumes from.
    pub volumes: Volumes,
    /// What runs the pods.
    pub nodes: Nodes,
    /// Kinds of its own that are served before the controllers start. The garbage collector looks for new kinds only
    /// once a minute: what is owned by an object of a later kind is collected a minute later.
    pub crds: Vec<CustomResourceDefinition>,
    /// Who is told what is being done; nobody by default.
    pub progress: Progress,
}

/// Whether the API server records every request; [`crate::audit`] reads the record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Audit {
    /// It does not.
    #[default]
    Off,
    /// At level `Metadata`: who, when, which verb on what, with which result.
    On,
}

/// Whether the admission plugin `ServiceAccount` refuses pods whose ServiceAccount does not exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServiceAccounts {
    /// A pod may name any ServiceAccount.
    #[default]
    Ignored,
    /// As in a real cluster.
    Required,
}

/// Whether the admission plugin `OwnerReferencesPermissionEnforcement` guards owner references: to change those of an object
/// that exists takes the right to delete it, and to block the deletion of the owner the right to update its finalizers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Owners {
    /// Whoever may change an object may change its owners, as Kubernetes has it by default.
    #[default]
    Free,
    /// As OpenShift has it.
    Guarded,
}

/// Where claims of the [`STORAGE_CLASSES`](super::STORAGE_CLASSES) get their volumes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Volumes {
    /// A volume is made for every claim, and deleted after it, as a CSI provisioner would.
    #[default]
    Dynamic,
    /// Only from what [`Cluster::add_volumes`](crate::Cluster::add_volumes) made; other claims stay pending.
    Static,
}

/// What runs the pods of a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nodes {
    /// kwok writes what a kubelet would; no container ever runs.
    #[default]
    Simulated,
    /// This machine: containers run. One such cluster at a time; others wait. Needs root and what
    /// [`Machine`](crate::ground::Machine) names.
    Real,
}

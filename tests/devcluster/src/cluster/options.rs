//! Options of a cluster.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

use crate::progress::Progress;
use crate::supervisor::Keep;

/// Options of a cluster. The default suits most tests.
#[derive(Clone, Debug)]
pub struct Options {
    /// Recording of every API request.
    pub audit: Audit,
    /// Fate of the cluster's directory when it ends.
    pub keep: Keep,
    /// Enforcement of ServiceAccounts.
    pub service_accounts: ServiceAccounts,
    /// Enforcement of rights on owner references.
    pub owners: Owners,
    /// Source of volumes for claims.
    pub volumes: Volumes,
    /// Runner of the pods.
    pub nodes: Nodes,
    /// Machines of the cluster. A real node is the first of them.
    pub machines: Vec<MachineSpec>,
    /// Storage classes whose claims get volumes.
    pub storage_classes: Vec<StorageClassSpec>,
    /// Kinds of its own that are served before the controllers start. The garbage collector looks for new kinds only
    /// once a minute: what is owned by an object of a later kind is collected a minute later.
    pub crds: Vec<CustomResourceDefinition>,
    /// Receiver of progress events; none by default.
    pub progress: Progress,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            audit: Audit::default(),
            keep: Keep::default(),
            service_accounts: ServiceAccounts::default(),
            owners: Owners::default(),
            volumes: Volumes::default(),
            nodes: Nodes::default(),
            machines: vec![MachineSpec::new("node-0", &[])],
            storage_classes: vec![
                StorageClassSpec::new("standard", ReclaimPolicy::Delete),
                StorageClassSpec::new("retained", ReclaimPolicy::Retain),
                StorageClassSpec::new("late", ReclaimPolicy::Delete).late(),
            ],
            crds: Vec::new(),
            progress: Progress::default(),
        }
    }
}

/// A machine of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineSpec {
    /// Name of the Node.
    pub name: String,
    /// Labels of the Node, beside those that every Node has.
    pub labels: BTreeMap<String, String>,
}

impl MachineSpec {
    /// A machine with this name and these labels.
    #[must_use]
    pub fn new(name: &str, labels: &[(&str, &str)]) -> Self {
        let owned = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
        Self { name: name.to_owned(), labels: labels.iter().map(owned).collect() }
    }
}

/// A storage class whose claims get volumes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageClassSpec {
    /// Its name.
    pub name: String,
    /// Fate of its volumes.
    pub reclaim: ReclaimPolicy,
    /// Time at which its claims get their volumes.
    pub binding: BindingMode,
}

impl StorageClassSpec {
    /// A storage class with this name and reclaim policy.
    #[must_use]
    pub fn new(name: &str, reclaim: ReclaimPolicy) -> Self {
        Self { name: name.to_owned(), reclaim, binding: BindingMode::Immediate }
    }

    /// The same class, whose claims wait for a pod.
    #[must_use]
    pub fn late(self) -> Self {
        Self { binding: BindingMode::WaitForFirstConsumer, ..self }
    }
}

/// Time at which claims get their volumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub enum BindingMode {
    /// At once.
    Immediate,
    /// When a pod that mounts the claim is scheduled.
    WaitForFirstConsumer,
}

/// Fate of a volume whose claim is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub enum ReclaimPolicy {
    /// Deleted with its claim.
    Delete,
    /// Kept.
    Retain,
}

/// Recording of every API request; [`crate::audit`] reads the record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Audit {
    /// It does not.
    #[default]
    Off,
    /// At level `Metadata`: who, when, which verb on what, with which result.
    On,
}

/// Admission plugin `ServiceAccount`, which rejects pods whose ServiceAccount does not exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServiceAccounts {
    /// A pod may name any ServiceAccount.
    #[default]
    Ignored,
    /// As in a real cluster.
    Required,
}

/// Admission plugin `OwnerReferencesPermissionEnforcement`, which guards owner references: to change those of an object
/// that exists takes the right to delete it, and to block the deletion of the owner the right to update its finalizers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Owners {
    /// A user who may change an object may change its owners, as Kubernetes has it by default.
    #[default]
    Free,
    /// As OpenShift has it.
    Guarded,
}

/// Source of volumes for claims of [`Options::storage_classes`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Volumes {
    /// A volume is made for every claim, and deleted after it, as a CSI provisioner would.
    #[default]
    Dynamic,
    /// Only from what [`Cluster::add_volumes`](crate::Cluster::add_volumes) made; other claims stay pending.
    Static,
}

/// Runner of the pods of a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nodes {
    /// [`Kubelet`](crate::kubelet::Kubelet) writes what a kubelet would; no container ever runs.
    #[default]
    Simulated,
    /// This machine: containers run. One such cluster at a time; others wait. Needs root and what
    /// [`Machine`](crate::host::Machine) names.
    Real,
}

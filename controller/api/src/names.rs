//! Names that are a contract: labels, annotations, finalizers, field managers, derived object names.

/// Label that ties pods and children to their SeiNode; the only selector label.
pub const NODE_LABEL: &str = "sei.io/node";
/// Label that admission puts on a SeiNode: its chain.
pub const CHAIN_LABEL: &str = "sei.io/chain";
/// Label that admission puts on a SeiNode: its mode, as the spec's member is called.
pub const MODE_LABEL: &str = "sei.io/mode";
/// Label that tells a bootstrap's Service, Job and pod from the node's own.
pub const COMPONENT_LABEL: &str = "sei.io/component";
/// Value of [`COMPONENT_LABEL`] on what belongs to a bootstrap.
pub const BOOTSTRAP_COMPONENT: &str = "bootstrap";
/// Annotation on a bootstrap Job: the target of the plan that it was made for.
pub const TARGET_ANNOTATION: &str = "sei.io/target";
/// The earlier operator's finalizer; we add none and remove this one.
pub const LEGACY_FINALIZER: &str = "sei.io/seinode-finalizer";
/// Field manager of server-side apply and of status writes.
pub const FIELD_MANAGER: &str = "seinode-controller";
/// Field manager of repairs that write parts of a child as a whole.
pub const REPAIR_MANAGER: &str = "seinode-controller-repair";
/// Annotation on a data PVC, a StatefulSet and a Service: UID of the SeiNode that it was made for.
pub const OWNER_UID_ANNOTATION: &str = "sei.io/owner-uid";
/// Annotation on pods: Karpenter does not move them.
pub const DO_NOT_DISRUPT_ANNOTATION: &str = "karpenter.sh/do-not-disrupt";
/// Annotation on the CRD: hash of its spec, which tells the schema that is installed from the one in this binary.
pub const SCHEMA_HASH_ANNOTATION: &str = "sei.io/schema-hash";
/// Annotation on a SeiNode: any new value makes the operator try at once what it would try later.
pub const RETRY_ANNOTATION: &str = "sei.io/retry";
/// Annotation on a SeiNode: any new value makes the operator replace the node's pod, in a rollout slot.
pub const RESTART_ANNOTATION: &str = "sei.io/restart";
/// Annotation that `kubectl rollout restart` writes into the pod template of a StatefulSet.
pub const RESTARTED_AT_ANNOTATION: &str = "kubectl.kubernetes.io/restartedAt";
/// Annotation on a SeiNode: `"true"` keeps the operator from changing anything for that node; deletion still works.
pub const SUSPEND_ANNOTATION: &str = "sei.io/suspend";
/// Annotation on a SeiNode: `"true"` lets keys of `spec.overrides` pass that this operator does not know.
pub const ALLOW_UNKNOWN_OVERRIDES_ANNOTATION: &str = "sei.io/allow-unknown-overrides";
/// Annotation on a SeiNode whose data PVC was lost: the UID of that PVC. It lets the operator make a new, empty one.
pub const RECREATE_VOLUME_ANNOTATION: &str = "sei.io/recreate-volume";
/// Annotation on a SeiNode: the UID of a SeiNode that is gone, whose StatefulSet, Service and PVC this one takes over.
pub const ADOPT_ANNOTATION: &str = "sei.io/adopt";
/// Annotation on a SeiNode: its own name, which confirms that it may be deleted with its data.
pub const CONFIRM_DELETE_ANNOTATION: &str = "sei.io/confirm-delete";
/// Annotation on a StatefulSet: hash of what the operator rendered.
pub const TEMPLATE_HASH_ANNOTATION: &str = "sei.io/template-hash";
/// Annotation on a pod template: hash of the configuration, so that another one is another revision.
pub const CONFIG_HASH_ANNOTATION: &str = "sei.io/config-hash";
/// Label that the StatefulSet controller puts on a pod: the revision that it was made from.
pub const REVISION_LABEL: &str = "controller-revision-hash";
/// Longest SeiNode name: 63 less the eleven of `-<hash>` that a revision label appends.
pub const MAX_NAME_LENGTH: usize = 52;

/// Name of the data PVC that the operator makes for a node.
#[must_use]
pub fn data_volume(node: &str) -> String {
    format!("data-{node}")
}

/// Name of the bootstrap Job of a node.
#[must_use]
pub fn bootstrap_job(node: &str) -> String {
    format!("{node}-bootstrap")
}

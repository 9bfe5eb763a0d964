//! Storage classes: when a PVC is bound (Kubernetes: volume binding mode).

use k8s_openapi::api::{core::v1::PersistentVolumeClaim, storage::v1::StorageClass};

/// Time at which the PVCs of a storage class are bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindingMode {
    /// At once.
    Immediate,
    /// When a pod that mounts the PVC is scheduled.
    WaitForFirstConsumer,
    /// The class does not exist, or could not be read.
    Unknown,
}

impl BindingMode {
    /// Reads a storage class.
    #[must_use]
    pub fn of(class: Option<&StorageClass>) -> Self {
        match class.map(|class| class.volume_binding_mode.as_deref()) {
            // The default of Kubernetes.
            Some(None | Some("Immediate")) => Self::Immediate,
            Some(Some("WaitForFirstConsumer")) => Self::WaitForFirstConsumer,
            Some(Some(_)) | None => Self::Unknown,
        }
    }
}

/// The storage class of a PVC that is not bound yet.
#[must_use]
pub fn pending_class(pvc: &PersistentVolumeClaim) -> Option<&str> {
    let phase = pvc.status.as_ref().and_then(|status| status.phase.as_deref());
    let spec = pvc.spec.as_ref().filter(|spec| spec.volume_name.as_deref().unwrap_or_default().is_empty())?;
    let class = spec.storage_class_name.as_deref().filter(|class| !class.is_empty())?;
    matches!(phase, None | Some("Pending")).then_some(class)
}

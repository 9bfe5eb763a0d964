//! Fitness of a volume that the user brings to hold a node's data (plans-tasks-sidecar §4.6, crd-and-workload §4.3).
//!
//! The rules are checked in a fixed order and the first broken one is told, with what to change at the PVC or its
//! PV so that the node goes on. Words never ask to give up the node, and hold nothing that changes while the
//! fault stays the same (W30). The volume itself is never changed or owned by us.

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};

use crate::{
    failure::Failure,
    intent::{Intent, Mode},
    platform::Platform,
    quantity::{BadQuantity, Quantity},
    storage::{self, BindingMode},
};

/// Finding about an imported volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportFinding {
    /// It may be used.
    Ready {
        /// UID of the PVC.
        uid: String,
    },
    /// It may be mounted: it is bound when its pod is scheduled, and judged then.
    Waits {
        /// UID of the PVC.
        uid: String,
    },
    /// Not yet; it may come right without anybody changing what is there. Why, and what helps.
    NotReady(String),
    /// Not as it is: a person has to change something. Why, and what.
    Invalid(String),
    /// It could not be read, and not because it is missing.
    Unread(Failure),
}

/// The PV that a PVC is bound to: what has to be read before [`judge`] can say yes.
#[must_use]
pub fn volume_name(pvc: &PersistentVolumeClaim) -> Option<&str> {
    pvc.spec.as_ref()?.volume_name.as_deref().filter(|name| !name.is_empty())
}

/// The least size of a volume that a node of this mode imports: the size of the volume that it would be given.
#[must_use]
pub fn least_size<'a>(intent: &Intent, platform: &'a Platform) -> &'a Quantity {
    match intent.mode {
        Mode::Archive { .. } => &platform.storage_size_archive,
        Mode::FullNode { .. } | Mode::Replayer { .. } | Mode::Validator { .. } => {
            &platform.storage_size_default
        }
    }
}

/// Judges the PVC `name` and the PV that it is bound to; `None` is what the API server does not have.
///
/// `volume` may be `None` as long as [`volume_name`] names none.
#[must_use]
pub fn judge(
    name: &str,
    namespace: &str,
    pvc: Option<&PersistentVolumeClaim>,
    volume: Option<&PersistentVolume>,
    least: &Quantity,
) -> ImportFinding {
    let Some(pvc) = pvc else {
        let rule = format!("does not exist in namespace {namespace}");
        return ImportFinding::NotReady(say(name, &rule, "create it for the PV that holds the data"));
    };
    let claim = Claim { name, pvc };
    let judged = claim
        .stays()
        .and_then(|()| claim.is_nobodys())
        .and_then(|()| claim.is_bound())
        .and_then(|()| claim.can_be_mounted())
        .and_then(|()| claim.is_large_enough(least))
        .and_then(|capacity| claim.is_backed(volume, &capacity));
    match judged {
        Ok(()) => ImportFinding::Ready { uid: pvc.metadata.uid.clone().unwrap_or_default() },
        Err(refusal) => refusal,
    }
}

/// A PVC that waits for its first consumer, such as one that is restored from a VolumeSnapshot; `None` for any other, which
/// [`judge`] is for.
#[must_use]
pub fn waits(name: &str, pvc: &PersistentVolumeClaim, mode: BindingMode) -> Option<ImportFinding> {
    let claim = Claim { name, pvc };
    let is_pending = mode == BindingMode::WaitForFirstConsumer && storage::pending_class(pvc).is_some();
    let sound = claim.stays().and_then(|()| claim.is_nobodys()).and_then(|()| claim.can_be_mounted());
    let uid = pvc.metadata.uid.clone().unwrap_or_default();
    (is_pending && sound.is_ok()).then_some(ImportFinding::Waits { uid })
}

/// The PVC that is judged.
struct Claim<'a> {
    name: &'a str,
    pvc: &'a PersistentVolumeClaim,
}

impl Claim<'_> {
    fn stays(&self) -> Result<(), ImportFinding> {
        if self.pvc.metadata.deletion_timestamp.is_none() {
            return Ok(());
        }
        let remedy = format!(
            "to keep the data, set persistentVolumeReclaimPolicy of {} to Retain before the PVC is gone, and then \
             {AGAIN}",
            self.volume()
        );
        Err(self.not_ready("is being deleted", &remedy))
    }

    /// Checks that the PVC has no owner: it would be deleted with its owner, and the data with it.
    fn is_nobodys(&self) -> Result<(), ImportFinding> {
        let Some(owner) = self.pvc.metadata.owner_references.iter().flatten().next() else { return Ok(()) };
        let rule = format!("is owned by {}/{}, and is deleted together with it", owner.kind, owner.name);
        let remedy = match owner.kind.as_str() {
            "SeiNode" => "set spec.dataVolume.retain: true on that node: then it lets go of the PVC",
            _ => "set metadata.ownerReferences of the PVC to [] if its data is to stay",
        };
        Err(self.invalid(&rule, remedy))
    }

    fn is_bound(&self) -> Result<(), ImportFinding> {
        let phase = self.pvc.status.as_ref().and_then(|status| status.phase.as_deref());
        match phase {
            Some("Bound") => Ok(()),
            Some("Lost") => {
                let rule = format!("is Lost: {} is gone or bound to another PVC", self.volume());
                Err(self.invalid(&rule, &format!("{RESTORE}, or replace both by ones that hold the data")))
            }
            phase => {
                let rule = format!("has phase {}, and must be Bound", phase.unwrap_or("(none)"));
                let remedy = "kubectl describe pvc says what the binding waits for";
                Err(self.not_ready(&rule, remedy))
            }
        }
    }

    /// One node at a time may write, and to a file system.
    fn can_be_mounted(&self) -> Result<(), ImportFinding> {
        let spec = self.pvc.spec.as_ref();
        let modes = spec.and_then(|spec| spec.access_modes.as_deref()).unwrap_or_default();
        if !modes.iter().any(|mode| mode == "ReadWriteOnce" || mode == "ReadWriteOncePod") {
            let rule = format!(
                "has accessModes [{}], and needs ReadWriteOnce or ReadWriteOncePod",
                modes.join(", ")
            );
            return Err(self.invalid(&rule, &self.replace("one of the two in accessModes of PVC and PV")));
        }
        if spec.and_then(|spec| spec.volume_mode.as_deref()) == Some("Block") {
            let remedy = format!(
                "set persistentVolumeReclaimPolicy of {} to Retain so that nothing is lost, delete the PVC, and create \
                 it again for a PV that holds the data, both with volumeMode Filesystem (it cannot be changed)",
                self.volume()
            );
            return Err(self.invalid("has volumeMode Block, and the node mounts a file system", &remedy));
        }
        Ok(())
    }

    fn is_large_enough(&self, least: &Quantity) -> Result<Quantity, ImportFinding> {
        let status = self.pvc.status.as_ref();
        let reported = status.and_then(|status| status.capacity.as_ref()).and_then(|all| all.get("storage"));
        let Some(reported) = reported else {
            let remedy = "it is reported after binding; if it stays away, kubectl describe pvc says why";
            return Err(self.not_ready("reports no status.capacity.storage", remedy));
        };
        let capacity = reported.0.parse::<Quantity>().map_err(|error: BadQuantity| {
            let rule = format!("reports a status.capacity.storage that cannot be read: {error}");
            self.invalid(&rule, &self.replace("a size such as 2000Gi"))
        })?;
        if capacity.milli() < least.milli() {
            let rule = format!("has a capacity of {capacity}, and a node of this mode needs {least}");
            let remedy = format!(
                "raise spec.resources.requests.storage of the PVC to {least} if its storage class allows \
                 expansion, or copy the data to a larger volume and create the PVC anew for that, or lower the operator's \
                 SEI_STORAGE_SIZE_DEFAULT (for archives SEI_STORAGE_SIZE_ARCHIVE)"
            );
            return Err(self.invalid(&rule, &remedy));
        }
        Ok(capacity)
    }

    /// The PV is there, sound and of the size that the PVC reports.
    fn is_backed(&self, volume: Option<&PersistentVolume>, capacity: &Quantity) -> Result<(), ImportFinding> {
        let Some(volume_name) = volume_name(self.pvc) else {
            let remedy = "it is set by binding; if it stays empty, set it to the PV that holds the data";
            return Err(self.not_ready("is Bound, but its spec.volumeName is empty", remedy));
        };
        let Some(volume) = volume else {
            return Err(
                self.not_ready(&format!("is bound to PV {volume_name}, which does not exist"), RESTORE)
            );
        };
        if volume.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Failed") {
            let rule = format!("is bound to PV {volume_name}, which has phase Failed");
            let remedy = "mend what status.message of the PV names, so that it becomes Bound again";
            return Err(self.invalid(&rule, remedy));
        }
        let set = format!("set spec.capacity.storage of the PV to {capacity} if that is its true size");
        let sized = volume.spec.as_ref().and_then(|spec| spec.capacity.as_ref());
        let Some(size) = sized.and_then(|all| all.get("storage")) else {
            let rule = format!("is bound to PV {volume_name}, which has no spec.capacity.storage");
            return Err(self.invalid(&rule, &set));
        };
        let size = size.0.parse::<Quantity>().map_err(|error: BadQuantity| {
            let rule =
                format!("is bound to PV {volume_name}, whose spec.capacity.storage cannot be read: {error}");
            self.invalid(&rule, &set)
        })?;
        if size.milli() != capacity.milli() {
            let rule = format!("has a capacity of {capacity}, but PV {volume_name} has {size}");
            let remedy = format!("if the volume is being expanded, wait until both agree; otherwise {set}");
            return Err(self.invalid(&rule, &remedy));
        }
        Ok(())
    }

    fn not_ready(&self, rule: &str, remedy: &str) -> ImportFinding {
        ImportFinding::NotReady(say(self.name, rule, remedy))
    }

    fn invalid(&self, rule: &str, remedy: &str) -> ImportFinding {
        ImportFinding::Invalid(say(self.name, rule, remedy))
    }

    /// The remedy where a PVC cannot be changed: another in its place, for the same data.
    fn replace(&self, with: &str) -> String {
        let volume = self.volume();
        format!(
            "set persistentVolumeReclaimPolicy of {volume} to Retain so that the data stays, delete the PVC, then {AGAIN} \
             and {with}"
        )
    }

    fn volume(&self) -> String {
        volume_name(self.pvc).map_or_else(|| "its PV".to_owned(), |name| format!("PV {name}"))
    }
}

/// Steps that give a PV whose PVC is gone to a new one of the same name.
const AGAIN: &str =
    "remove spec.claimRef.uid of the PV and create the PVC again with the PV's name in spec.volumeName";

/// The remedy where a PVC was bound and its PV is not there for it. A PV whose claimRef lacks the UID counts as
/// bound to somebody else, and the PVC would stay Lost.
const RESTORE: &str = "create the PV again under its name, for the same storage, with spec.claimRef naming this PVC and \
                       its uid";

fn say(name: &str, rule: &str, remedy: &str) -> String {
    format!("PVC {name} {rule}; {remedy}")
}

#[cfg(test)]
mod tests;

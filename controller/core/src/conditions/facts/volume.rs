//! Conditions of the data volume: whether it can be used, whose it is, and what becomes of it.

use seinode_api::{SeiNodeStatus, conditions as types, names, status::Phase};

use crate::{
    conditions::{Told, Truth, Verdict},
    exclusive::{self, Bid, Contest, Hold, Resource},
    import::ImportFinding,
    intent::{Intent, VolumeSource},
    node::Owner,
    observation::{Binding, DataCheck, Observation, OwnerRef, Volume},
    retention::Retention,
    storage::BindingMode,
    subject::Subject,
    task::ownership::{Ownership, ownership},
};

/// DataVolumeReady.
pub(super) fn data(
    subject: &Subject,
    intent: &Intent,
    next: &SeiNodeStatus,
    seen: &Observation,
) -> Option<Told> {
    if let VolumeSource::Import(name) = &intent.volume {
        if let Some(verdict) = checked(name, seen) {
            return Some(Told::Is(verdict));
        }
        let told = imported(subject, name, next, seen)?;
        return Some(match told {
            Told::Is(verdict) => Told::Is(Verdict { type_: types::DATA_VOLUME_READY, ..verdict }),
            Told::AsBefore(_) => Told::AsBefore(types::DATA_VOLUME_READY),
        });
    }
    let name = names::data_volume(&subject.node.name);
    let (status, reason, message) = match &seen.volume {
        None => match &next.data_volume {
            Some(lost) if next.phase == Some(Phase::Running) => {
                (Truth::False, "Lost", gone_for_good(&name, &lost.uid))
            }
            _ => (Truth::False, "Missing", format!("PVC {name} does not exist")),
        },
        Some(volume) => match ownership(&volume.owner, volume.deletion) {
            Ownership::Ours if next.phase == Some(Phase::Running) && volume.binding == Binding::Unbound => {
                let message =
                    format!("PVC {name} is not bound, or no longer: `kubectl describe pvc {name}` says why");
                (Truth::False, "NotBound", message)
            }
            Ownership::Ours
                if volume.pending_class.is_some() && seen.binding_mode == Some(BindingMode::Immediate) =>
            {
                let class = volume.pending_class.as_deref().unwrap_or_default();
                let message = format!(
                    "PVC {name} is not bound yet: storage class {class} binds at once, so the pod is made when it is. \
                     `kubectl describe pvc {name}` says what it waits for"
                );
                (Truth::False, "NotBound", message)
            }
            Ownership::Ours => (Truth::True, "Owned", format!("PVC {name} exists and is this node's")),
            Ownership::Leaving if volume.owner == Owner::Us => {
                let bound = match &volume.binding {
                    Binding::Bound(name) => Some(name.clone()),
                    Binding::Unbound => None,
                };
                (Truth::False, "Terminating", terminating(&name, bound.as_deref()))
            }
            Ownership::Leaving => {
                let message = format!("PVC {name} is being removed; a new one is made when it is gone");
                (Truth::False, "Terminating", message)
            }
            Ownership::Foreign => (Truth::False, "Foreign", foreign(&name, volume)),
        },
    };
    Some(Told::Is(Verdict { type_: types::DATA_VOLUME_READY, status, reason, message }))
}

/// The pod is all that keeps a volume that is being deleted (Kubernetes: storage object in use protection).
fn terminating(name: &str, bound: Option<&str>) -> String {
    let volume =
        bound.map_or_else(|| "its PersistentVolume".to_owned(), |name| format!("PersistentVolume {name}"));
    format!(
        "PVC {name} is being deleted, and goes with its data as soon as no pod uses it: the pod is neither replaced nor \
         stopped. To save the data, set spec.persistentVolumeReclaimPolicy of {volume} to Retain first; afterwards the \
         volume can be bound to another PVC, and imported with spec.dataVolume.import.pvcName"
    )
}

fn gone_for_good(name: &str, uid: &str) -> String {
    format!(
        "PVC {name} with UID {uid} is gone. It is not made anew by itself: if its PersistentVolume was kept, bind that to a \
         new PVC of this name. To give the data up and begin with an empty volume, set annotation {}={uid}",
        names::RECREATE_VOLUME_ANNOTATION
    )
}

/// A volume that is not ours is never touched (W6): the words say how to take it over instead.
fn foreign(name: &str, volume: &Volume) -> String {
    let whose = match &volume.owner {
        Owner::Other(other) => format!("belongs to {other}"),
        Owner::Nobody | Owner::Us | Owner::Predecessor => "was not made for this SeiNode".to_owned(),
    };
    let adopt = volume.made_for.as_ref().map_or_else(String::new, |uid| {
        let annotation = names::ADOPT_ANNOTATION;
        format!(
            " It was made for a SeiNode with UID {uid}: to take over all that this one has left, StatefulSet and Service \
             too, set annotation {annotation}={uid}."
        )
    });
    format!(
        "PVC {name} exists and {whose}; it is not touched. To go on with its data, set \
         spec.dataVolume.import.pvcName: {name}.{adopt} To start empty, delete the PVC yourself (its data goes with it) or give \
         the SeiNode another name"
    )
}

/// Finding about an imported volume before its pod was to go.
fn checked(name: &str, seen: &Observation) -> Option<Verdict> {
    let (reason, message) = match seen.data.as_ref()? {
        DataCheck::Safe | DataCheck::Unread(_) => return None,
        DataCheck::Missing => {
            ("Lost", format!("PVC {name} is gone; create it for the volume that holds the data"))
        }
        DataCheck::Going(bound) => ("Terminating", terminating(name, bound.as_deref())),
        DataCheck::Unbound => {
            ("NotBound", format!("PVC {name} is not bound: `kubectl describe pvc {name}` says why"))
        }
    };
    Some(Verdict { type_: types::DATA_VOLUME_READY, status: Truth::False, reason, message })
}

/// ImportPVCReady.
pub(super) fn import(
    subject: &Subject,
    intent: &Intent,
    next: &SeiNodeStatus,
    seen: &Observation,
) -> Option<Told> {
    match &intent.volume {
        VolumeSource::Own => None,
        VolumeSource::Import(name) => imported(subject, name, next, seen),
    }
}

fn imported(subject: &Subject, name: &str, next: &SeiNodeStatus, seen: &Observation) -> Option<Told> {
    let before = Some(Told::AsBefore(types::IMPORT_PVC_READY));
    let resource = Resource::Volume(name.to_owned());
    let bid = Bid::of(subject, &resource, None);
    let held = exclusive::hold(&exclusive::read(&next.claims), &resource);
    let (status, reason, message) = match (&seen.import, held) {
        (Some(ImportFinding::Waits { .. }), held) => {
            let who = match (held, super::contested(&bid, seen)) {
                (Some(Hold::Held), _) => bid.disputed(&seen.rivals),
                (_, Contest::Taken(who)) => Some(who),
                (_, Contest::Free | Contest::Yielded(_)) => None,
            };
            let waits = || format!("PVC {name} is bound when the node's pod is scheduled, and checked then");
            match who {
                Some(who) => (Truth::False, "InUse", who),
                None => (Truth::False, "PVCNotReady", waits()),
            }
        }
        (Some(ImportFinding::NotReady(why)), _) => (Truth::False, "PVCNotReady", why.clone()),
        (Some(ImportFinding::Unread(failure)), _) => (Truth::False, "PVCNotReady", failure.message.clone()),
        (Some(ImportFinding::Invalid(why)), _) => (Truth::False, "PVCInvalid", why.clone()),
        (_, Some(Hold::Held)) => match bid.disputed(&seen.rivals) {
            Some(who) => (Truth::False, "InUse", who),
            None => {
                let message = format!("PVC {name} meets every requirement, and no other node uses it");
                (Truth::True, "PVCValidated", message)
            }
        },
        (Some(ImportFinding::Ready { .. }), _) => match super::contested(&bid, seen) {
            Contest::Taken(who) => (Truth::False, "InUse", who),
            Contest::Free | Contest::Yielded(_) => return before,
        },
        (None, _) => return before,
    };
    Some(Told::Is(Verdict { type_: types::IMPORT_PVC_READY, status, reason, message }))
}

/// VolumeRetained.
pub(super) fn retained(subject: &Subject, intent: &Intent, seen: &Observation) -> Option<Told> {
    let name = intent.data_volume(&subject.node);
    let (status, reason, message) = match subject.data_volume.retention(&seen.retention) {
        None => {
            (Truth::True, "Imported", format!("PVC {name} is imported: it stays when the SeiNode is deleted"))
        }
        Some(retention) => {
            let volume = seen.volume.as_ref().filter(|volume| volume.owner == Owner::Us)?;
            match (retention, volume.owner_ref) {
                (Retention::Kept, OwnerRef::Absent) => {
                    (Truth::True, "Retained", format!("PVC {name} stays when the SeiNode is deleted"))
                }
                (Retention::Kept, OwnerRef::Present) => {
                    (Truth::False, "StillTied", format!("PVC {name} is still deleted with the SeiNode"))
                }
                (Retention::GoesWithTheNode, _) => {
                    let message = format!(
                        "PVC {name} is deleted with the SeiNode; set spec.dataVolume.retain: true to keep it"
                    );
                    (Truth::False, "GoesWithTheNode", message)
                }
            }
        }
    };
    Some(Told::Is(Verdict { type_: types::VOLUME_RETAINED, status, reason, message }))
}

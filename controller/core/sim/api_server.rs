//! The API server: keeps objects, gives each change a version, and remembers the order of changes, so that a watch can
//! be behind.
//!
//! It knows what Kubernetes does by itself: UIDs, generations, finalizers, preconditions. It never judges.

use std::{collections::BTreeMap, rc::Rc};

use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{PersistentVolumeClaim, PersistentVolumeClaimStatus},
    apimachinery::pkg::apis::meta::v1::Time,
};

use crate::{
    fields,
    objects::{Key, Kind, Object},
};

const FOREGROUND: &str = "foregroundDeletion";
const IN_USE: &str = "kubernetes.io/pvc-protection";

/// The API server.
#[derive(Clone, Debug, Default)]
pub struct ApiServer {
    objects: BTreeMap<Key, Rc<Object>>,
    /// Every change, in order, by kind.
    changes: BTreeMap<Kind, Vec<Change>>,
    version: u64,
    uids: u64,
    /// PVCs are bound when a pod that mounts them is scheduled, and not at once.
    pub late_binding: bool,
}

/// One change of an object.
#[derive(Clone, Debug)]
pub struct Change {
    pub key: Key,
    /// The object afterwards; `None` when it is gone.
    pub object: Option<Rc<Object>>,
}

/// Order in which dependents go when an object is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// After it.
    Background,
    /// Before it.
    Foreground,
    /// They stay, without it.
    Orphan,
}

impl ApiServer {
    pub fn get(&self, key: &Key) -> Option<&Rc<Object>> {
        self.objects.get(key)
    }

    /// All objects of a kind.
    pub fn list(&self, kind: Kind) -> impl Iterator<Item = &Rc<Object>> {
        let first = Key::new(kind, "", "");
        self.objects.range(first..).take_while(move |(key, _)| key.kind == kind).map(|(_, object)| object)
    }

    pub fn all(&self) -> impl Iterator<Item = &Rc<Object>> {
        self.objects.values()
    }

    /// Changes of a kind, from the beginning.
    pub fn changes(&self, kind: Kind) -> &[Change] {
        self.changes.get(&kind).map_or(&[], Vec::as_slice)
    }

    /// The number of changes so far.
    pub fn version(&self) -> u64 {
        self.version
    }

    pub fn has_uid(&self, uid: &str) -> bool {
        self.objects.values().any(|object| object.uid() == uid)
    }

    /// Creates an object, unless there is one of its name.
    pub fn create(&mut self, mut object: Object, now: Timestamp) -> Option<Rc<Object>> {
        let key = object.key();
        if self.objects.contains_key(&key) {
            return None;
        }
        self.uids += 1;
        let prefix = format!("{:?}", key.kind).to_lowercase();
        let is_volume = key.kind == Kind::Volume;
        let meta = object.meta_mut();
        meta.uid = Some(format!("{prefix}-{}", self.uids));
        meta.creation_timestamp = Some(seconds(now));
        meta.generation = Some(1);
        if is_volume {
            meta.finalizers.get_or_insert_default().push(IN_USE.to_owned());
        }
        if let Object::Volume(pvc) = &mut object {
            pvc.spec.get_or_insert_default().storage_class_name = Some("fast".into());
            if !self.late_binding {
                bind(pvc);
            }
        }
        Some(self.keep(&key, object))
    }

    /// Changes an object. What changes nothing gets no new version; an object that is to go and that no finalizer holds
    /// back any more is gone.
    pub fn update(&mut self, key: &Key, change: impl FnOnce(&mut Object)) -> Option<Rc<Object>> {
        let before = Rc::clone(self.objects.get(key)?);
        let mut after = (*before).clone();
        change(&mut after);
        if after == *before {
            return Some(before);
        }
        let other_node =
            matches!((before.node(), after.node()), (Some(old), Some(new)) if old.spec != new.spec);
        let other_set = matches!((before.set(), after.set()), (Some(old), Some(new)) if old.spec != new.spec);
        if other_node || other_set {
            let generation = before.meta().generation.unwrap_or_default() + 1;
            after.meta_mut().generation = Some(generation);
        }
        let freed = after.is_going() && after.meta().finalizers.iter().flatten().next().is_none();
        if freed && before.meta().finalizers.iter().flatten().next().is_some() {
            self.remove(key);
            return Some(Rc::new(after));
        }
        Some(self.keep(key, after))
    }

    /// Somebody changes an object by hand, or with a program of their own: what they change is theirs.
    pub fn edit(&mut self, key: &Key, manager: &str, change: impl FnOnce(&mut Object)) -> Option<Rc<Object>> {
        self.update(key, |object| {
            let before = object.clone();
            change(object);
            if *object != before {
                fields::edited(&before, object, manager);
            }
        })
    }

    /// Deletes an object: at once, or by marking it where somebody has still to do something.
    pub fn delete(&mut self, key: &Key, propagation: Propagation, now: Timestamp) {
        if propagation == Propagation::Orphan {
            self.orphan(key);
        }
        let Some(object) = self.objects.get(key) else { return };
        let has_dependents = matches!(key.kind, Kind::Node | Kind::Set | Kind::Job);
        let waits = key.kind == Kind::Pod || object.meta().finalizers.iter().flatten().next().is_some();
        let foreground = propagation == Propagation::Foreground && has_dependents;
        if !waits && !foreground {
            return self.remove(key);
        }
        self.update(key, |object| {
            let meta = object.meta_mut();
            if meta.deletion_timestamp.is_none() {
                meta.deletion_timestamp = Some(seconds(now));
                meta.generation = meta.generation.map(|generation| generation + 1);
            }
            let finalizers = meta.finalizers.get_or_insert_default();
            if foreground && !finalizers.iter().any(|it| it == FOREGROUND) {
                finalizers.push(FOREGROUND.to_owned());
            }
        });
    }

    /// Leaves what an object owns without an owner.
    fn orphan(&mut self, key: &Key) {
        let Some(uid) = self.objects.get(key).map(|object| object.uid().to_owned()) else { return };
        let owned = self
            .objects
            .values()
            .filter(|object| object.meta().owner_references.iter().flatten().any(|owner| owner.uid == uid));
        for dependent in owned.map(|object| object.key()).collect::<Vec<_>>() {
            self.update(&dependent, |object| {
                object.meta_mut().owner_references.get_or_insert_default().retain(|owner| owner.uid != uid);
            });
        }
    }

    /// Removes an object, whatever holds it back.
    pub fn remove(&mut self, key: &Key) {
        if self.objects.remove(key).is_some() {
            self.version += 1;
            let change = Change { key: key.clone(), object: None };
            self.changes.entry(key.kind).or_default().push(change);
        }
    }

    fn keep(&mut self, key: &Key, mut object: Object) -> Rc<Object> {
        self.version += 1;
        object.meta_mut().resource_version = Some(self.version.to_string());
        let object = Rc::new(object);
        self.objects.insert(key.clone(), Rc::clone(&object));
        let change = Change { key: key.clone(), object: Some(Rc::clone(&object)) };
        self.changes.entry(key.kind).or_default().push(change);
        object
    }
}

/// Binds a PVC to a PV of its own that is as large as it wants.
pub fn bind(pvc: &mut PersistentVolumeClaim) {
    let spec = pvc.spec.get_or_insert_default();
    spec.volume_name = pvc.metadata.uid.clone();
    let capacity = spec.resources.as_ref().and_then(|resources| resources.requests.clone());
    let phase = Some("Bound".to_owned());
    pvc.status =
        Some(PersistentVolumeClaimStatus { phase, capacity, ..PersistentVolumeClaimStatus::default() });
}

/// True if an object waits for its dependents to go first.
pub fn waits_for_dependents(object: &Object) -> bool {
    object.is_going() && object.meta().finalizers.iter().flatten().any(|it| it == FOREGROUND)
}

/// A time as the API server keeps it.
pub fn seconds(now: Timestamp) -> Time {
    Time(Timestamp::from_second(now.as_second()).unwrap_or(now))
}

//! The objects of the world: real Kubernetes types under one roof, so that one API server can keep them all.

use std::{fmt, rc::Rc};

use k8s_openapi::{
    api::{
        apps::v1::StatefulSet,
        batch::v1::Job,
        core::v1::{PersistentVolumeClaim, Pod, Service},
    },
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use seinode_api::{SeiNode, names};
use seinode_core::observation::{DATA, KEY_COPY, SEID, SIGNING_KEY};

/// The kinds that the world has. Each has a watch of its own, and each watch may be behind by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Node,
    Volume,
    Set,
    Service,
    Job,
    Pod,
}

impl Kind {
    pub const ALL: [Self; 6] = [Self::Node, Self::Volume, Self::Set, Self::Service, Self::Job, Self::Pod];
}

/// Names an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub kind: Kind,
    pub namespace: Rc<str>,
    pub name: Rc<str>,
}

impl Key {
    pub fn new(kind: Kind, namespace: &str, name: &str) -> Self {
        Self { kind, namespace: namespace.into(), name: name.into() }
    }

    /// The key of another kind of object in the same namespace.
    pub fn beside(&self, kind: Kind, name: &str) -> Self {
        Self { kind, namespace: Rc::clone(&self.namespace), name: name.into() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}/{}", self.kind, self.namespace, self.name)
    }
}

/// An object.
#[derive(Clone, Debug, PartialEq)]
pub enum Object {
    Node(Box<SeiNode>),
    Volume(Box<PersistentVolumeClaim>),
    Set(Box<StatefulSet>),
    Service(Box<Service>),
    Job(Box<Job>),
    Pod(Box<Pod>),
}

/// Makes one kind of object: into the roof, and out of it again.
macro_rules! kinds {
    ($($kind:ident $type:ty, $read:ident;)+) => {
        $(impl From<$type> for Object {
            fn from(object: $type) -> Self {
                Self::$kind(Box::new(object))
            }
        })+

        impl Object {
            pub fn meta(&self) -> &ObjectMeta {
                match self { $(Self::$kind(object) => &object.metadata,)+ }
            }

            pub fn meta_mut(&mut self) -> &mut ObjectMeta {
                match self { $(Self::$kind(object) => &mut object.metadata,)+ }
            }

            pub fn kind(&self) -> Kind {
                match self { $(Self::$kind(_) => Kind::$kind,)+ }
            }

            $(pub fn $read(&self) -> Option<&$type> {
                match self {
                    Self::$kind(object) => Some(object),
                    _ => None,
                }
            })+
        }
    };
}

kinds! {
    Node SeiNode, node;
    Volume PersistentVolumeClaim, volume;
    Set StatefulSet, set;
    Service Service, service;
    Job Job, job;
    Pod Pod, pod;
}

impl Object {
    pub fn key(&self) -> Key {
        let meta = self.meta();
        let (namespace, name) = (meta.namespace.as_deref(), meta.name.as_deref());
        Key::new(self.kind(), namespace.unwrap_or_default(), name.unwrap_or_default())
    }

    pub fn uid(&self) -> &str {
        self.meta().uid.as_deref().unwrap_or_default()
    }

    pub fn is_going(&self) -> bool {
        self.meta().deletion_timestamp.is_some()
    }

    pub fn controller(&self) -> Option<&OwnerReference> {
        self.meta().owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
    }

    pub fn is_controlled_by(&self, uid: &str) -> bool {
        self.controller().is_some_and(|owner| owner.uid == uid)
    }

    pub fn label(&self, name: &str) -> Option<&str> {
        self.meta().labels.as_ref()?.get(name).map(String::as_str)
    }

    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.meta().annotations.as_ref()?.get(name).map(String::as_str)
    }

    /// The SeiNode that owns it.
    pub fn owner_key(&self) -> Option<Key> {
        let namespace = self.meta().namespace.as_deref().unwrap_or_default();
        let owner = self.meta().owner_references.iter().flatten().find(|owner| owner.kind == "SeiNode")?;
        Some(Key::new(Kind::Node, namespace, &owner.name))
    }

    /// The node that a child says it belongs to.
    pub fn node_key(&self) -> Option<Key> {
        let namespace = self.meta().namespace.as_deref().unwrap_or_default();
        match self {
            Self::Node(_) => Some(self.key()),
            _ => self.label(names::NODE_LABEL).map(|name| Key::new(Kind::Node, namespace, name)),
        }
    }
}

/// Facts of a pod that the world looks at.
pub trait PodFacts {
    /// Its processes have ended, for good or ill.
    fn has_ended(&self) -> bool;
    /// Its processes have been started.
    fn has_started(&self) -> bool;
    fn is_ready(&self) -> bool;
    /// The PVC that it mounts.
    fn claim(&self) -> Option<&str>;
    /// The Secret that its signing key is from.
    fn signing_secret(&self) -> Option<&str>;
    /// Its `seid` reads a copy of the key, and not the Secret.
    fn has_copy(&self) -> bool;
    /// Its address.
    fn address(&self) -> Option<&str>;
}

impl PodFacts for Pod {
    fn has_ended(&self) -> bool {
        let phase = self.status.as_ref().and_then(|status| status.phase.as_deref());
        matches!(phase, Some("Succeeded" | "Failed"))
    }

    fn has_started(&self) -> bool {
        self.status.as_ref().is_some_and(|status| status.pod_ip.is_some())
    }

    fn is_ready(&self) -> bool {
        let conditions = self.status.iter().flat_map(|status| status.conditions.iter().flatten());
        conditions.into_iter().any(|it| it.type_ == "Ready" && it.status == "True")
    }

    fn claim(&self) -> Option<&str> {
        let volumes = self.spec.as_ref()?.volumes.iter().flatten();
        let data = volumes.into_iter().find(|volume| volume.name == DATA)?;
        Some(&data.persistent_volume_claim.as_ref()?.claim_name)
    }

    fn signing_secret(&self) -> Option<&str> {
        let volumes = self.spec.as_ref()?.volumes.iter().flatten();
        let key = volumes.into_iter().find(|volume| volume.name == SIGNING_KEY)?;
        key.secret.as_ref()?.secret_name.as_deref()
    }

    fn has_copy(&self) -> bool {
        let containers = self.spec.iter().flat_map(|spec| &spec.containers).filter(|it| it.name == SEID);
        containers.flat_map(|seid| seid.volume_mounts.iter().flatten()).any(|mount| mount.name == KEY_COPY)
    }

    fn address(&self) -> Option<&str> {
        self.status.as_ref()?.pod_ip.as_deref()
    }
}

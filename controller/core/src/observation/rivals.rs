//! Rivals for what only one node may use: read from all SeiNodes, their pods, and what makes pods.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::{
    api::{
        apps::v1::StatefulSet,
        batch::v1::{self as batch, Job},
        core::v1 as k8s,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::ResourceExt;
use seinode_api::{SeiNode, SeiNodeStatus, conditions, names, status::Phase};

use super::{KeySource, pod};
use crate::{
    exclusive::{self, Contender, DataVolume, PodUse, Rivals, Signing, Stray, StrayKey},
    intent::{Activity, Intent, VolumeSource},
    node::{NodeName, NodeRef, Suspension},
    subject::Subject,
};

/// Collects everybody who may use what a node wants, object by object, so that a list can be read page by page. Takes
/// O(objects), not O(nodes × pods).
pub struct RivalsOf<'a> {
    node: &'a NodeRef,
    /// UID of the node's present StatefulSet: the pod that it controls is the node's own.
    stateful_set_uid: Option<&'a str>,
    nodes: BTreeMap<NodeName, Other>,
    uids: BTreeSet<String>,
    pods: Vec<Seen>,
    makers: Vec<Maker>,
}

/// Another SeiNode, and its pod once it is found.
struct Other {
    contender: Contender,
    created: Option<Timestamp>,
    signing_secret: Option<String>,
    examined: Examined,
}

/// Facts about a node's key and volume without its pod.
#[derive(Clone, Copy)]
struct Examined {
    signs: bool,
    claimed: bool,
    looked_at: bool,
    rests: bool,
    imports: bool,
}

/// Object that may still make a pod.
struct Maker {
    owners: Vec<String>,
    stray: Stray,
}

impl<'a> RivalsOf<'a> {
    /// Begins with nobody. Any pod of the node's name that another StatefulSet controls is a predecessor's.
    #[must_use]
    pub fn new(node: &'a NodeRef, stateful_set_uid: Option<&'a str>) -> Self {
        let (nodes, uids) = (BTreeMap::new(), BTreeSet::new());
        Self { node, stateful_set_uid, nodes, uids, pods: Vec::new(), makers: Vec::new() }
    }

    /// Adds a SeiNode.
    pub fn sei_node(&mut self, object: &SeiNode) {
        let other = NodeRef::of(&object.metadata);
        self.uids.insert(other.uid.clone());
        if other != *self.node {
            self.nodes.insert(NodeName::from(&other), Other::of(object, other));
        }
    }

    /// Adds a pod.
    pub fn pod(&mut self, pod: &k8s::Pod) {
        self.pods.extend(Seen::of(pod));
    }

    /// Adds a StatefulSet: it may still make a pod although its SeiNode is gone, until garbage collection has taken it.
    pub fn stateful_set(&mut self, sts: &StatefulSet) {
        let spec = sts.spec.as_ref().filter(|spec| spec.replicas != Some(0));
        if let Some(pod) = spec.and_then(|spec| spec.template.spec.as_ref()) {
            self.maker("StatefulSet", &sts.metadata, pod);
        }
    }

    /// Adds a Job, which may make a pod unless it has finished.
    pub fn job(&mut self, job: &Job) {
        let ended = |it: &batch::JobCondition| {
            matches!(it.type_.as_str(), "Complete" | "Failed") && it.status == "True"
        };
        let finished = job.status.iter().flat_map(|status| status.conditions.iter().flatten()).any(ended);
        let spec = job.spec.as_ref().filter(|_| !finished);
        if let Some(pod) = spec.and_then(|spec| spec.template.spec.as_ref()) {
            self.maker("Job", &job.metadata, pod);
        }
    }

    fn maker(&mut self, kind: &'static str, meta: &ObjectMeta, pod: &k8s::PodSpec) {
        let owners = meta.owner_references.iter().flatten().filter(|owner| owner.kind == "SeiNode");
        self.makers.push(Maker {
            owners: owners.map(|owner| owner.uid.clone()).collect(),
            stray: Stray {
                kind,
                namespace: meta.namespace.clone().unwrap_or_default(),
                name: meta.name.clone().unwrap_or_default(),
                uses: uses(pod, &[]),
                key: StrayKey::NotRead,
            },
        });
    }

    /// Everybody: the other nodes with their pods, and what belongs to no SeiNode.
    #[must_use]
    pub fn collect(self) -> Rivals {
        let Self { node, stateful_set_uid, mut nodes, uids, pods, makers } = self;
        let mut strays = Vec::new();
        for pod in pods {
            let is_own = pod.node == NodeName::from(node)
                && stateful_set_uid.is_some()
                && pod.controller.as_deref() == stateful_set_uid;
            match nodes.get_mut(&pod.node).filter(|other| other.owns(&pod)) {
                Some(other) => _ = other.contender.pod.get_or_insert(pod.uses),
                None if !is_own => strays.push(pod.stray()),
                None => {}
            }
        }
        let lives = |uid: &String| *uid == node.uid || uids.contains(uid);
        let orphans = makers.into_iter().filter(|maker| !maker.owners.iter().any(lives));
        strays.extend(orphans.map(|maker| maker.stray));
        Rivals { nodes: nodes.into_values().map(Other::contender).collect(), strays }
    }
}

/// True if its Secret was read on the way up. Of a node that is up the condition proves nothing: the earlier operator
/// writes the same, and a node that it stopped by hand has a key and no claim.
fn is_looked_at(status: Option<&SeiNodeStatus>) -> bool {
    status.is_some_and(|status| {
        status.phase != Some(Phase::Running)
            && conditions::find(&status.conditions, conditions::SIGNING_KEY_READY).is_some()
    })
}

impl Other {
    fn of(object: &SeiNode, node: NodeRef) -> Self {
        let subject = Subject::of(object);
        let status = object.status.as_ref();
        let claims = exclusive::read(status.map_or(&[], |status| status.claims.as_slice()));
        let intent = subject.intent.as_ref().ok();
        let rests = subject.suspension == Suspension::On
            || intent.is_none_or(|intent: &Intent| intent.activity == Activity::Paused);
        let volume = match intent.map(|intent| &intent.volume) {
            Some(VolumeSource::Own) => DataVolume::Own(names::data_volume(&node.name)),
            Some(VolumeSource::Import(name)) => DataVolume::Imported(name.clone()),
            None => DataVolume::None,
        };
        let secret = object.spec.validator.as_ref().and_then(|it| it.signing_key.as_ref());
        let secret = secret.and_then(|key| key.secret.as_ref()).map(|secret| secret.secret_name.clone());
        let is_key = |claim: &exclusive::Claim| matches!(claim.resource, exclusive::Resource::SigningKey(_));
        Self {
            created: object.metadata.creation_timestamp.as_ref().map(|time| time.0),
            signing_secret: secret,
            examined: Examined {
                signs: intent.is_some_and(|intent| intent.key_secrets().is_some()),
                claimed: claims.iter().any(is_key),
                looked_at: is_looked_at(status),
                rests,
                imports: matches!(volume, DataVolume::Imported(_)),
            },
            contender: Contender {
                node,
                created: subject.created,
                claims,
                signing: Signing::Never,
                volume,
                pod: None,
            },
        }
    }

    /// True if a pod that names this node is its own, and not a namesake's from before.
    fn owns(&self, pod: &Seen) -> bool {
        let same_key = pod.uses.signing_secret.is_none() || pod.uses.signing_secret == self.signing_secret;
        self.created.is_none_or(|created| created <= pod.created) && same_key
    }

    /// The contender, with its pod.
    fn contender(self) -> Contender {
        let Self { mut contender, examined, .. } = self;
        let Examined { signs, claimed, looked_at, rests, imports } = examined;
        // A spec that is invalid now may have been carried out before: then its pod shows that it signs.
        let pod_signs = contender.pod.as_ref().is_some_and(|pod| pod.signing_secret.is_some());
        contender.signing = match signs || pod_signs {
            false => Signing::Never,
            true if claimed => Signing::Examined,
            // With a pod only a claim tells which key it signs with.
            true if (rests || looked_at) && contender.pod.is_none() => Signing::Examined,
            true => Signing::Unexamined,
        };
        if rests && imports && contender.pod.is_none() {
            contender.volume = DataVolume::None;
        }
        contender
    }
}

/// Things that a pod of this spec uses, with what its init containers did.
fn uses(pod: &k8s::PodSpec, init_states: &[k8s::ContainerStatus]) -> PodUse {
    let copied = match KeySource::of(pod, init_states) {
        KeySource::Copy(copied) => copied,
        KeySource::None | KeySource::Secret => None,
    };
    PodUse { signing_secret: pod::signing_secret(pod), copied, volume: pod::data_claim(pod) }
}

/// A pod of some node, running or on its way.
struct Seen {
    namespace: String,
    name: String,
    /// The SeiNode that its label names.
    node: NodeName,
    controller: Option<String>,
    created: Timestamp,
    uses: PodUse,
}

impl Seen {
    /// A pod that has ended uses nothing any more.
    fn of(object: &k8s::Pod) -> Option<Self> {
        if pod::has_ended(object) {
            return None;
        }
        let created = object.metadata.creation_timestamp.as_ref();
        let status = object.status.as_ref();
        let init_states =
            status.and_then(|status| status.init_container_statuses.as_deref()).unwrap_or_default();
        let namespace = object.namespace().unwrap_or_default();
        Some(Self {
            name: object.name_any(),
            node: NodeName {
                namespace: namespace.clone(),
                name: object.labels().get(names::NODE_LABEL)?.clone(),
            },
            namespace,
            controller: pod::controller(object).map(|owner| owner.uid.clone()),
            created: created.map_or(Timestamp::MIN, |time| time.0),
            uses: object.spec.as_ref().map(|spec| uses(spec, init_states)).unwrap_or_default(),
        })
    }

    fn stray(&self) -> Stray {
        Stray {
            kind: "pod",
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            uses: self.uses.clone(),
            key: StrayKey::NotRead,
        }
    }
}

//! Who else may use what a node wants: read from all SeiNodes and all pods of nodes.

use jiff::Timestamp;
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    batch::v1::{self as batch, Job},
    core::v1 as k8s,
};
use kube::ResourceExt;
use seinode_api::{SeiNode, conditions, names};

use super::pod;
use crate::{
    exclusive::{self, Contender, DataVolume, PodUse, Rivals, Signing, Stray, StrayKey},
    intent::{Activity, Intent, VolumeSource},
    node::{NodeRef, Suspension},
    subject::Subject,
};

impl Rivals {
    /// Everybody but the node itself. Its own pod is the one that its present StatefulSet controls; any other pod that
    /// carries its name is a predecessor's.
    #[must_use]
    pub fn of(node: &NodeRef, stateful_set_uid: Option<&str>, nodes: &[&SeiNode], pods: &[&k8s::Pod]) -> Self {
        let pods: Vec<_> = pods.iter().filter_map(|pod| Seen::of(pod)).collect();
        let mut rivals = Self::default();
        for other in nodes {
            let other_ref = NodeRef::of(&other.metadata);
            if other_ref != *node {
                let mine = pods.iter().find(|pod| pod.is_of(other));
                rivals.nodes.push(contender(other, other_ref, mine.map(|pod| pod.uses.clone())));
            }
        }
        let is_own = |pod: &Seen| {
            (&pod.namespace, &pod.node) == (&node.namespace, &node.name)
                && stateful_set_uid.is_some()
                && pod.controller.as_deref() == stateful_set_uid
        };
        let is_of_another =
            |pod: &Seen| nodes.iter().any(|other| NodeRef::of(&other.metadata) != *node && pod.is_of(other));
        let strays = pods.iter().filter(|pod| !is_own(pod) && !is_of_another(pod));
        rivals.strays = strays.map(Seen::stray).collect();
        rivals
    }

    /// The same, and what may still make a pod although its SeiNode is gone: until garbage collection has taken it, its
    /// controller does not know.
    #[must_use]
    pub fn and_makers(
        mut self,
        node: &NodeRef,
        nodes: &[&SeiNode],
        sets: &[&StatefulSet],
        jobs: &[&Job],
    ) -> Self {
        let sets = sets.iter().filter_map(|set| {
            let spec = set.spec.as_ref().filter(|spec| spec.replicas != Some(0))?;
            Some(("StatefulSet", &set.metadata, spec.template.spec.as_ref()?))
        });
        let jobs = jobs.iter().filter_map(|job| {
            let ended = |it: &batch::JobCondition| {
                matches!(it.type_.as_str(), "Complete" | "Failed") && it.status == "True"
            };
            let finished = job.status.iter().flat_map(|status| status.conditions.iter().flatten()).any(ended);
            let spec = job.spec.as_ref().filter(|_| !finished)?;
            Some(("Job", &job.metadata, spec.template.spec.as_ref()?))
        });
        let lives = |uid: &str| {
            uid == node.uid || nodes.iter().any(|other| other.metadata.uid.as_deref() == Some(uid))
        };
        let without_node = sets.chain(jobs).filter(|(_, meta, _)| {
            let mut owners = meta.owner_references.iter().flatten();
            !owners.any(|owner| owner.kind == "SeiNode" && lives(&owner.uid))
        });
        self.strays.extend(without_node.map(|(kind, meta, pod)| Stray {
            kind,
            namespace: meta.namespace.clone().unwrap_or_default(),
            name: meta.name.clone().unwrap_or_default(),
            uses: uses(pod),
            key: StrayKey::NotRead,
        }));
        self
    }
}

/// What another node uses, or may use soon.
fn contender(object: &SeiNode, node: NodeRef, pod: Option<PodUse>) -> Contender {
    let subject = Subject::of(object);
    let status = object.status.as_ref();
    let claims = exclusive::read(status.map_or(&[], |status| status.claims.as_slice()));
    let intent = subject.intent.as_ref().ok();
    let rests = subject.suspension == Suspension::On
        || intent.is_none_or(|intent: &Intent| intent.activity == Activity::Paused);
    let volume = match intent.map(|intent| &intent.volume) {
        Some(VolumeSource::Own) => DataVolume::Own(names::data_volume(&node.name)),
        Some(VolumeSource::Import(name)) if !rests || pod.is_some() => DataVolume::Imported(name.clone()),
        Some(VolumeSource::Import(_)) | None => DataVolume::None,
    };
    // A spec that breaks rules now may have been carried out before: then its pod tells.
    let signs = intent.is_some_and(|intent| intent.key_secrets().is_some())
        || pod.as_ref().is_some_and(|pod| pod.signing_secret.is_some());
    let examined = status
        .is_some_and(|status| conditions::find(&status.conditions, conditions::SIGNING_KEY_READY).is_some());
    let signing = match signs {
        false => Signing::Never,
        true if claims.iter().any(|claim| matches!(claim.resource, exclusive::Resource::SigningKey(_))) => {
            Signing::Examined
        }
        // With a pod only a claim tells which key it signs with.
        true if examined && pod.is_none() => Signing::Examined,
        true if rests && pod.is_none() => Signing::Examined,
        true => Signing::Unexamined,
    };
    Contender { node, created: subject.created, claims, signing, volume, pod }
}

fn uses(pod: &k8s::PodSpec) -> PodUse {
    PodUse { signing_secret: pod::signing_secret(pod), volume: pod::data_claim(pod) }
}

fn nothing() -> PodUse {
    PodUse { signing_secret: None, volume: None }
}

/// A pod of some node, running or on its way.
struct Seen {
    namespace: String,
    name: String,
    /// Name of the SeiNode that it says it belongs to.
    node: String,
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
        Some(Self {
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
            node: object.labels().get(names::NODE_LABEL)?.clone(),
            controller: pod::controller(object).map(|owner| owner.uid.clone()),
            created: created.map_or(Timestamp::MIN, |time| time.0),
            uses: object.spec.as_ref().map_or_else(nothing, uses),
        })
    }

    /// Whether it is this node's, and not a namesake's from before.
    fn is_of(&self, node: &SeiNode) -> bool {
        let created = node.metadata.creation_timestamp.as_ref();
        let secret = node.spec.validator.as_ref().and_then(|it| it.signing_key.as_ref());
        let secret = secret.and_then(|key| key.secret.as_ref()).map(|secret| secret.secret_name.as_str());
        let same_key = self.uses.signing_secret.is_none() || self.uses.signing_secret.as_deref() == secret;
        (self.namespace.as_str(), self.node.as_str())
            == (&node.namespace().unwrap_or_default(), &node.name_any())
            && created.is_none_or(|created| created.0 <= self.created)
            && same_key
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

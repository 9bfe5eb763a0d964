//! History of the pods, StatefulSets and SeiNodes of a namespace, and conclusions from it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::{
    api::{apps::v1::StatefulSet, core::v1::Pod},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::ResourceExt;
use seinode_api::SeiNode;

use crate::kit::rolling::seid_image;

/// Moment of an observed change.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The change, in the order of all changes of the cluster.
    pub change: u64,
    /// Our clock.
    pub seen: Timestamp,
    /// False for a deletion.
    stays: bool,
    /// False for an object that existed before the watch began.
    live: bool,
}

impl Moment {
    pub fn of(metadata: &ObjectMeta, stays: bool, live: bool) -> Self {
        let change = metadata.resource_version.as_deref().and_then(|version| version.parse().ok());
        Self { change: change.expect("etcd counts"), seen: Timestamp::now(), stays, live }
    }
}

/// Life of a pod.
#[derive(Clone, Debug)]
pub struct PodStory {
    pub uid: String,
    pub name: String,
    pub node: String,
    pub revision: Option<String>,
    pub image: String,
    /// UID of its StatefulSet.
    pub owner: Option<String>,
    /// Time at which its `seid` container was first seen running.
    pub ran: Option<Moment>,
    /// Time at which somebody deleted it.
    pub deleted: Option<Moment>,
}

/// State of a StatefulSet from a change on.
#[derive(Debug)]
struct SetState {
    change: u64,
    uid: Option<String>,
    /// Revision of a new pod, while its controller has seen the newest template.
    target: Option<String>,
}

#[derive(Debug)]
struct Reported {
    node: String,
    image: String,
    moment: Moment,
}

/// Everything that was seen.
#[derive(Debug, Default)]
pub struct History {
    /// In the order in which they came.
    pods: Vec<PodStory>,
    /// By name, which is that of the node; oldest first.
    sets: BTreeMap<String, Vec<SetState>>,
    current: BTreeMap<String, Option<String>>,
    reported: Vec<Reported>,
}

impl History {
    pub fn set(&mut self, moment: Moment, set: &StatefulSet) {
        let observed = set.status.as_ref().and_then(|status| status.observed_generation);
        let target = set.status.as_ref().and_then(|status| status.update_revision.clone());
        let state = SetState {
            change: moment.change,
            uid: set.uid(),
            target: target.filter(|_| {
                moment.stays
                    && set.metadata.deletion_timestamp.is_none()
                    && observed == set.metadata.generation
            }),
        };
        self.sets.entry(set.name_any()).or_default().push(state);
    }

    pub fn pod(&mut self, moment: Moment, pod: &Pod) {
        let Some(node) = pod.labels().get("sei.io/node").cloned() else { return };
        let (uid, owners) = (pod.uid().unwrap(), pod.owner_references());
        let index = self.pods.iter().position(|story| story.uid == uid).unwrap_or_else(|| {
            self.pods.push(PodStory {
                uid,
                name: pod.name_any(),
                node,
                revision: pod.labels().get("controller-revision-hash").cloned(),
                image: seid_image(pod),
                owner: owners.iter().find(|owner| owner.kind == "StatefulSet").map(|owner| owner.uid.clone()),
                ran: None,
                deleted: None,
            });
            self.pods.len() - 1
        });
        let story = &mut self.pods[index];
        let containers = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
        let runs = containers
            .filter(|it| it.name == "seid")
            .any(|it| it.state.as_ref().is_some_and(|state| state.running.is_some()));
        if runs && moment.stays {
            story.ran.get_or_insert(moment);
        }
        if !moment.stays || pod.metadata.deletion_timestamp.is_some() {
            story.deleted.get_or_insert(moment);
        }
    }

    pub fn node(&mut self, moment: Moment, node: &SeiNode) {
        let image = node.status.as_ref().and_then(|status| status.current_image.clone());
        let before = self.current.insert(node.name_any(), image.clone()).flatten();
        if let Some(image) = image.filter(|image| moment.live && before.as_ref() != Some(image)) {
            self.reported.push(Reported { node: node.name_any(), image, moment });
        }
    }

    pub fn pods_of(&self, node: &str) -> Vec<PodStory> {
        self.pods.iter().filter(|pod| pod.node == node).cloned().collect()
    }

    pub fn reported_images(&self, node: &str) -> Vec<String> {
        self.reported
            .iter()
            .filter(|reported| reported.node == node)
            .map(|reported| reported.image.clone())
            .collect()
    }

    /// Moves of `currentImage` to what no pod of the node ran at that moment.
    pub fn reported_too_early(&self) -> Vec<String> {
        let runs_then = |pod: &&PodStory, reported: &Reported| {
            let before =
                |moment: Option<Moment>| moment.is_some_and(|moment| moment.change < reported.moment.change);
            pod.node == reported.node
                && pod.image == reported.image
                && before(pod.ran)
                && !before(pod.deleted)
        };
        let lies =
            self.reported.iter().filter(|reported| !self.pods.iter().any(|pod| runs_then(&pod, reported)));
        lies.map(|reported| format!("{} at {}: {}", reported.node, reported.moment.change, reported.image))
            .collect()
    }

    /// Every pod that there was.
    pub fn pods(&self) -> &[PodStory] {
        &self.pods
    }

    /// Pods that were deleted at the target revision.
    pub fn deleted_at_target(&self) -> impl Iterator<Item = &PodStory> {
        self.pods.iter().filter(|pod| {
            let deleted = pod.deleted.as_ref().filter(|deleted| deleted.live);
            deleted.is_some_and(|deleted| {
                let states = self.sets.get(&pod.node).into_iter().flatten().rev();
                let then = states.into_iter().find(|state| state.change < deleted.change);
                then.is_some_and(|then| then.uid == pod.owner && then.target == pod.revision)
                    && pod.revision.is_some()
            })
        })
    }
}

//! Invariants that must hold once the world has come to rest: every node is where its newest spec wants it, or says why
//! not; and what the conditions say is true.

mod keys;
mod peers;
mod rollout;

use std::rc::Rc;

use seinode_api::conditions::find;
use seinode_api::{SeiNode, SeiNodeStatus, names, status::Phase};
use seinode_core::{
    adoption::Heritage,
    exclusive::{self, Hold, Resource},
    intent::{Activity, Intent, VolumeSource},
    node::{Deletion, Owner, Suspension},
    observation::{SEID, Volume},
    subject::Subject,
    task_type::TaskType,
};

use super::{Violation, brief};
use crate::{
    actors::{self, BAD},
    objects::{Key, Kind, Object, PodFacts},
    world::World,
};

/// Checks one node, which rests.
struct Rested<'a> {
    world: &'a World,
    key: Key,
    object: &'a SeiNode,
    subject: Subject,
    status: SeiNodeStatus,
}

/// Checks the whole world, which rests.
///
/// # Errors
/// The first invariant that does not hold.
pub fn hold(world: &World) -> Result<(), Violation> {
    for object in world.api.all() {
        if object.is_going() && !may_linger(world, object) {
            let message = format!("{} is being deleted for ever", object.key());
            return Err(Violation { invariant: "what is to go goes", message });
        }
    }
    for object in world.api.list(Kind::Node) {
        let Some(node) = object.node() else { continue };
        let status = node.status.clone().unwrap_or_default();
        let rested = Rested { world, key: object.key(), object: node, subject: Subject::of(node), status };
        rested.check()?;
    }
    Ok(())
}

/// A volume that is mounted is kept until its pod is gone.
fn may_linger(world: &World, object: &Object) -> bool {
    let name = object.meta().name.as_deref();
    let mut pods = world.api.list(Kind::Pod).filter_map(|pod| pod.pod());
    object.kind() == Kind::Volume && pods.any(|pod| pod.claim() == name)
}

impl Rested<'_> {
    fn check(&self) -> Result<(), Violation> {
        if self.subject.deletion == Deletion::Requested {
            return Err(self.broken("what is to go goes", "the SeiNode is still there"));
        }
        let Ok(intent) = &self.subject.intent else {
            return self.says("SpecValid", "False", "Invalid");
        };
        if self.subject.suspension == Suspension::On {
            return Ok(());
        }
        self.is(
            "observedGeneration is the generation",
            self.status.observed_generation == self.object.metadata.generation,
        )?;
        if intent.activity == Activity::Paused {
            self.is("a paused node has no pod", self.pod().is_none() && self.bootstrap_pod().is_none())?;
            self.says("Paused", "True", "Paused")?;
            return self.says("Ready", "False", "Paused");
        }
        if self.is_stopped()? {
            return Ok(());
        }
        self.says("Paused", "False", "NotPaused")?;
        self.facts(intent)?;
        if self.is_refused() {
            self.says("Ready", "False", "PodRefused")?;
            self.says_word("Ready", "exceeded quota")?;
            return self.says("Stalled", "True", "PodRefused");
        }
        if self.has_another_key(intent)? {
            return Ok(());
        }
        self.inherits()?;
        if self.truth("Adopted") == Some("False") && self.status.phase != Some(Phase::Running) {
            return self.is("a node that waits is not Ready", self.truth("Ready") == Some("False"));
        }
        if self.status.phase == Some(Phase::Running) && self.is_blocked(intent)? {
            return Ok(());
        }
        match self.obstacle(intent) {
            Some(Obstacle { condition, reason, names }) => {
                self.says(condition, "False", reason)?;
                self.says_word(condition, &names)?;
                self.is("a node that waits is not Ready", self.truth("Ready") == Some("False"))
            }
            None if self.waits_for_a_person() => self.says("Stalled", "True", "PlanFailed"),
            None if self.has_a_bad_beginning(intent) => {
                self.is("a node that waits is not Ready", self.truth("Ready") == Some("False"))
            }
            None => self.runs(intent),
        }
    }

    /// Nothing is wrong: the node is up, on its newest spec.
    fn runs(&self, intent: &Intent) -> Result<(), Violation> {
        self.is("a node with nothing wrong is Running", self.status.phase == Some(Phase::Running))?;
        self.is("a node that runs has no plan", self.status.plan.is_none())?;
        let Some(pod) = self.pod().and_then(|pod| pod.pod()) else {
            return Err(self.broken("a node with nothing wrong is Running", "it has no pod"));
        };
        let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
        let image = containers.into_iter().find(|it| it.name == SEID).and_then(|it| it.image.as_ref());
        self.is("the pod runs the image of the newest spec", image == Some(&intent.image))?;
        self.says("Ready", "True", "Running")?;
        self.is("currentImage is the pod's image", self.status.current_image.as_ref() == image)?;
        let job = self.key.beside(Kind::Job, &names::bootstrap_job(&self.key.name));
        self.is("a node that runs has no bootstrap Job", self.world.api.get(&job).is_none())?;
        if intent.key_secrets().is_some() {
            self.says("SigningKeyReady", "True", "SigningKeyValidated")?;
        }
        self.is_rolled_out(intent)?;
        self.knows_its_peers(intent)?;
        match intent.volume {
            _ if self.data_is_in_danger(intent).is_some() => Ok(()),
            VolumeSource::Own => self.says("DataVolumeReady", "True", "Owned"),
            VolumeSource::Import(_) => self.says("ImportPVCReady", "True", "PVCValidated"),
        }
    }

    /// Checks that what is said of the pod and its sidecar is true.
    fn facts(&self, intent: &Intent) -> Result<(), Violation> {
        // One that nothing controls is no pod of the node: a person orphaned it.
        let pod = self.pod().filter(|pod| pod.controller().is_some() && !self.has_a_foreign_set());
        let ready = pod.and_then(|pod| pod.pod()).is_some_and(PodFacts::is_ready);
        self.is("Available tells the truth", (self.truth("Available") == Some("True")) == ready)?;
        let open = pod.is_some_and(|pod| self.world.sidecars.is_open(pod.uid()));
        let told = match self.truth("SidecarReady") {
            Some("True") => open,
            Some("False") => !open,
            // Before the node runs nobody asks, and a pod that has not started does not answer.
            _ => {
                let answers = pod.is_some_and(|pod| self.world.sidecars.has(pod.uid()));
                self.status.phase != Some(Phase::Running) || !answers
            }
        };
        self.is("SidecarReady tells the truth", told)?;
        let both = pod.is_some() && self.bootstrap_pod().is_some();
        self.is("a node has one pod", !both)?;
        let stalled = self.truth("Stalled") == Some("True");
        let reconciling = self.truth("Reconciling") == Some("True");
        self.is("a node does not stall and reconcile at once", !(stalled && reconciling))?;
        let retained = find(&self.status.conditions, "VolumeRetained").map(|it| it.status == "True");
        let name = intent.data_volume(&self.subject.node);
        let Some(volume) = self.world.api.get(&self.key.beside(Kind::Volume, &name)) else { return Ok(()) };
        let kept = !volume.is_controlled_by(&self.subject.node.uid);
        self.is("VolumeRetained tells the truth", retained.is_none_or(|retained| retained == kept))
    }

    /// True if the node's pod is missing because the API server refuses it.
    fn is_refused(&self) -> bool {
        let ours = |kind, name: &str| {
            let found = self.world.api.get(&self.key.beside(kind, name));
            found.filter(|it| it.is_controlled_by(&self.subject.node.uid) && !it.is_going())
        };
        let pods =
            |owner: &Object| self.world.api.list(Kind::Pod).any(|pod| pod.is_controlled_by(owner.uid()));
        let job = ours(Kind::Job, &names::bootstrap_job(&self.key.name));
        let runs = |job: &&Rc<Object>| {
            job.job().is_some_and(|job| {
                !actors::is_finished(job) && job.spec.as_ref().is_some_and(|spec| spec.suspend != Some(true))
            })
        };
        let set = ours(Kind::Set, &self.key.name);
        let asks = |set: &&Rc<Object>| {
            set.set().and_then(|set| set.spec.as_ref()?.replicas).is_some_and(|replicas| replicas > 0)
        };
        let controller = job.filter(runs).or_else(|| set.filter(asks));
        controller.is_some_and(|it| actors::is_refused(self.world, it) && !pods(it) && self.pod().is_none())
    }

    /// A StatefulSet of the node's name that a predecessor has left.
    fn has_a_foreign_set(&self) -> bool {
        let set = self.world.api.get(&self.key.beside(Kind::Set, &self.key.name));
        set.is_some_and(|set| !set.is_controlled_by(&self.subject.node.uid))
    }

    /// Checks that all that its predecessor has left is the node's own, unless somebody else uses it.
    fn inherits(&self) -> Result<(), Violation> {
        let Some(from) = &self.subject.adopt else { return Ok(()) };
        if self.truth("Adopted") == Some("False") {
            let refused = find(&self.status.conditions, "Adopted").map(|it| it.reason.as_str());
            let excuses = ["InUse", "BeingDeleted", "Bootstrapping", "NothingFound", "AlreadyRunning"];
            return self
                .is("a refusal has a reason", refused.is_some_and(|reason| excuses.contains(&reason)));
        }
        let left = self.world.api.all().find(|object| {
            let is_child = matches!(object.kind(), Kind::Set | Kind::Service | Kind::Volume);
            is_child
                && object.meta().namespace.as_deref() == Some(&*self.key.namespace)
                && Heritage::of(&self.subject.node, from, object.meta()) == Heritage::Left
        });
        match left {
            None => Ok(()),
            Some(object) => Err(self.broken("what was left is handed over", &object.key().to_string())),
        }
    }

    /// Obstacle that keeps the node from running, seen from outside, and how it has to say so.
    fn obstacle(&self, intent: &Intent) -> Option<Obstacle> {
        if self.status.phase == Some(Phase::Running) {
            // It was adopted, and its pod was orphaned before it held its key.
            let people = &self.world.ledger.people;
            let stray =
                self.pod().filter(|pod| pod.controller().is_none() && people.unclaimed.contains(&self.key));
            if let Some(name) =
                stray.filter(|_| intent.key_secrets().is_some()).and_then(|it| it.meta().name.clone())
            {
                return Some(Obstacle::new("SigningKeyReady", "InUse", name));
            }
            return None;
        }
        let name = intent.data_volume(&self.subject.node);
        let volume = self.world.api.get(&self.key.beside(Kind::Volume, &name)).and_then(|it| it.volume());
        match (&intent.volume, volume) {
            (VolumeSource::Own, Some(pvc)) if pvc.metadata.deletion_timestamp.is_some() => {
                return Some(Obstacle::new("DataVolumeReady", "Terminating", String::new()));
            }
            (VolumeSource::Own, Some(pvc)) if Volume::of(&self.subject.node, pvc).owner != Owner::Us => {
                return Some(Obstacle::new("DataVolumeReady", "Foreign", name));
            }
            (VolumeSource::Import(_), None) => {
                return Some(Obstacle::new("ImportPVCReady", "PVCNotReady", name));
            }
            (VolumeSource::Import(_), Some(pvc)) if pvc.metadata.deletion_timestamp.is_some() => {
                return Some(Obstacle::new("ImportPVCReady", "PVCNotReady", name));
            }
            (VolumeSource::Import(_), Some(pvc)) => {
                let owner = pvc.metadata.owner_references.iter().flatten().next();
                if let Some(owner) = owner {
                    return Some(Obstacle::new("ImportPVCReady", "PVCInvalid", owner.name.clone()));
                }
                let maker = name.strip_prefix("data-").map(|maker| self.key.beside(Kind::Node, maker));
                let maker = maker.filter(|maker| self.world.api.get(maker).is_some());
                let maker = maker.map(|maker| format!("{}/{}", maker.namespace, maker.name));
                let stray = self.pod().filter(|pod| pod.controller().is_none());
                let stray = stray.and_then(|pod| pod.meta().name.clone());
                if let Some(holder) = maker.or_else(|| self.holder(&Resource::Volume(name))).or(stray) {
                    return Some(Obstacle::new("ImportPVCReady", "InUse", holder));
                }
            }
            (VolumeSource::Own, _) => {}
        }
        if let Some((secret, _)) = intent.key_secrets() {
            let secret = (self.subject.node.namespace.clone(), secret.to_owned());
            let key = self.world.secrets.get(&secret)?;
            if let Some(holder) = self.holder(&Resource::SigningKey(*key)).or_else(|| self.unexamined()) {
                return Some(Obstacle::new("SigningKeyReady", "InUse", holder));
            }
        }
        None
    }

    /// Another node of this namespace, or of any if it is a key, that holds the thing.
    fn holder(&self, resource: &Resource) -> Option<String> {
        let others = self.world.api.list(Kind::Node).filter_map(|object| object.node());
        others
            .filter(|other| other.metadata.uid.as_ref() != Some(&self.subject.node.uid))
            .filter(|other| match resource {
                Resource::SigningKey(_) => true,
                Resource::Volume(_) => {
                    other.metadata.namespace.as_ref() == Some(&self.subject.node.namespace)
                }
            })
            .find(|other| {
                let claims = other.status.as_ref().map_or(&[][..], |status| &status.claims);
                exclusive::hold(&exclusive::read(claims), resource) == Some(Hold::Held)
            })
            .map(|other| Subject::of(other).node.to_string())
    }

    /// An older signer that waits for something else: whether it has the same key nobody has looked yet.
    fn unexamined(&self) -> Option<String> {
        let created = &self.object.metadata.creation_timestamp;
        let others = self.world.api.list(Kind::Node).filter_map(|object| object.node());
        others
            .filter(|other| other.metadata.uid.as_ref() != Some(&self.subject.node.uid))
            .filter(|other| other.metadata.creation_timestamp <= *created)
            .map(|other| (Subject::of(other), other.status.clone().unwrap_or_default()))
            .filter(|(other, _)| other.intent.as_ref().is_ok_and(|intent| intent.key_secrets().is_some()))
            .find(|(_, status)| find(&status.conditions, "SigningKeyReady").is_none())
            .map(|(other, _)| other.node.to_string())
    }

    /// A node that was never up: its image is not there, or its volume is being deleted.
    fn has_a_bad_beginning(&self, intent: &Intent) -> bool {
        self.status.phase != Some(Phase::Running)
            && (intent.image.contains(BAD) || self.data_is_in_danger(intent).is_some())
    }

    /// Not safe to run again: a person has to look first.
    fn waits_for_a_person(&self) -> bool {
        let volume = self.world.api.get(&self.key.beside(Kind::Volume, &names::data_volume(&self.key.name)));
        volume.is_some_and(|volume| self.world.sidecars.has_failed(volume.uid(), TaskType::GenerateGentx))
            && self
                .status
                .plan
                .as_ref()
                .is_some_and(|plan| plan.phase == "Failed" && plan.next_attempt.is_none())
    }

    fn pod(&self) -> Option<&Object> {
        let pod = self.key.beside(Kind::Pod, &format!("{}-0", self.key.name));
        self.world.api.get(&pod).map(AsRef::as_ref)
    }

    fn bootstrap_pod(&self) -> Option<&Object> {
        let mut pods = self.world.api.list(Kind::Pod);
        let of_job = |pod: &Object| pod.controller().is_some_and(|owner| owner.kind == "Job");
        let pod = pods.find(|pod| of_job(pod) && pod.node_key().as_ref() == Some(&self.key));
        pod.filter(|pod| !pod.pod().is_some_and(PodFacts::has_ended)).map(AsRef::as_ref)
    }

    fn truth(&self, condition: &str) -> Option<&str> {
        find(&self.status.conditions, condition).map(|it| it.status.as_str())
    }

    fn says(&self, condition: &'static str, status: &str, reason: &str) -> Result<(), Violation> {
        let found = find(&self.status.conditions, condition);
        let found = found.map(|it| (it.status.as_str(), it.reason.as_str()));
        if found == Some((status, reason)) {
            return Ok(());
        }
        let words = format!("{condition} should be {status}/{reason} and is {found:?}");
        Err(self.broken("conditions tell the truth", &words))
    }

    fn says_word(&self, condition: &str, word: &str) -> Result<(), Violation> {
        let message = find(&self.status.conditions, condition).map_or("", |it| it.message.as_str());
        if message.contains(word) {
            return Ok(());
        }
        Err(self.broken("conditions tell the truth", &format!("{condition} does not name {word}: {message}")))
    }

    fn is(&self, invariant: &'static str, holds: bool) -> Result<(), Violation> {
        if holds { Ok(()) } else { Err(self.broken(invariant, "it does not")) }
    }

    fn broken(&self, invariant: &'static str, words: &str) -> Violation {
        Violation { invariant, message: format!("{}: {words}; {}", self.key, brief(&self.status)) }
    }
}

/// Obstacle that keeps a node from running, and how it has to say so.
struct Obstacle {
    condition: &'static str,
    reason: &'static str,
    /// Names that the message has to contain.
    names: String,
}

impl Obstacle {
    fn new(condition: &'static str, reason: &'static str, names: String) -> Self {
        Self { condition, reason, names }
    }
}

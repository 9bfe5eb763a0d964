//! Invariants of a node that was rolled out, or whose rollout waits, once the world has come to rest.

use k8s_openapi::api::core::v1::PodSpec;
use seinode_api::{conditions::find, names, status::Phase};
use seinode_core::{
    configuration, drift, edits,
    intent::{Intent, VolumeSource},
    observation::SIDECAR,
    peers::Peers,
    plan::{Plan, PlanKind},
    reconcile::holds_slot,
    render,
    task_type::TaskType,
};

use super::{Rested, Violation};
use crate::{
    actors::BAD,
    fields,
    objects::{Kind, Object, PodFacts},
    operator::{Operator, settings},
    sidecars::besides_peers,
};

impl Rested<'_> {
    /// True if it is an emergency stop that keeps the node from running; then it has to say so.
    pub(super) fn is_stopped(&self) -> Result<bool, Violation> {
        let replicas = self.set().and_then(|set| set.set()?.spec.as_ref()?.replicas);
        // A request to go on that came before the stop was noticed does not count.
        let noticed = self.status.scaled_by_hand.is_some();
        let people = &self.world.ledger.people;
        let by_a_person = people.stopped.contains(&self.key)
            || (noticed && people.spoiled.contains(&self.key.beside(Kind::Set, &self.key.name)));
        if replicas != Some(0) || !by_a_person {
            return Ok(false);
        }
        self.is("a stopped node has no pod", self.pod().is_none())?;
        self.says("Paused", "True", "ScaledByHand")?;
        self.says("Ready", "False", "Paused")?;
        Ok(true)
    }

    /// True if something keeps a node that runs from its newest spec; then it has to say so.
    pub(super) fn is_blocked(&self, intent: &Intent) -> Result<bool, Violation> {
        let plan = self.status.plan.as_ref().and_then(Plan::read);
        let updates = plan.is_some_and(|plan| plan.kind == PlanKind::NodeUpdate);
        if let Some(reason) = self.data_is_in_danger(intent) {
            let works = self.pod().is_some_and(|pod| self.world.sidecars.has(pod.uid()));
            let lost = reason == "Lost" && intent.volume == VolumeSource::Own;
            if works && !updates && !lost && self.pod_is_current() {
                return Ok(false);
            }
            self.is("a node that waits is not Ready", self.truth("Ready") == Some("False"))?;
            let watched = intent.volume == VolumeSource::Own;
            // The scheduler says itself why a pod that was made anew does not start.
            if self.pod().is_some() && updates && !self.pod_is_current() {
                self.says("DataVolumeReady", "False", reason)?;
                self.says("RolloutBlocked", "True", "DataVolumeNotReady")?;
            } else if watched {
                self.says("DataVolumeReady", "False", reason)?;
            }
            return Ok(true);
        }
        if intent.image.contains(BAD) {
            self.is("a node that waits is not Ready", self.truth("Ready") == Some("False"))?;
            if self.status.phase == Some(Phase::Running) && updates {
                self.says("RolloutBlocked", "True", "ImagePullBackOff")?;
            }
            return Ok(true);
        }
        let update = find(&self.status.conditions, "NodeUpdateInProgress");
        if update.is_some_and(|update| update.reason == "WaitingForSlot") {
            self.is("a node waits for a slot only while none is free", self.is_full())?;
            self.says("Ready", "False", "WaitingForSlot")?;
            return Ok(true);
        }
        Ok(false)
    }

    /// True if others have every slot that this node could get.
    fn is_full(&self) -> bool {
        let policy = self.world.operators.last().map(Operator::policy).unwrap_or_default();
        let others = || self.world.api.list(Kind::Node).filter(|other| other.key() != self.key);
        let holding = others().filter(|other| other.node().is_some_and(holds_slot)).count();
        let down = others().filter(|other| {
            let pod = self.world.api.get(&other.key().beside(Kind::Pod, &format!("{}-0", other.key().name)));
            let ready = pod.and_then(|pod| pod.pod()).is_some_and(PodFacts::is_ready);
            other.node().is_some_and(holds_slot) || !ready
        });
        let most = policy.unavailable.of(others().count() + 1);
        (policy.concurrent > 0 && holding >= policy.concurrent) || down.count() >= most
    }

    /// Why its volume would go with its pod, or is gone.
    pub(super) fn data_is_in_danger(&self, intent: &Intent) -> Option<&'static str> {
        let name = intent.data_volume(&self.subject.node);
        match self.world.api.get(&self.key.beside(Kind::Volume, &name)) {
            None => Some("Lost"),
            Some(volume) if volume.is_going() => Some("Terminating"),
            Some(_) => None,
        }
    }

    /// Nothing is wrong: pod, children, record and configuration are as the newest spec asks for.
    pub(super) fn is_rolled_out(&self, intent: &Intent) -> Result<(), Violation> {
        self.is("a restart that was asked for is done", drift::pending_restart(&self.status).is_none())?;
        let expected = self.world.ledger.people.restarted.get(&self.key);
        let orphaned = self.world.ledger.people.orphaned.contains(&self.key);
        let expected = expected.filter(|(node, _)| *node == self.subject.node.uid && !orphaned);
        let same = expected.is_some_and(|(_, pod)| self.pod().is_some_and(|it| it.uid() == pod));
        self.is("a restart that was asked for replaces the pod", !same)?;
        self.is("no update is said to go on", self.truth("NodeUpdateInProgress") != Some("True"))?;
        self.is("a node that runs is not blocked", self.truth("RolloutBlocked") == Some("False"))?;
        self.is("the baseline is the spec", self.status.baseline == intent.spec_hashes().record())?;
        let set_key = self.key.beside(Kind::Set, &self.key.name);
        let spoiled = self.world.ledger.people.spoiled.contains(&set_key);
        let adopted = self.world.ledger.people.adopted.contains(&self.key);
        let outdated = find(&self.status.conditions, "TemplateOutdated");
        let outdated = outdated.filter(|it| it.status == "True").map(|it| it.reason.as_str());
        let labels = intent.label_sources().next().is_some();
        let tolerated = match outdated {
            None => true,
            Some("Adopted") => adopted,
            Some("ConfigurationChanged") => labels || adopted,
            // A repair restarts no pod.
            Some("PodOutdated") => spoiled || adopted || self.world.ledger.races,
            // One of two that believe to lead may put back what the other has applied for a newer spec.
            Some(_) => self.world.ledger.races,
        };
        self.is("the template is up to date", tolerated)?;
        // What a person changed before an adopted node was first seen is taken for what the node has.
        let said = outdated == Some("PodOutdated") || (outdated == Some("Adopted") && spoiled);
        let current = said || self.pod_is_current() || self.world.ledger.races;
        self.is("the pod is of the newest revision", current)?;
        self.has_its_children(intent, outdated)?;
        let Some(pod) = self.pod().and_then(|pod| pod.pod()?.spec.as_ref()) else { return Ok(()) };
        if outdated.is_none() {
            let sidecar = image(pod, SIDECAR) == Some(&intent.sidecar.image);
            self.is("the pod has the sidecar of the newest spec", sidecar)?;
        }
        if outdated.is_none() && !adopted {
            self.is_configured(intent)?;
        }
        self.is("the pod runs on the volume that there is", self.is_on_its_volume(intent))
    }

    fn has_its_children(&self, intent: &Intent, outdated: Option<&str>) -> Result<(), Violation> {
        let node = &self.subject.node;
        let service = self.world.api.get(&self.key.beside(Kind::Service, &self.key.name));
        let (Some(set), Some(service)) = (self.set(), service) else {
            return Err(self.broken("a node that runs has its children", "one is missing"));
        };
        let wanted = fields::json(&render::service(node, intent).into());
        let edits = edits::of("Service", &fields::json(service), &wanted);
        // What an adopted node has when it is first seen is taken for what it should have.
        let adopted = self.world.ledger.people.adopted.contains(&self.key);
        if !adopted && !edits.is_empty() {
            return Err(self.broken("children are as rendered", &format!("{edits:?}")));
        }
        let rendered: Object = render::stateful_set(node, intent, &settings()).into();
        let edits = edits::of("StatefulSet", &fields::json(set), &fields::json(&rendered));
        if outdated.is_none() && !edits.is_empty() {
            return Err(self.broken("children are as rendered", &format!("{edits:?}")));
        }
        let hash = |set: &Object| set.annotation(names::TEMPLATE_HASH_ANNOTATION).map(str::to_owned);
        let same = hash(set) == hash(&rendered);
        self.is(
            "children are as rendered",
            matches!(outdated, Some("Adopted" | "ConfigurationChanged")) || same || self.world.ledger.races,
        )
    }

    /// Checks that what was written to the volume last is what the spec asks for, its peers included.
    fn is_configured(&self, intent: &Intent) -> Result<(), Violation> {
        let volume = self.pod().and_then(|pod| self.world.sidecars.volume(pod.uid()));
        let Some(volume) = volume else { return Ok(()) };
        let Some(config) = self.world.sidecars.written(volume, TaskType::ConfigApply) else { return Ok(()) };
        let wanted = configuration::payload(intent, &Peers::default());
        let same = besides_peers(config) == besides_peers(&Some(wanted));
        self.is("the configuration is that of the spec", same)?;
        self.has_its_peers(intent, volume)
    }

    fn is_on_its_volume(&self, intent: &Intent) -> bool {
        let name = intent.data_volume(&self.subject.node);
        let there = self.world.api.get(&self.key.beside(Kind::Volume, &name)).map(|volume| volume.uid());
        let uses = self.pod().and_then(|pod| self.world.sidecars.volume(pod.uid()));
        // Another PVC of the name that is imported is a person's doing, and so is a pod that was kept when its StatefulSet and
        // its node were deleted, while its volume was taken away by force.
        let own = intent.volume == VolumeSource::Own;
        let kept = self.world.ledger.people.orphaned.contains(&self.key);
        !own || kept || there.is_none() || uses.is_none() || there == uses
    }

    fn pod_is_current(&self) -> bool {
        let status = self.set().and_then(|set| set.set()?.status.as_ref());
        let revision = status.and_then(|status| status.update_revision.as_deref());
        self.pod().is_some_and(|pod| pod.label(names::REVISION_LABEL) == revision)
    }

    fn set(&self) -> Option<&Object> {
        self.world.api.get(&self.key.beside(Kind::Set, &self.key.name)).map(AsRef::as_ref)
    }
}

fn image<'a>(pod: &'a PodSpec, name: &str) -> Option<&'a String> {
    let all = pod.init_containers.iter().flatten().chain(&pod.containers);
    all.into_iter().find(|it| it.name == name).and_then(|it| it.image.as_ref())
}

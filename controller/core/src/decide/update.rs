//! Begins a rollout: a node that runs follows its spec.

use std::collections::BTreeMap;

use seinode_api::SeiNodeStatus;
use serde_json::json;

use super::{
    platform, restart,
    slot::{self, Admission},
    state_sync,
    turn::{Turn, rest},
};
use crate::{
    configuration,
    decision::Act,
    drift::{Reason, SpecHashes},
    ids::PlanId,
    intent::Intent,
    observation::{Observation, Slot},
    plan::{
        Plan, PlanKind, init,
        update::{self, Background, Configuration},
    },
    task::Until,
};

/// Why a node whose spec has drifted does nothing.
pub(super) const WAITS_FOR_A_SLOT: &str = "the rollout waits for a slot: see NodeUpdateInProgress";

/// Rule: what drifted from the spec is rolled out as soon as there is a slot, and so is a restart that was asked for, and a
/// pod that cannot run as it is.
pub(super) fn roll_out(turn: &mut Turn<'_>) -> Option<Act> {
    let has_drifted = !drift(turn.intent, turn.next, turn.seen).is_empty()
        || restart::is_due(turn.next)
        || platform::is_outdated(turn.seen);
    let waits = matches!(turn.seen.slot, Some(Slot::Taken(_)));
    (has_drifted && !waits).then(|| {
        turn.failures = 0;
        begin(turn, None)
    })
}

/// Reasons to roll the spec out. A node without a record takes what it has as its baseline: of an adopted one only an
/// image that its pod does not run is news.
fn drift(intent: &Intent, next: &mut SeiNodeStatus, seen: &Observation) -> Vec<Reason> {
    let spec_hashes = intent.spec_hashes();
    next.baseline = adopt(&spec_hashes, &next.baseline, seen);
    let mut drift = spec_hashes.drift(&next.baseline);
    if !drift.contains(&Reason::Image) && runs_another_image(intent, seen) {
        drift.push(Reason::Image);
    }
    drift
}

fn adopt(
    hashes: &SpecHashes,
    record: &BTreeMap<String, String>,
    seen: &Observation,
) -> BTreeMap<String, String> {
    let mut complete = hashes.complete(record);
    let image = Reason::Image.as_str();
    if !record.contains_key(image) {
        match seen.pod().and_then(|pod| pod.seid_image.as_ref()) {
            Some(runs) => complete.insert(image.to_owned(), Reason::Image.entry(&json!(runs))),
            None => complete.remove(image),
        };
    }
    complete
}

/// True if the pod is from a template that somebody changed. One of the present revision is never replaced for it.
fn runs_another_image(intent: &Intent, seen: &Observation) -> bool {
    let revision = seen.stateful_set.as_ref().and_then(|sts| sts.update_revision.as_ref());
    seen.pod().is_some_and(|pod| {
        pod.seid_image.as_ref() != Some(&intent.image)
            && revision.is_some()
            && pod.revision.as_ref() != revision
    })
}

/// Makes the plan that rolls the spec out, as soon as the node has a slot.
pub(super) fn begin(turn: &mut Turn<'_>, supersedes: Option<PlanId>) -> Act {
    match slot::admit(turn) {
        Admission::Admitted => {}
        Admission::Act(act) => return act,
        Admission::Waits => return rest(WAITS_FOR_A_SLOT, Until::Event),
    }
    let (intent, seen) = (turn.intent, turn.seen);
    let drift = drift(intent, turn.next, seen);
    let configuration = configuration(intent, turn.next, &drift, seen);
    let running = |kind: &str| turn.next.background.iter().any(|task| task.type_ == kind);
    let begins = drift.contains(&Reason::SnapshotGeneration)
        && init::background(&intent.mode).is_some_and(|wanted| !running(wanted.as_str()));
    let background = if begins { Background::Begins } else { Background::GoesOn };
    let tasks = update::tasks(intent, configuration, background);
    if configuration == Configuration::Changed {
        // Until it is given: what is on the volume cannot be told while it is on its way.
        turn.next.configured = Some(state_sync::carried(turn, None));
    }
    let uid = &turn.subject.node.uid;
    let plan = Plan::new(PlanKind::NodeUpdate, uid, intent.target(), seen.now, turn.failures, &tasks);
    turn.next.plan = Some(Plan { supersedes, ..plan }.write(None));
    Act::Store
}

/// Need to give the sidecar the configuration: because the spec changed it, or because peers or our own part of it
/// changed since it was given last, which starts no plan but goes with the next. An empty set of peers is not brought:
/// the node would lose those that it has.
fn configuration(
    intent: &Intent,
    next: &SeiNodeStatus,
    drift: &[Reason],
    seen: &Observation,
) -> Configuration {
    let by_spec = [Reason::Overrides, Reason::Peers, Reason::SnapshotGeneration];
    let given = next.configured.as_ref().is_none_or(|given| {
        let has_peers = intent.label_sources().next().is_some();
        given.config == Some(configuration::hash(intent))
            && (!has_peers
                || seen.peers.addresses().is_empty()
                || given.peers == Some(configuration::peers_hash(&seen.peers)))
    });
    match given && !drift.iter().any(|reason| by_spec.contains(reason)) {
        true => Configuration::Same,
        false => Configuration::Changed,
    }
}

//! Rollouts: a node that runs follows its spec.

use std::collections::BTreeMap;

use seinode_api::SeiNodeStatus;
use serde_json::json;

use super::rest;
use crate::{
    answer::Question,
    configuration,
    decision::Act,
    drift::{Reason, Wishes},
    ids::PlanId,
    intent::Intent,
    observation::{Observation, Slot},
    plan::{
        Plan, PlanKind, init,
        update::{self, Background, Configuration},
    },
    subject::Subject,
    task::Until,
};

/// What of the spec is to be rolled out. A node without a record takes what it has as its baseline: of an adopted one only
/// an image that its pod does not run is news.
pub(super) fn drift(intent: &Intent, next: &mut SeiNodeStatus, seen: &Observation) -> Vec<Reason> {
    let wishes = intent.wishes();
    next.baseline = adopt(&wishes, &next.baseline, seen);
    let mut drift = wishes.drift(&next.baseline);
    if !drift.contains(&Reason::Image) && runs_another_image(intent, seen) {
        drift.push(Reason::Image);
    }
    drift
}

fn adopt(wishes: &Wishes, record: &BTreeMap<String, String>, seen: &Observation) -> BTreeMap<String, String> {
    let mut complete = wishes.complete(record);
    let image = Reason::Image.as_str();
    if !record.contains_key(image) {
        match seen.pod().and_then(|pod| pod.seid_image.as_ref()) {
            Some(runs) => complete.insert(image.to_owned(), Reason::Image.entry(&json!(runs))),
            None => complete.remove(image),
        };
    }
    complete
}

/// A pod that was made from a template which somebody changed. One of the present revision is never replaced for it.
fn runs_another_image(intent: &Intent, seen: &Observation) -> bool {
    let revision = seen.workload.as_ref().and_then(|set| set.update_revision.as_ref());
    seen.pod().is_some_and(|pod| {
        pod.seid_image.as_ref() != Some(&intent.image)
            && revision.is_some()
            && pod.revision.as_ref() != revision
    })
}

/// Makes the plan that rolls the spec out, as soon as the node may begin.
pub(super) fn begin(
    subject: &Subject,
    intent: &Intent,
    next: &mut SeiNodeStatus,
    seen: &Observation,
    failures: u32,
    supersedes: Option<PlanId>,
) -> Act {
    match &seen.slot {
        None => return Act::Look(Question::Slot),
        Some(Slot::Granted) => {}
        Some(Slot::Taken(_)) => {
            return rest("the rollout waits for a slot: see NodeUpdateInProgress", Until::Event);
        }
    }
    let drift = drift(intent, next, seen);
    let configuration = configuration(intent, next, &drift, seen);
    let begins = drift.contains(&Reason::SnapshotGeneration)
        && init::background(&intent.mode)
            .is_some_and(|wanted| !next.background.iter().any(|task| task.type_ == wanted.as_str()));
    let background = if begins { Background::Begins } else { Background::GoesOn };
    let tasks = update::tasks(intent, configuration, background);
    if configuration == Configuration::Changed {
        // Until it is known again: what is on the volume cannot be told while it is on its way.
        next.configured = Some(seinode_api::status::ConfiguredStatus::default());
    }
    let plan =
        Plan::new(PlanKind::NodeUpdate, &subject.node.uid, intent.target(), seen.now, failures, &tasks);
    next.plan = Some(Plan { supersedes, ..plan }.write(None));
    Act::Persist
}

/// Whether the sidecar has to be given the configuration: because the spec changed it, or because peers or our own part of
/// it changed since it was given it last, which starts no plan but goes with the next. Peers that are all gone are no
/// news to bring: an empty list is waited for (W19), and the node would stand still meanwhile.
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
                || seen.peers.is_empty()
                || given.peers == Some(configuration::peers_hash(&seen.peers)))
    });
    match given && !drift.iter().any(|reason| by_spec.contains(reason)) {
        true => Configuration::Same,
        false => Configuration::Changed,
    }
}

//! Objects that our last writes of StatefulSet and Service returned, kept in status: any difference was made by
//! somebody else. Never compared with what would be rendered today: a newer operator changes nothing by itself.

use std::collections::BTreeMap;

use seinode_api::{
    SeiNodeStatus,
    status::{ServiceStatus, StatefulSetStatus},
};

use crate::{
    node::Owner,
    observation::{ServiceView, StatefulSetView},
    render,
    subject::Subject,
};

/// Kinds of children, as they are told to people.
pub(crate) const STATEFUL_SET: &str = "StatefulSet";
/// The headless Service.
pub(crate) const SERVICE: &str = "Service";

/// The StatefulSet was applied.
pub(crate) fn applied_stateful_set(subject: &Subject, status: &mut SeiNodeStatus, set: &StatefulSetView) {
    let labels = ours(subject, &set.labels);
    status.children.get_or_insert_default().stateful_set = Some(StatefulSetStatus {
        uid: set.uid.clone(),
        generation: Some(set.generation),
        replicas: Some(set.replicas),
        labels,
    });
    status.scaled_by_hand = None;
}

/// The StatefulSet is as somebody left it, and stays so: it was adopted, or what was changed is not ours.
pub(crate) fn accept_stateful_set(subject: &Subject, status: &mut SeiNodeStatus, set: &StatefulSetView) {
    let by_hand = status.scaled_by_hand.take();
    applied_stateful_set(subject, status, set);
    status.scaled_by_hand = by_hand;
}

/// Its replicas were set. If somebody else changed it since it was seen, that is still to be found.
pub(crate) fn scaled(status: &mut SeiNodeStatus, before: Option<&StatefulSetView>, set: &StatefulSetView) {
    let Some(record) = status.children.as_mut().and_then(|children| children.stateful_set.as_mut()) else {
        return;
    };
    if record.uid != set.uid {
        return;
    }
    record.replicas = Some(set.replicas);
    let as_left = before.is_some_and(|before| record.generation == Some(before.generation));
    if as_left && before.is_some_and(|before| set.generation <= before.generation.saturating_add(1)) {
        record.generation = Some(set.generation);
    }
}

/// It has no pod because the spec wants none: whoever set its replicas to 0, it is ours to set them back.
pub(crate) fn stopped_by_us(status: &mut SeiNodeStatus, set: &StatefulSetView) {
    let record = &mut status.children.get_or_insert_default().stateful_set;
    let known = record.get_or_insert_with(|| StatefulSetStatus {
        uid: set.uid.clone(),
        generation: Some(set.generation),
        ..StatefulSetStatus::default()
    });
    known.replicas = Some(0);
}

/// Somebody took an emergency stop back. When its replicas are 0 again, that is another one.
pub(crate) fn started_by_hand(status: &mut SeiNodeStatus, set: &StatefulSetView) {
    let record = status.children.as_mut().and_then(|children| children.stateful_set.as_mut());
    if let Some(record) = record.filter(|record| record.uid == set.uid) {
        record.replicas = Some(set.replicas);
    }
}

/// Marks what is known of a child as doubtful: it is looked at again.
pub(crate) fn doubt(status: &mut SeiNodeStatus, kind: &str) {
    let Some(children) = &mut status.children else { return };
    match (kind, &mut children.stateful_set, &mut children.service) {
        (STATEFUL_SET, Some(set), _) => set.generation = None,
        (SERVICE, _, Some(service)) => service.digest.clear(),
        _ => {}
    }
}

/// The Service was applied, or is as somebody left it.
pub(crate) fn applied_service(subject: &Subject, status: &mut SeiNodeStatus, service: &ServiceView) {
    let labels = ours(subject, &service.labels);
    let (uid, digest) = (service.uid.clone(), service.digest.clone());
    status.children.get_or_insert_default().service = Some(ServiceStatus { uid, digest, labels });
}

/// The kinds of the children that are others than before.
pub(crate) fn restored(before: &SeiNodeStatus, after: &SeiNodeStatus) -> impl Iterator<Item = &'static str> {
    let uids = |status: &SeiNodeStatus| {
        let children = status.children.clone().unwrap_or_default();
        [children.stateful_set.map(|set| set.uid), children.service.map(|service| service.uid)]
    };
    let pairs = [STATEFUL_SET, SERVICE].into_iter().zip(uids(before).into_iter().zip(uids(after)));
    pairs.filter(|(_, (old, new))| old.is_some() && new.is_some() && old != new).map(|(kind, _)| kind)
}

/// The StatefulSet as our last write of it returned it.
pub(crate) fn recorded_set(status: &SeiNodeStatus) -> Option<&StatefulSetStatus> {
    status.children.as_ref()?.stateful_set.as_ref()
}

/// Difference of a child from what our last write of it returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    /// It does not, as far as can be told.
    None,
    /// Nothing is known of it: the earlier operator made it.
    Unknown,
    /// Somebody changed it, or put another in its place.
    Changed,
}

/// Difference of the StatefulSet. One that is older than what we wrote does not count: the watch is behind.
pub(crate) fn stateful_set_differs(status: &SeiNodeStatus, set: &StatefulSetView) -> Difference {
    let record = recorded_set(status);
    let Some(record) = record else { return Difference::Unknown };
    let behind = record.generation.is_some_and(|generation| set.generation < generation);
    let same = record.generation == Some(set.generation) && holds(&record.labels, &set.labels);
    match (record.uid == set.uid, same && set.owner == Owner::Us) {
        (true, _) if behind => Difference::None,
        (true, true) => Difference::None,
        (true, false) | (false, _) => Difference::Changed,
    }
}

/// Difference of the Service.
pub(crate) fn service_differs(status: &SeiNodeStatus, service: &ServiceView) -> Difference {
    let record = status.children.as_ref().and_then(|children| children.service.as_ref());
    let Some(record) = record else { return Difference::Unknown };
    let same = record.uid == service.uid
        && record.digest == service.digest
        && holds(&record.labels, &service.labels)
        && service.owner == Owner::Us;
    if same { Difference::None } else { Difference::Changed }
}

fn holds(ours: &BTreeMap<String, String>, labels: &BTreeMap<String, String>) -> bool {
    ours.iter().all(|(key, value)| labels.get(key) == Some(value))
}

/// Labels of an object that we give it.
fn ours(subject: &Subject, labels: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let Ok(intent) = &subject.intent else { return BTreeMap::new() };
    let rendered = render::child_labels(&subject.node, intent);
    labels
        .iter()
        .filter(|(key, _)| rendered.contains_key(*key))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect()
}

//! How often a field was put back after somebody changed it by hand: two who never agree must not go on for ever.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use seinode_api::status::RepairStatus;

use crate::{edits::Edit, time::stored};

/// Repairs of the same field that are further apart than this are no dispute.
const WINDOW: SignedDuration = SignedDuration::from_mins(10);
/// So often a field is put back within that time.
const MOST: usize = 2;

/// Forgets what is over. Returns the kinds of the children that were left as somebody else wanted them until now.
pub(crate) fn forget(repairs: &mut Vec<RepairStatus>, now: Timestamp) -> BTreeSet<String> {
    let is_over = |time: &Time| now.duration_since(time.0) >= WINDOW;
    let settled = |repair: &RepairStatus| is_contested(repair) && repair.times.first().is_none_or(is_over);
    let objects = repairs.iter().filter(|repair| settled(repair)).map(|it| it.object.clone()).collect();
    repairs.retain(|repair| !settled(repair));
    repairs.iter_mut().for_each(|repair| repair.times.retain(|time| !is_over(time)));
    repairs.retain(|repair| !repair.times.is_empty());
    objects
}

/// Whether any of these fields was put back as often as it may be.
pub(crate) fn exhausted(repairs: &[RepairStatus], edits: &[Edit]) -> bool {
    edits.iter().any(|edit| find(repairs, edit).is_some_and(|repair| repair.times.len() >= MOST))
}

/// Remembers that these fields are put back now, or would be if they had not been so often.
pub(crate) fn note(repairs: &mut Vec<RepairStatus>, edits: &[Edit], now: Timestamp) {
    for edit in edits {
        let known = repairs.iter_mut().find(|repair| is_of(repair, edit));
        match known {
            Some(repair) => {
                repair.manager.clone_from(&edit.manager);
                repair.times.push(stored(now));
            }
            None => repairs.push(RepairStatus {
                object: edit.object.to_owned(),
                field: edit.field.clone(),
                manager: edit.manager.clone(),
                times: vec![stored(now)],
            }),
        }
    }
}

/// The fields that are left as somebody else wants them.
pub(crate) fn contested(repairs: &[RepairStatus]) -> impl Iterator<Item = &RepairStatus> {
    repairs.iter().filter(|repair| is_contested(repair))
}

/// When the next of them is forgotten.
pub(crate) fn next(repairs: &[RepairStatus]) -> Option<Timestamp> {
    contested(repairs)
        .filter_map(|repair| repair.times.first())
        .map(|time| crate::time::after(time.0, WINDOW))
        .min()
}

pub(crate) fn is_contested(repair: &RepairStatus) -> bool {
    repair.times.len() > MOST
}

fn find<'a>(repairs: &'a [RepairStatus], edit: &Edit) -> Option<&'a RepairStatus> {
    repairs.iter().find(|repair| is_of(repair, edit))
}

fn is_of(repair: &RepairStatus, edit: &Edit) -> bool {
    (repair.object.as_str(), &repair.field) == (edit.object, &edit.field)
}

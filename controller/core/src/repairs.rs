//! Count of how often a field was put back after a change by hand: two who never agree must not go on for ever.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use seinode_api::status::RepairStatus;

use crate::{edits::Edit, time::stored};

/// Repairs of the same field that are further apart than this are no dispute.
const WINDOW: SignedDuration = SignedDuration::from_mins(10);
/// Number of times that a field is put back within that time.
const MOST: usize = 2;
/// A field with so many times is contested.
const CONTESTED: usize = 3;
/// Fields of a StatefulSet that are never left as somebody else wants them.
const GUARDED: [&str; 3] = ["spec.replicas", "spec.ordinals", "spec.updateStrategy"];
/// Most fields that are remembered, the newest.
const FIELDS: usize = 32;

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

/// True if a field was put back as often as it may be. Fields that could give the node a second pod always are.
pub(crate) fn is_exhausted(repairs: &[RepairStatus], edit: &Edit) -> bool {
    let is_guarded = GUARDED.iter().any(|field| edit.field.starts_with(field));
    !is_guarded && repairs.iter().any(|repair| is_of(repair, edit) && repair.times.len() >= MOST)
}

/// Remembers that an edit was reverted now, so that its field is not contested, or not any more.
pub(crate) fn reverted(repairs: &mut Vec<RepairStatus>, edit: &Edit, now: Timestamp) {
    remember(repairs, edit, |times| {
        times.push(stored(now));
        times.drain(..times.len().saturating_sub(MOST));
    });
}

/// Remembers that an edit was left as it is: its field is contested from now on. One that is contested already is, however
/// often it is edited.
pub(crate) fn left(repairs: &mut Vec<RepairStatus>, edit: &Edit, now: Timestamp) {
    remember(repairs, edit, |times| times.resize_with(times.len().max(CONTESTED), || stored(now)));
}

/// The field that was edited last is the last one.
fn remember(repairs: &mut Vec<RepairStatus>, edit: &Edit, note: impl FnOnce(&mut Vec<Time>)) {
    let known = repairs.iter().position(|repair| is_of(repair, edit));
    let mut repair = known.map(|index| repairs.remove(index)).unwrap_or_default();
    note(&mut repair.times);
    let (object, field, manager) = (edit.object.to_owned(), edit.field.clone(), edit.manager.clone());
    repairs.push(RepairStatus { object, field, manager, times: repair.times });
    let surplus = repairs.len().saturating_sub(FIELDS);
    repairs.drain(..surplus);
}

/// The fields that are left as somebody else wants them.
pub(crate) fn contested(repairs: &[RepairStatus]) -> impl Iterator<Item = &RepairStatus> {
    repairs.iter().filter(|repair| is_contested(repair))
}

/// Time at which the next of them is forgotten.
pub(crate) fn next(repairs: &[RepairStatus]) -> Option<Timestamp> {
    contested(repairs)
        .filter_map(|repair| repair.times.first())
        .map(|time| crate::time::after(time.0, WINDOW))
        .min()
}

pub(crate) fn is_contested(repair: &RepairStatus) -> bool {
    repair.times.len() >= CONTESTED
}

fn is_of(repair: &RepairStatus, edit: &Edit) -> bool {
    (repair.object.as_str(), &repair.field) == (edit.object, &edit.field)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(field: usize) -> Edit {
        let (path, value, manager) = (Vec::new(), None, "kubectl".into());
        Edit { object: "StatefulSet", field: field.to_string(), manager, path, value }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn an_edit_that_was_left_once_is_contested_until_the_window_ends() {
        let mut repairs = Vec::new();
        left(&mut repairs, &edit(0), at(0));
        assert_eq!(contested(&repairs).count(), 1);
        let before = repairs.clone();
        left(&mut repairs, &edit(0), at(9));
        assert_eq!(repairs, before, "however often");
        assert_eq!(forget(&mut repairs, at(600)), BTreeSet::from(["StatefulSet".to_owned()]));
        assert_eq!(repairs, []);
    }

    #[test]
    fn a_field_that_may_give_a_second_pod_is_always_put_back() {
        let edit = |field: &str| Edit { field: field.into(), ..edit(0) };
        let mut repairs = Vec::new();
        for second in 0..9 {
            for field in ["spec.replicas", "spec.ordinals", "spec.updateStrategy.type", "spec.template"] {
                reverted(&mut repairs, &edit(field), at(second));
            }
        }
        for field in ["spec.replicas", "spec.ordinals", "spec.updateStrategy.type"] {
            assert!(!is_exhausted(&repairs, &edit(field)), "{field}");
        }
        assert!(is_exhausted(&repairs, &edit("spec.template")));
        assert_eq!(contested(&repairs).count(), 0, "all of them were put back");
    }

    #[test]
    fn of_any_number_of_fields_the_newest_are_remembered() {
        let mut repairs = Vec::new();
        for field in 0..10_000 {
            reverted(&mut repairs, &edit(field), at(1));
            reverted(&mut repairs, &edit(0), at(1));
        }
        let fields: Vec<_> = repairs.iter().map(|it| it.field.as_str()).collect();
        assert_eq!((fields.len(), fields[FIELDS - 2], fields[FIELDS - 1]), (FIELDS, "9999", "0"));
    }
}

//! Replacement of a pod, and the check that its successor is what was asked for.

use jiff::Timestamp;
use seinode_api::SeiNode;

use jiff::SignedDuration;

use super::*;
use crate::{
    observation::{Trouble, examples},
    platform::{Bucket, ResultExport},
    subject::Subject,
};

fn now() -> Timestamp {
    Timestamp::from_second(1_000_000).unwrap()
}

/// A node whose StatefulSet was given another template: its pod is of revision r1, the next one is of r2.
fn seen() -> Observation {
    let bucket = Bucket { name: "b".into(), region: "r".into() };
    let mut seen = Observation::empty(now(), ResultExport { bucket, prefix: "p".into() });
    seen.stateful_set = Some(StatefulSetView {
        generation: 2,
        observed_generation: 2,
        update_revision: Some("r2".into()),
        ..examples::workload()
    });
    seen.pods = vec![examples::pod()];
    seen.data = Some(DataCheck::Safe);
    seen
}

fn applied() -> StatefulSetStatus {
    StatefulSetStatus { uid: "set".into(), generation: Some(2), ..StatefulSetStatus::default() }
}

fn replace(change: impl FnOnce(&mut Observation)) -> Step {
    let mut seen = seen();
    change(&mut seen);
    replace_pod(Some(&applied()), None, &seen)
}

fn set(seen: &mut Observation) -> &mut StatefulSetView {
    seen.stateful_set.as_mut().unwrap()
}

#[track_caller]
fn waits(step: Step, words: &str) {
    match step {
        Step::Wait(wait) => assert!(wait.why.contains(words), "{words:?} is missing in {:?}", wait.why),
        other => panic!("it does not wait for {words:?}: {other:?}"),
    }
}

fn deletes() -> Step {
    Step::Do(Effect::DeletePod { name: "n0-0".into(), uid: "pod-0".into(), version: "1".into() })
}

#[test]
fn a_pod_of_an_earlier_revision_is_deleted_by_uid_and_version() {
    assert_eq!(replace(|_| ()), deletes());
    let unready = |seen: &mut Observation| {
        seen.pods[0].ready = false;
        seen.pods[0].seid = Container::Down;
    };
    assert_eq!(replace(unready), deletes(), "a node that was halted on purpose is unready");
}

#[test]
fn a_pod_that_never_ran_keeps_no_data() {
    let pending = |data| {
        replace(|seen| {
            seen.pods[0].ip = None;
            seen.data = Some(data);
        })
    };
    assert_eq!(pending(DataCheck::Unbound), deletes());
    assert_eq!(pending(DataCheck::Missing), deletes());
    waits(pending(DataCheck::Going(None)), "only the pod keeps it");
    waits(replace(|seen| seen.data = Some(DataCheck::Unbound)), "not bound");
    waits(replace(|seen| seen.data = Some(DataCheck::Missing)), "missing");
}

#[test]
fn the_pod_of_a_restart_is_deleted_whatever_its_revision() {
    let mut seen = seen();
    seen.pods[0].revision = Some("r2".into());
    assert_eq!(replace_pod(Some(&applied()), Some("pod-0"), &seen), deletes());
    assert_eq!(replace_pod(Some(&applied()), Some("its predecessor"), &seen), Step::Done);
}

#[test]
fn a_pod_of_the_present_revision_is_never_deleted() {
    assert_eq!(replace(|seen| seen.pods[0].revision = Some("r2".into())), Step::Done);
    // A -> B -> A: the pod never left A, and `currentRevision` is not asked (W5).
    assert_eq!(replace(|seen| set(seen).update_revision = Some("r1".into())), Step::Done);
}

#[test]
fn what_was_not_made_by_the_controller_is_left_alone() {
    assert_eq!(replace(|seen| seen.pods[0].revision = None), Step::Done);
    assert_eq!(replace(|seen| seen.pods[0].stateful_set_uid = Some("other".into())), Step::Done);
    assert_eq!(replace(|seen| seen.pods.clear()), Step::Done);
}

#[test]
fn nothing_is_decided_before_the_controller_has_seen_what_was_applied() {
    waits(replace(|seen| set(seen).observed_generation = 1), "has not seen its new template");
    // The watch shows the set from before our own apply, with the revision of its pod (W28).
    let behind = |seen: &mut Observation| seen.stateful_set = Some(examples::workload());
    waits(replace(behind), "has not seen its new template");
    waits(replace(|seen| set(seen).update_revision = None), "has not named a revision");
    waits(replace(|seen| seen.stateful_set = None), "is missing");
}

#[test]
fn more_than_one_replica_fails_for_good() {
    match replace(|seen| set(seen).replicas = 2) {
        Step::Hopeless(why) => assert!(why.contains("asks for 2 pods"), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_pod_that_goes_is_waited_for_and_one_that_hangs_is_named_with_its_time() {
    let end = now() + SignedDuration::from_secs(60);
    let goes = |seen: &mut Observation| {
        seen.pods[0].deletion = Deletion::Requested;
        seen.pods[0].going = Some((now(), end));
    };
    let step = replace(goes);
    waits(step.clone(), &format!("pod n0-0 is being deleted since {}", now()));
    assert!(matches!(step, Step::Wait(wait) if wait.until == Until::At(end + HANGS_AFTER)));
    let mut later = seen();
    goes(&mut later);
    assert!(!later.pods[0].hangs(later.now));
    later.now = end + HANGS_AFTER;
    assert!(later.pods[0].hangs(later.now));
}

#[test]
fn no_pod_goes_while_its_volume_may_go_with_it() {
    assert_eq!(replace(|seen| seen.data = None), Step::Fetch(Query::Data));
    waits(replace(|seen| seen.data = Some(DataCheck::Going(None))), "only the pod keeps it");
    waits(replace(|seen| seen.data = Some(DataCheck::Missing)), "is missing");
    waits(replace(|seen| seen.data = Some(DataCheck::Unbound)), "is not bound");
}

fn observe(change: impl FnOnce(&mut Observation)) -> Step {
    let object: SeiNode = serde_norway::from_str(
        "{metadata: {name: n0, namespace: sei, uid: u}, spec: {chainId: c, image: 'seid:2', fullNode: {}}}",
    )
    .unwrap();
    let mut seen = seen();
    seen.pods[0].revision = Some("r2".into());
    seen.pods[0].seid_image = Some("seid:2".into());
    change(&mut seen);
    observe_image(&Subject::of(&object).intent.unwrap(), Some(&applied()), &seen)
}

#[test]
fn an_image_is_observed_when_a_pod_of_the_present_revision_runs_it() {
    assert_eq!(observe(|_| ()), Step::Done);
    waits(observe(|seen| seen.pods[0].seid = Container::Down), "the pod is starting");
    waits(observe(|seen| seen.pods[0].revision = Some("r1".into())), "has not made the new pod yet");
    waits(observe(|seen| seen.pods[0].deletion = Deletion::Requested), "has not made the new pod yet");
    waits(observe(|seen| seen.pods[0].seid_image = Some("mirror/seid:2".into())), "instead of seid:2");
    assert_eq!(
        observe(|seen| set(seen).replicas = 0),
        Step::Do(Effect::Scale(Replicas::One)),
        "it was paused"
    );
}

#[test]
fn what_keeps_the_new_pod_from_running_is_told() {
    let trouble = |since| Trouble { reason: "ImagePullBackOff", message: "no such image".into(), since };
    let down = |seen: &mut Observation, since| {
        seen.pods[0].seid = Container::Down;
        seen.pods[0].trouble = Some(trouble(since));
    };
    waits(observe(|seen| down(seen, None)), "no such image");
    let soon = now() + SignedDuration::from_secs(9);
    let step = observe(|seen| down(seen, Some(soon)));
    assert!(matches!(step, Step::Wait(wait) if wait.until == Until::At(soon)), "until then it is ordinary");
}

//! Children that somebody deleted or edited, and the emergency stop.

use seinode_api::status::{ChildrenStatus, ServiceStatus, StatefulSetStatus};

use super::*;
use crate::{
    edits::Edit,
    effect::{Outcome, Replicas},
    fold::{fold_fetched, fold_outcome},
    observation::{LiveStatefulSet, Pod, Rendering, ServiceView, StatefulSetView, examples},
    plan::PlanKind,
    platform::{Bucket, ResultExport},
    query::Fetched,
};

/// A node that runs, and everything as we left it.
fn running() -> (Subject, SeiNodeStatus, Observation) {
    let object = "{metadata: {name: n0, namespace: sei, uid: uid-0, generation: 1}, \
                   spec: {chainId: c, image: 'seid:1', fullNode: {}}}";
    let subject = Subject::of(&serde_norway::from_str(object).unwrap());
    let set = StatefulSetStatus {
        uid: "set".into(),
        generation: Some(1),
        replicas: Some(1),
        ..StatefulSetStatus::default()
    };
    let service = ServiceStatus { uid: "service".into(), digest: "d".into(), ..ServiceStatus::default() };
    let status = SeiNodeStatus {
        phase: Some(Phase::Running),
        current_image: Some("seid:1".into()),
        baseline: subject.intent.as_ref().unwrap().spec_hashes().record(),
        children: Some(ChildrenStatus { stateful_set: Some(set), service: Some(service) }),
        ..SeiNodeStatus::default()
    };
    let bucket = Bucket { name: "b".into(), region: "r".into() };
    let now = Timestamp::from_second(1_000_000).unwrap();
    let mut seen = Observation::empty(now, ResultExport { bucket, prefix: "p".into() });
    seen.stateful_set = Some(examples::workload());
    seen.service = Some(examples::headless());
    seen.pods = vec![examples::pod()];
    seen.volume = Some(super::world::volume("v", Owner::Us, Deletion::Absent));
    seen.rendering = Some(Rendering { template: "t".into(), service: "d".into() });
    fold_fetched(&mut seen, Fetched::Health(Ok(Health::Ready)));
    (subject, status, seen)
}

fn edited() -> StatefulSetView {
    StatefulSetView { generation: 2, ..examples::workload() }
}

fn live(stateful_set: Option<StatefulSetView>, field: &str) -> Fetched {
    let edits = field.split_whitespace().map(|field| Edit {
        object: "StatefulSet",
        field: field.into(),
        manager: "kubectl-edit".into(),
        path: vec![format!("f:{field}")],
        value: Some(1.into()),
    });
    let edits = edits.collect();
    Fetched::StatefulSet(LiveStatefulSet { stateful_set, edits, scaled_by: Some("kubectl".into()) })
}

/// Somebody edits fields, and the node is looked at until it rests. Says what was done.
fn edit(node: &mut (Subject, SeiNodeStatus, Observation), fields: &str) -> Vec<Effect> {
    edit_beside(node, fields, "")
}

/// The same, where an admission webhook edits some of them again.
fn edit_beside(node: &mut (Subject, SeiNodeStatus, Observation), fields: &str, again: &str) -> Vec<Effect> {
    let (subject, status, seen) = node;
    let generation = seen.stateful_set.as_ref().unwrap().generation + 1;
    let mine = StatefulSetView { generation, ..examples::workload() };
    seen.stateful_set = Some(mine.clone());
    let mut done = Vec::new();
    loop {
        let Decision { status: next, act } = decide(subject, status, seen);
        *status = next;
        match act {
            Act::Fetch(Query::StatefulSet) => {
                fold_fetched(seen, live(Some(mine.clone()), fields));
            }
            Act::Perform(effect) => {
                done.push(effect.clone());
                let there = |edit: &Edit| again.contains(&edit.field);
                let left = match effect {
                    Effect::RepairStatefulSet(left) => left,
                    _ => Vec::new(),
                };
                let mut kept = seen.live_stateful_set.as_ref().unwrap().edits.clone();
                kept.retain(|edit| left.contains(edit) || there(edit));
                let applied = StatefulSetView { generation: generation + 1, ..mine.clone() };
                fold_outcome(subject, status, seen, Outcome::StatefulSetApplied(applied, kept));
            }
            Act::Rest(_) => {
                seen.live_stateful_set = None;
                return done;
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_is_as_we_left_it_needs_no_look() {
    let (subject, status, seen) = running();
    assert!(matches!(decide(&subject, &status, &seen).act, Act::Rest(Rest { why: None, .. })));
}

#[test]
fn a_hand_edit_is_put_back_and_remembered() {
    let mut node = running();
    assert_eq!(edit(&mut node, "spec.template"), [Effect::ApplyStatefulSet]);
    let [repair] = &node.1.repairs[..] else { panic!("{:?}", node.1.repairs) };
    assert_eq!((&*repair.field, &*repair.manager, repair.times.len()), ("spec.template", "kubectl-edit", 1));
    assert_eq!(edit(&mut node, ""), [], "what is not ours to say is left as it is");
    assert_eq!(node.1.children.unwrap().stateful_set.unwrap().generation, Some(4), "and is no news any more");
}

#[test]
fn the_third_repair_of_a_field_within_ten_minutes_is_not_made_until_they_are_over() {
    let mut node = running();
    let contested =
        |node: &(Subject, SeiNodeStatus, Observation)| condition(&node.1, "Contested").0 == "True";
    for _ in 0..2 {
        assert_eq!(edit(&mut node, "spec.template"), [Effect::ApplyStatefulSet]);
        node.2.now += SignedDuration::from_secs(10);
    }
    assert_eq!(
        edit(&mut node, "spec.replicas"),
        [Effect::ApplyStatefulSet],
        "another field is another matter"
    );
    assert!(!contested(&node));
    assert_eq!(edit(&mut node, "spec.template"), []);
    assert!(contested(&node), "{:#?}", node.1.repairs);
    let Act::Rest(rest) = decide(&node.0, &node.1, &node.2).act else { panic!("it does not rest") };
    let over = node.2.now + SignedDuration::from_secs(580);
    assert_eq!(rest.until, Until::At(over), "the first repair was twenty seconds ago");
    node.2.now = over;
    assert_eq!(decide(&node.0, &node.1, &node.2).act, Act::Fetch(Query::StatefulSet));
    node.2.now -= SignedDuration::from_secs(1);
    assert_eq!(edit(&mut node, "spec.template"), [], "not before");
    // A person who asks for it does not have to wait.
    node.0.retry = Some("now".into());
    assert_eq!(edit(&mut node, "spec.template"), [Effect::ApplyStatefulSet]);
    assert!(!contested(&node));
}

/// Events of the repairs since an earlier status.
fn heard(before: &SeiNodeStatus, after: &SeiNodeStatus) -> Vec<(&'static str, String)> {
    let events = crate::events::between(before, after);
    events
        .into_iter()
        .filter(|event| event.action == "Repair")
        .map(|event| (event.reason, event.note))
        .collect()
}

#[test]
fn a_contested_field_shields_no_other_field() {
    let mut node = running();
    for _ in 0..2 {
        assert_eq!(edit(&mut node, "spec.template.a"), [Effect::ApplyStatefulSet]);
    }
    let before = node.1.clone();
    let done = edit(&mut node, "spec.template.a spec.template.b");
    let [Effect::RepairStatefulSet(left)] = &done[..] else { panic!("{done:?}") };
    assert_eq!(left.iter().map(|edit| edit.field.as_str()).collect::<Vec<_>>(), ["spec.template.a"]);
    let heard = heard(&before, &node.1);
    let [("FieldContested", contested), ("HandEditRepaired", repaired)] = &heard[..] else {
        panic!("{heard:?}")
    };
    assert!(contested.contains("spec.template.a") && repaired.contains("spec.template.b"), "{heard:?}");
    // Those that come after it are reverted as well.
    let done = edit(&mut node, "spec.template.a spec.template.c");
    assert!(matches!(&done[..], [Effect::RepairStatefulSet(_)]), "{done:?}");
}

#[test]
fn an_edit_that_comes_back_in_the_same_request_is_not_called_reverted() {
    let mut node = running();
    let before = node.1.clone();
    edit_beside(&mut node, "spec.template.a spec.template.b", "spec.template.a");
    let heard = heard(&before, &node.1);
    let of = |field: &str| heard.iter().find(|(_, note)| note.contains(field)).map(|(reason, _)| *reason);
    assert_eq!(of("spec.template.a"), Some("FieldContested"), "{heard:?}");
    assert_eq!(of("spec.template.b"), Some("HandEditRepaired"), "{heard:?}");
}

#[test]
fn a_second_replica_is_taken_back_however_often() {
    let mut node = running();
    for _ in 0..9 {
        assert_eq!(edit(&mut node, "spec.replicas"), [Effect::ApplyStatefulSet]);
    }
    assert_eq!(condition(&node.1, "Contested").0, "False");
}

#[test]
fn a_child_that_is_gone_is_put_back_after_a_live_look() {
    let (subject, status, mut seen) = running();
    seen.stateful_set = None;
    assert_eq!(decide(&subject, &status, &seen).act, Act::Fetch(Query::StatefulSet));
    fold_fetched(&mut seen, live(None, ""));
    assert_eq!(decide(&subject, &status, &seen).act, Act::Perform(Effect::ApplyStatefulSet));
    let (subject, status, mut seen) = running();
    seen.service = None;
    assert_eq!(decide(&subject, &status, &seen).act, Act::Perform(Effect::ApplyService));
    let (mut subject, status, mut seen) = running();
    seen.stateful_set = None;
    subject.deletion = Deletion::Requested;
    assert!(matches!(decide(&subject, &status, &seen).act, Act::Rest(_)), "not for a node that goes");
}

#[test]
fn an_edited_service_is_put_back() {
    let (subject, status, mut seen) = running();
    seen.service = Some(ServiceView { digest: "other".into(), ..examples::headless() });
    assert_eq!(decide(&subject, &status, &seen).act, Act::Fetch(Query::Service));
}

#[test]
fn replicas_0_by_hand_is_an_emergency_stop_until_somebody_takes_it_back() {
    let (mut subject, status, mut seen) = running();
    let stopped = StatefulSetView { replicas: 0, ..edited() };
    seen.stateful_set = Some(stopped.clone());
    seen.pods.clear();
    assert_eq!(decide(&subject, &status, &seen).act, Act::Fetch(Query::StatefulSet));
    fold_fetched(&mut seen, live(Some(stopped), "spec.replicas"));
    let Decision { status, act } = decide(&subject, &status, &seen);
    assert!(matches!(act, Act::Rest(_)), "{act:?}");
    assert_eq!(condition(&status, "Paused").1, "ScaledByHand");
    assert!(
        condition(&status, "Paused").2.starts_with("kubectl scaled"),
        "{:?}",
        condition(&status, "Paused")
    );
    seen.live_stateful_set = None;
    assert!(matches!(decide(&subject, &status, &seen).act, Act::Rest(_)), "nobody is asked again");
    let started = StatefulSetView { generation: 3, replicas: 1, ..edited() };
    seen.stateful_set = Some(started);
    let again = decide(&subject, &status, &seen).status;
    assert_eq!(again.scaled_by_hand, None);
    let stopped = StatefulSetView { generation: 4, replicas: 0, ..edited() };
    let second = Observation { stateful_set: Some(stopped.clone()), ..seen.clone() };
    assert_eq!(decide(&subject, &again, &second).act, Act::Fetch(Query::StatefulSet), "it is another stop");
    seen.stateful_set = Some(StatefulSetView { generation: 2, ..stopped });
    subject.retry = Some("go".into());
    assert_eq!(decide(&subject, &status, &seen).act, Act::Perform(Effect::Scale(Replicas::One)));
}

#[test]
fn replicas_0_by_us_is_no_emergency_stop_even_where_the_write_that_said_so_was_lost() {
    let (subject, status, mut seen) = running();
    let stopped = StatefulSetView { replicas: 0, ..edited() };
    seen.stateful_set = Some(stopped.clone());
    seen.pods.clear();
    let fact = LiveStatefulSet { stateful_set: Some(stopped), edits: Vec::new(), scaled_by: None };
    fold_fetched(&mut seen, Fetched::StatefulSet(fact));
    assert_eq!(decide(&subject, &status, &seen).act, Act::Perform(Effect::Scale(Replicas::One)));
}

#[test]
fn an_adopted_set_is_taken_as_it_is() {
    let (subject, mut status, mut seen) = running();
    status.children = None;
    status.baseline.clear();
    seen.stateful_set = Some(StatefulSetView { generation: 7, template_hash: None, ..examples::workload() });
    let Decision { status, act } = decide(&subject, &status, &seen);
    assert!(matches!(act, Act::Rest(Rest { why: None, .. })), "{act:?}");
    assert_eq!(status.children.clone().unwrap().stateful_set.unwrap().generation, Some(7));
    assert_eq!(status.baseline, subject.intent.as_ref().unwrap().spec_hashes().record());
    assert_eq!(condition(&status, "TemplateOutdated").1, "Adopted");
}

#[test]
fn an_adopted_node_whose_pod_runs_another_image_is_rolled_out() {
    let (subject, mut status, mut seen) = running();
    status.children = None;
    status.baseline.clear();
    seen.pods = vec![Pod { seid_image: Some("seid:0".into()), ..examples::pod() }];
    assert_eq!(decide(&subject, &status, &seen).act, Act::TakeSlot);
}

/// A repair that fails must not keep `seid` down, whatever it is.
#[test]
fn a_failing_repair_starves_nothing() {
    let (subject, status, mut seen) = running();
    seen.volume.as_mut().unwrap().mark = crate::observation::Mark::Unmarked;
    fold_fetched(&mut seen, Fetched::Health(Ok(Health::NotReady)));
    assert!(matches!(decide(&subject, &status, &seen).act, Act::Perform(Effect::MarkVolume(_))));
    let message = "exceeded quota".to_owned();
    seen.failed_repair = Some(Failure { class: Class::User, message });
    let Decision { status, act } = decide(&subject, &status, &seen);
    assert_eq!((act, plan(&status).kind), (Act::Store, PlanKind::MarkReady));
    // When the gate is open, the node says what keeps it from being as it should be.
    fold_fetched(&mut seen, Fetched::Health(Ok(Health::Ready)));
    let told = decide(&subject, &SeiNodeStatus { plan: None, ..status }, &seen).status;
    assert_eq!(condition(&told, "Ready"), ("False", "Waiting", "exceeded quota"));
}

#[test]
fn a_failing_repair_does_not_hold_an_update() {
    let (_, mut status, mut seen) = running();
    let spec = "{metadata: {name: n0, namespace: sei, uid: uid-0, generation: 2}, \
                 spec: {chainId: c, image: 'seid:1', fullNode: {}, overrides: {evm.http_port: '1'}}}";
    let subject = Subject::of(&serde_norway::from_str(spec).unwrap());
    let target = subject.intent.as_ref().unwrap().target();
    let tasks = [TaskType::ApplyStatefulset, TaskType::ApplyService, TaskType::MarkReady];
    let mut update = Plan::new(PlanKind::NodeUpdate, "uid-0", target, seen.now, 0, &tasks);
    update.complete_current();
    update.complete_current();
    status.plan = Some(update.write(None));
    seen.service = None;
    assert!(matches!(decide(&subject, &status, &seen).act, Act::Perform(Effect::ApplyService)));
    seen.failed_repair = Some(Failure { class: Class::User, message: "exceeded quota".into() });
    let act = decide(&subject, &status, &seen).act;
    assert!(!matches!(act, Act::Perform(Effect::ApplyService) | Act::Rest(_)), "{act:?}");
}

/// A volume that is to stay is marked before the finalizer comes off.
#[test]
fn a_node_that_is_being_deleted_waits_for_its_volume() {
    let (mut subject, status, mut seen) = running();
    subject.deletion = Deletion::Requested;
    subject.finalizer = LegacyFinalizer::Present;
    seen.failed_repair = Some(Failure { class: Class::User, message: "denied".into() });
    assert!(matches!(decide(&subject, &status, &seen).act, Act::Rest(_)));
}

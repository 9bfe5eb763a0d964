//! Tasks and plans that fail, are refused or get no answer: what is tried again, when, and in whose words it is told.

use super::*;

#[test]
fn a_failed_task_without_budget_fails_the_plan_in_the_sidecars_words_and_is_tried_again_later() {
    let mut world = World::new(&full_node(""));
    world.failing.insert(TaskType::ConfigApply, "unknown override key \"no.such\"".into());
    world.settle();
    assert_eq!(world.stored.phase, Some(Phase::Failed));
    let (_, reason, message) = condition(&world.stored, "Ready");
    assert_eq!(reason, "PlanFailed");
    assert!(
        message.contains("unknown override key \"no.such\"") && message.contains("next attempt at"),
        "{message}"
    );

    world.failing.clear();
    world.settle();
    assert_eq!(world.stored.phase, Some(Phase::Failed), "it waits for the stated time");
    world.now += SignedDuration::from_secs(12);
    world.settle();
    assert_eq!(world.stored.phase, Some(Phase::Running));
}

#[test]
fn a_task_with_budget_is_tried_again_under_a_new_id_after_its_pause() {
    let ceremony = "genesisCeremony: {chainId: c, stakingAmount: 1usei, accountBalance: 2usei, index: 0}";
    let mut world = World::new(&format!("  chainId: c\n  image: seid:1\n  validator: {{{ceremony}}}\n"));
    world.failing.insert(TaskType::SetGenesisPeers, "no list yet".into());
    world.settle();
    let first = plan(&world.stored).current().unwrap().clone();
    assert_eq!((first.attempt, first.error.as_deref()), (1, Some("no list yet")));
    assert!(world.stored.plan.as_ref().unwrap().message.as_ref().unwrap().contains("is tried again"));
    world.failing.clear();
    world.now += SignedDuration::from_secs(10);
    world.settle();
    assert_eq!(world.stored.phase, Some(Phase::Running));
}

#[test]
fn a_genesis_transaction_that_failed_is_not_run_again_before_a_person_asks() {
    let ceremony = "genesisCeremony: {chainId: c, stakingAmount: 1usei, accountBalance: 2usei, index: 0}";
    let mut world = World::new(&format!("  chainId: c\n  image: seid:1\n  validator: {{{ceremony}}}\n"));
    world.failing.insert(TaskType::GenerateGentx, "half done".into());
    world.settle();
    world.now += SignedDuration::from_hours(24);
    world.settle();
    let runs = |world: &World| world.done.iter().filter(|done| *done == "generate-gentx").count();
    assert_eq!(runs(&world), 1);
    let (status, reason, message) = condition(&world.stored, "Stalled");
    assert_eq!((status, reason), ("True", "PlanFailed"));
    assert!(message.contains("half done") && message.contains("sei.io/retry"), "{message}");
    world.failing.clear();
    world.subject.retry = Some("cleaned".into());
    world.settle();
    assert_eq!((runs(&world), world.stored.phase), (2, Some(Phase::Running)));
}

#[test]
fn a_new_retry_annotation_tries_at_once_and_only_once() {
    let mut world = World::new(&full_node(""));
    world.failing.insert(TaskType::ConfigApply, "no".into());
    world.settle();
    assert_eq!(world.plans.len(), 1);
    world.subject.retry = Some("please".into());
    world.now += SignedDuration::from_secs(1);
    world.settle();
    assert_eq!(world.plans.len(), 2);
    assert_eq!(world.stored.last_retry.as_deref(), Some("please"));
    world.settle();
    assert_eq!(world.plans.len(), 2, "the same value asks no second time");

    world.failing.clear();
    world.failing.insert(TaskType::ConfigureGenesis, "not yet".into());
    world.subject.retry = Some("again".into());
    world.now += SignedDuration::from_secs(1);
    world.settle();
    assert!(plan(&world.stored).current().unwrap().not_before.is_some());
    world.failing.clear();
    world.subject.retry = Some("now".into());
    world.settle();
    assert_eq!(world.stored.phase, Some(Phase::Running), "also the pause of a task is cut short");
}

#[test]
fn a_task_that_the_sidecar_refuses_is_not_sent_again_blindly() {
    let mut world = World::new(&full_node(""));
    world.rejecting = Some("unknown task type: configure-genesis".into());
    world.settle();
    assert_eq!(world.stored.phase, Some(Phase::Failed));
    let message = condition(&world.stored, "Ready").2;
    assert!(message.contains("the sidecar refused it: unknown task type"), "{message}");
}

#[test]
fn a_task_whose_store_was_lost_is_handed_over_again_with_the_reason() {
    let mut world = World::new(&full_node(""));
    world.slow.insert(TaskType::ConfigApply);
    world.settle();
    assert_eq!(world.done.last().map(String::as_str), Some("config-apply"));
    world.reports.clear();
    world.settle();
    let task = plan(&world.stored).current().unwrap().clone();
    assert_eq!(task.error.as_deref(), Some("the sidecar no longer knew the task and was given it again"));
    world.slow.clear();
    world.finish_running();
    world.settle();
    assert_eq!(world.stored.phase, Some(Phase::Running));
}

#[test]
fn mark_ready_is_done_when_the_gate_is_open_and_not_before() {
    let mut world = World::new(&full_node(""));
    world.restart_after_mark_ready = true;
    world.settle();
    assert_ne!(world.stored.phase, Some(Phase::Running), "the gate is shut");
    world.now += SignedDuration::from_secs(10);
    world.settle();
    assert_eq!(world.stored.phase, Some(Phase::Running));
    assert_eq!(world.done.iter().filter(|done| *done == "mark-ready").count(), 2);
}

#[test]
fn a_silent_sidecar_is_waited_for_and_the_status_says_why() {
    let mut world = World::new(&full_node(""));
    world.silent = Some(Unreachable::Timeout);
    let rest = world.settle();
    assert_eq!(rest.until, Until::Retry(Class::Transient));
    let message = condition(&world.stored, "Ready").2;
    assert_eq!(message, "configure-genesis (4/8): the sidecar does not answer in time");
}

#[test]
fn what_the_api_server_refuses_is_told_and_tried_again() {
    let mut world = World::new(&full_node(""));
    let failure = Failure { class: Class::Denied, message: "apply StatefulSet n0: forbidden".into() };
    world.refusing = Some(failure);
    let rest = world.settle();
    assert_eq!(rest.until, Until::Retry(Class::Denied));
    assert_eq!(condition(&world.stored, "Stalled").0, "True");
    assert!(condition(&world.stored, "Ready").2.contains("apply StatefulSet n0: forbidden"));
    world.refusing = None;
    world.settle();
    assert_eq!(world.stored.phase, Some(Phase::Running));
}

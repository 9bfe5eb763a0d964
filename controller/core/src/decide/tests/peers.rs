//! Peers: a node comes up with those that are known, tells who is missing, and never loses its gate over them.

use seinode_api::SeiNode;

use super::*;
use crate::peers::tests::peer;

const ID: &str = "2bfcc8af7412d87ce35ece1cebe7813b011cb3d1";
const OTHER: &str = "00fcc8af7412d87ce35ece1cebe7813b011cb3d1";
const LABEL: &str = "{label: {selector: {role: sentry}}}";
const EC2: &str = "{ec2Tags: {region: r, tags: {a: b}}}";

fn selecting(sources: &str) -> String {
    full_node(&format!("  peers: [{sources}]\n"))
}

fn sentry(name: &str, id: Option<&str>) -> SeiNode {
    peer("sei", name, "sentry", id)
}

/// The list of peers that config-apply was last given; empty when it was given none.
fn given(world: &World) -> &str {
    world.given(TaskType::ConfigApply)["overrides"]["network.p2p.persistent_peers"]
        .as_str()
        .unwrap_or_default()
}

fn runs(world: &World, task: TaskType) -> usize {
    world.done.iter().filter(|done| *done == task.as_str()).count()
}

#[test]
fn a_node_publishes_the_id_that_its_sidecar_tells() {
    let mut world = World::new(&full_node(""));
    world.slow.insert(TaskType::ConfigureGenesis);
    world.settle();
    assert_eq!(world.stored.node_id, Some(world.node_id.to_string()), "before any other task is done");
}

#[test]
fn an_empty_set_of_peers_is_legal_and_told() {
    let mut world = World::new(&selecting(LABEL));
    world.settle();
    assert_eq!((world.stored.phase, given(&world)), (Some(Phase::Running), ""));
    let (status, reason, message) = condition(&world.stored, "PeersResolved");
    assert_eq!((status, reason), ("False", "NoPeers"));
    assert!(message.contains("role=sentry in namespace sei"), "{message}");
    assert_eq!(condition(&world.stored, "Ready").0, "True");
}

#[test]
fn an_empty_source_is_left_out_and_told() {
    let mut world = World::new(&selecting(&format!("{LABEL}, {{static: {{addresses: ['x@h:1']}}}}")));
    world.settle();
    assert_eq!((world.stored.phase, given(&world)), (Some(Phase::Running), "x@h:1"));
    assert_eq!(condition(&world.stored, "PeersResolved").1, "NoMatch");
}

#[test]
fn a_new_node_gives_peers_that_come_up_a_moment() {
    let mut world = World::new(&selecting(LABEL));
    (world.sidecar_since, world.others) =
        (Some(world.now), vec![sentry("s0", Some(OTHER)), sentry("s1", None)]);
    world.settle();
    let waits = plan(&world.stored).current().map(|task| task.kind);
    assert_eq!((waits, runs(&world, TaskType::ConfigApply)), (Some(TaskType::ConfigApply), 0));
    assert_eq!(condition(&world.stored, "PeersResolved").1, "Unresolved");

    let mut known = world;
    known.now += SignedDuration::from_secs(1);
    known.others[1] = sentry("s1", Some(ID));
    known.settle();
    assert_eq!(given(&known), format!("{OTHER}@s0.sei.svc:26656,{ID}@s1.sei.svc:26656"));
    assert_eq!(condition(&known.stored, "PeersResolved").0, "True");
}

#[test]
fn a_peer_that_stays_silent_is_left_out_and_told() {
    let mut world = World::new(&selecting(LABEL));
    (world.sidecar_since, world.others) =
        (Some(world.now), vec![sentry("s0", Some(OTHER)), sentry("s1", None)]);
    world.settle();
    world.now += SignedDuration::from_secs(31);
    world.settle();
    assert_eq!(world.stored.phase, Some(Phase::Running));
    assert_eq!(given(&world), format!("{OTHER}@s0.sei.svc:26656"));
    let (_, reason, message) = condition(&world.stored, "PeersResolved");
    assert_eq!(reason, "Unresolved");
    assert!(message.contains("s1.sei.svc") && !message.contains("s0.sei.svc"), "{message}");
}

#[test]
fn an_update_waits_for_no_peer_and_keeps_the_last_known() {
    let mut world = World::new(&selecting(LABEL));
    world.others = vec![sentry("s0", Some(ID))];
    world.settle();
    // It is recreated, and its sidecar is not up yet.
    world.others = vec![sentry("s0", None), sentry("s1", None)];
    world.sidecar_since = Some(world.now);
    world.edit(&(selecting(LABEL) + "  overrides: {evm.http_port: '1'}\n"));
    world.settle();
    assert_eq!((runs(&world, TaskType::ConfigApply), world.stored.plan.as_ref()), (2, None));
    assert_eq!(given(&world), format!("{ID}@s0.sei.svc:26656"));
    assert_eq!(world.stored.resolved_peers, [format!("{ID}@s0.sei.svc:26656"), "s1.sei.svc".into()]);
}

#[test]
fn a_peer_that_came_back_as_another_is_told_and_restarts_nobody() {
    let mut world = World::new(&selecting(LABEL));
    world.others = vec![sentry("s0", Some(ID))];
    world.settle();
    let plans = world.plans.len();
    world.others = vec![sentry("s0", Some(OTHER))];
    let mut seen = world.observe();
    seen.rendering = Some(crate::observation::Rendering { template: "t".into(), service: "s".into() });
    seen.own_id = crate::observation::OwnId::Is(world.node_id.clone());
    seen.gate = Some(Ok(Health::Ready));
    let told = decide(&world.subject, &world.stored, &seen).status;
    let (status, reason, message) = condition(&told, "TemplateOutdated");
    assert_eq!((status, reason), ("True", "ConfigurationChanged"));
    assert!(message.contains("s0.sei.svc came back with another node id"), "{message}");
    world.settle();
    assert_eq!(world.plans.len(), plans);

    world.edit(&selecting(LABEL).replace("seid:1", "seid:2"));
    world.settle();
    let configures = |it: &crate::task::Task| it.kind == TaskType::ConfigApply;
    assert!(plan(&world.stored).tasks.iter().any(configures), "the next rollout brings it");
}

#[test]
fn an_image_update_leaves_a_node_the_peers_that_are_all_gone() {
    let mut world = World::new(&selecting(LABEL));
    world.others = vec![sentry("s0", Some(ID))];
    world.settle();
    world.others.clear();
    world.edit(&selecting(LABEL).replace("seid:1", "seid:2"));
    world.settle();
    assert!(!plan(&world.stored).tasks.iter().any(|it| it.kind == TaskType::ConfigApply));
}

#[test]
fn what_only_the_sidecar_finds_is_asked_with_all_other_peers() {
    let sources = format!("{LABEL}, {EC2}, {{static: {{addresses: ['x@h:1']}}}}");
    let mut world = World::new(&selecting(&sources));
    world.others = vec![sentry("s0", Some(ID))];
    world.settle();
    let all = [format!("{ID}@s0.sei.svc:26656"), "x@h:1".into()];
    let expected = serde_json::json!([
        {"type": "static", "addresses": all}, {"type": "ec2Tags", "region": "r", "tags": {"a": "b"}},
    ]);
    assert_eq!(world.given(TaskType::DiscoverPeers)["sources"], expected);
    assert_eq!(given(&world), all.join(","));
    let order: Vec<_> = world.done.iter().filter(|it| it.contains("peers") || it.contains("apply")).collect();
    assert_eq!(order[2..], ["config-apply", "discover-peers"], "it writes the list anew");
    assert_eq!(condition(&world.stored, "PeersResolved").0, "True");
}

#[test]
fn a_failed_discovery_is_told_and_keeps_no_node_down() {
    let sources = format!("{LABEL}, {EC2}");
    for words in ["AWS says no", "unknown task type"] {
        let mut world = World::new(&selecting(&sources));
        world.others = vec![sentry("s0", Some(ID))];
        match words {
            "unknown task type" => world.unknown.extend([TaskType::DiscoverPeers]),
            words => world.failing.extend([(TaskType::DiscoverPeers, words.to_owned())]),
        }
        for _ in 0..5 {
            world.settle();
            world.now += SignedDuration::from_secs(10);
        }
        assert_eq!(world.stored.phase, Some(Phase::Running), "{words}");
        let (status, reason, message) = condition(&world.stored, "PeersResolved");
        assert_eq!((status, reason), ("False", "DiscoveryFailed"));
        assert!(message.contains(words), "{message}");
        assert_eq!(given(&world), format!("{ID}@s0.sei.svc:26656"), "the list of config-apply stands");
    }
}

#[test]
fn a_founder_that_was_up_keeps_its_gate_without_the_founders() {
    let ceremony = "genesisCeremony: {chainId: c, stakingAmount: 1usei, accountBalance: 2usei, index: 0}";
    let spec = format!("  chainId: c\n  image: seid:1\n  validator: {{{ceremony}}}\n");
    let mut world = World::new(&spec);
    world.settle();
    world.failing.insert(TaskType::SetGenesisPeers, "no such object".into());
    world.edit(&(spec + "  overrides: {evm.http_port: '1'}\n"));
    for _ in 0..5 {
        world.settle();
        world.now += SignedDuration::from_secs(10);
    }
    assert_eq!((world.stored.plan.as_ref(), world.gate), (None, Health::Ready));
    assert_eq!(condition(&world.stored, "PeersResolved").1, "DiscoveryFailed");
}

/// A node whose plan an earlier version has begun: that had the sidecar look for peers of every kind.
fn begun_by_an_earlier_version() -> World {
    let mut world = World::new(&selecting(LABEL));
    world.others = vec![sentry("s0", Some(ID))];
    world.slow.insert(TaskType::ConfigureGenesis);
    world.settle();
    world.slow.clear();
    world.finish_running();
    let stored = plan(&world.stored);
    let mut tasks: Vec<_> = stored.tasks.iter().map(|task| task.kind).collect();
    let place = tasks.iter().position(|kind| *kind == TaskType::ConfigApply).unwrap() + 1;
    tasks.insert(place, TaskType::DiscoverPeers);
    let uid = &world.subject.node.uid;
    let mut theirs = crate::plan::Plan::new(stored.kind, uid, stored.target, world.now, 0, &tasks);
    for _ in 0..place {
        theirs.complete_current();
    }
    assert_eq!(theirs.current().map(|task| task.kind), Some(TaskType::DiscoverPeers));
    world.stored.plan = Some(theirs.write(None));
    world
}

#[test]
fn a_plan_of_an_earlier_version_ends_with_its_own_tasks() {
    for fails in [false, true] {
        let mut world = begun_by_an_earlier_version();
        if fails {
            world.failing.insert(TaskType::DiscoverPeers, "no peers found".into());
        }
        for _ in 0..10 {
            world.settle();
            world.now += SignedDuration::from_mins(1);
        }
        assert_eq!(world.stored.phase, Some(Phase::Running), "{fails}: {:#?}", world.stored.plan);
        assert!(runs(&world, TaskType::DiscoverPeers) > 0, "{fails}: it was not asked: {:?}", world.done);
        assert_eq!(runs(&world, TaskType::ConfigApply), 0, "{fails}: another plan began: {:?}", world.done);
        assert_eq!(condition(&world.stored, "Ready").0, "True", "{fails}");
    }
}

use serde_json::json;

use super::*;

fn run_on(home: &Home, task: TaskType, params: Value) -> Outcome {
    let Value::Object(params) = params else { panic!("params must be an object") };
    let known = [("near".to_owned(), "id1".to_owned())].into();
    let reachable = Peers { known, ..Peers::default() };
    outcome(task, &params, home, &reachable)
}

#[track_caller]
fn completes(task: TaskType, params: Value, mark: &Mark) {
    assert_eq!(run_on(&Home::default(), task, params), Outcome::Completed(mark.clone()));
}

#[track_caller]
fn fails(task: TaskType, params: Value, message: &str) {
    assert_eq!(run_on(&Home::default(), task, params), Outcome::Failed(message.into()));
}

#[track_caller]
fn is_endless(task: TaskType, params: Value) {
    assert_eq!(run_on(&Home::default(), task, params), Outcome::Endless);
}

#[test]
fn a_full_configuration_replaces_the_peers_and_an_incremental_one_keeps_them() {
    let task = TaskType::ConfigApply;
    completes(task, json!({"mode": "full"}), &Mark::Rewritten(vec![]));
    completes(
        task,
        json!({"mode": "full", "overrides": {"network.p2p.persistent_peers": "a@b:1,c@d:1"}}),
        &Mark::Rewritten(vec!["a@b:1".into(), "c@d:1".into()]),
    );
    completes(task, json!({"incremental": true, "overrides": {"logging.level": "info"}}), &Mark::None);
}

#[test]
fn a_configuration_is_refused_for_its_mode_version_or_keys() {
    let task = TaskType::ConfigApply;
    fails(task, json!({}), "config-apply: unknown mode \"\"");
    fails(task, json!({"mode": "replayer"}), "config-apply: unknown mode \"replayer\"");
    fails(task, json!({"mode": "full", "targetVersion": 2}), "config-apply: unknown target version 2");
    fails(
        task,
        json!({"mode": "full", "overrides": {"metrics.global_labels": "x"}}),
        "config-apply: applying overrides: \"metrics.global_labels\" is of an unsupported type",
    );
    fails(task, json!({"mode": 1}), "parsing params: mode must be a string");
    fails(
        task,
        json!({"mode": "full", "overrides": {"logging.level": 1}}),
        "parsing params: overrides must be an object of strings",
    );
}

#[test]
fn peers_are_collected_without_repetition() {
    let sources = json!([
        {"type": "static", "addresses": ["x@far:1", "id1@near:26656"]},
        {"type": "dnsEndpoints", "endpoints": ["near", "nowhere"]},
    ]);
    completes(
        TaskType::DiscoverPeers,
        json!({"sources": sources}),
        &Mark::Peers(vec!["x@far:1".into(), "id1@near:26656".into()]),
    );
    let ec2 = json!({"sources": [{"type": "ec2Tags", "region": "r", "tags": {"a": "b"}}]});
    let Outcome::Completed(Mark::Peers(peers)) = run_on(&Home::default(), TaskType::DiscoverPeers, ec2)
    else {
        panic!("EC2 peers are found");
    };
    assert_eq!(peers.len(), 1);
}

#[test]
fn one_bad_source_spoils_all() {
    let task = TaskType::DiscoverPeers;
    let good = json!({"type": "static", "addresses": ["x@far:1"]});
    fails(
        task,
        json!({"sources": [good, {"type": "dnsEndpoints", "endpoints": ["a", "b"]}]}),
        "no reachable peers found via dnsEndpoints (2 endpoints tried)",
    );
    fails(
        task,
        json!({"sources": [{"type": "dnsEndpoints"}]}),
        "no reachable peers found via dnsEndpoints (0 endpoints tried)",
    );
    fails(
        task,
        json!({"sources": [{"type": "static"}]}),
        "discover-peers: missing required param 'addresses'",
    );
    fails(
        task,
        json!({"sources": [{"type": "ec2Tags", "tags": {"a": "b"}}]}),
        "discover-peers: missing required param 'region'",
    );
    fails(
        task,
        json!({"sources": [{"type": "ec2Tags", "region": "r"}]}),
        "discover-peers: missing required param 'tags'",
    );
    fails(task, json!({"sources": [{"type": "dns"}]}), "discover-peers: unknown source type \"dns\"");
    fails(task, json!({"sources": ["x"]}), "parsing params: sources must be a list of objects");
}

#[test]
fn state_sync_wants_peers_the_first_time() {
    let task = TaskType::ConfigureStateSync;
    fails(task, json!({}), "configure-state-sync: no peers in config.toml");
    let mut home = Home { persistent_peers: vec!["a@b:1".into()], ..Home::default() };
    assert_eq!(run_on(&home, task, json!({})), Outcome::Completed(Mark::StateSyncDone));
    Mark::StateSyncDone.leave_on(&mut home);
    Mark::Peers(vec![]).leave_on(&mut home);
    assert_eq!(run_on(&home, task, json!({})), Outcome::Completed(Mark::StateSyncDone));
}

/// The sidecar writes these settings once for a volume; only an increment of the configuration leaves them there.
#[test]
fn state_sync_is_configured_once_and_lost_with_the_whole_configuration() {
    let peers = vec!["a@b:1".to_owned()];
    let apply = |incremental| {
        let params = json!({"mode": "full", "incremental": incremental, "overrides": {}});
        let Outcome::Completed(mark) = run_on(&Home::default(), TaskType::ConfigApply, params) else {
            panic!()
        };
        mark
    };
    let mut home = Home { persistent_peers: peers.clone(), ..Home::default() };
    Mark::StateSyncDone.leave_on(&mut home);
    apply(true).leave_on(&mut home);
    assert!(home.state_sync);
    assert_eq!(home.persistent_peers, peers);
    apply(false).leave_on(&mut home);
    Mark::StateSyncDone.leave_on(&mut home);
    assert!(!home.state_sync);
}

#[test]
fn some_tasks_do_not_end() {
    is_endless(TaskType::SnapshotUpload, json!({}));
    is_endless(
        TaskType::AwaitCondition,
        json!({"condition": "height", "targetHeight": 5, "action": "SIGTERM_SEID"}),
    );
    let export = json!({"bucket": "b", "region": "r"});
    completes(TaskType::ResultExport, export, &Mark::None);
    is_endless(TaskType::ResultExport, json!({"bucket": "b", "region": "r", "canonicalRpc": "http://x"}));
}

#[test]
fn a_condition_is_refused_when_it_makes_no_sense() {
    let task = TaskType::AwaitCondition;
    fails(task, json!({}), "await-condition: missing required param 'condition'");
    fails(task, json!({"condition": "time"}), "await-condition: unknown condition \"time\"");
    fails(task, json!({"condition": "height"}), "await-condition: targetHeight must be above 0, not 0");
    fails(
        task,
        json!({"condition": "height", "targetHeight": 1, "action": "STOP"}),
        "await-condition: unknown action \"STOP\"",
    );
}

#[test]
fn required_parameters_are_required() {
    for (task, params, name) in [
        (TaskType::ConfigPatch, json!({}), "files"),
        (TaskType::ConfigReload, json!({"fields": {}}), "fields"),
        (TaskType::ResultExport, json!({"bucket": "b"}), "region"),
        (TaskType::GenerateIdentity, json!({"chainId": "c", "moniker": ""}), "moniker"),
        (TaskType::GenerateGentx, json!({"chainId": "c", "stakingAmount": "1"}), "accountBalance"),
        (TaskType::UploadGenesisArtifacts, json!({"nodeName": null}), "nodeName"),
        (TaskType::AssembleAndUploadGenesis, json!({"accountBalance": "1", "namespace": "n"}), "nodes"),
    ] {
        fails(task, params, &format!("{task}: missing required param '{name}'"));
    }
}

#[test]
fn the_rest_completes() {
    completes(TaskType::ConfigPatch, json!({"files": {"app.toml": {"a": 1}}}), &Mark::None);
    completes(TaskType::ConfigReload, json!({"fields": {"logging.level": "debug"}}), &Mark::None);
    completes(TaskType::SnapshotRestore, json!({"targetHeight": 9}), &Mark::None);
    completes(TaskType::ConfigureGenesis, json!({}), &Mark::None);
    completes(TaskType::ConfigValidate, json!({}), &Mark::None);
    completes(TaskType::SetGenesisPeers, json!({}), &Mark::None);
    completes(TaskType::MarkReady, json!({"anything": 1}), &Mark::GateOpen);
    completes(TaskType::GenerateIdentity, json!({"chainId": "c", "moniker": "m"}), &Mark::Identity);
    completes(
        TaskType::GenerateGentx,
        json!({"chainId": "c", "stakingAmount": "1", "accountBalance": "2"}),
        &Mark::None,
    );
    completes(TaskType::UploadGenesisArtifacts, json!({"nodeName": "a"}), &Mark::None);
    completes(
        TaskType::AssembleAndUploadGenesis,
        json!({"accountBalance": "1", "namespace": "n", "nodes": [{"name": "a"}]}),
        &Mark::None,
    );
}

#[test]
fn an_identity_is_made_once() {
    let mut home = Home::default();
    Mark::Identity.leave_on(&mut home);
    let first = home.node_id.clone();
    assert!(first.is_some());
    Mark::Identity.leave_on(&mut home);
    assert_eq!(home.node_id, first);
}

//! The wire parameters of every task, written out.

use super::*;
use crate::{peers::tests::peer, platform::Bucket};

const ID: &str = "2bfcc8af7412d87ce35ece1cebe7813b011cb3d1";

fn intent(spec: &str) -> Intent {
    let node = format!("metadata: {{name: n, namespace: s}}\nspec:\n  chainId: c\n  image: i\n{spec}");
    Intent::parse(&serde_norway::from_str(&node).unwrap()).unwrap()
}

#[track_caller]
fn check(task: TaskType, spec: &str, expected: &Value) {
    let node = NodeRef { namespace: "s".into(), name: "n".into(), uid: "u".into() };
    let bucket = Bucket { name: "results".into(), region: "r".into() };
    let export = ResultExport { bucket, prefix: "shadow/".into() };
    let mut seen = Observation::empty(jiff::Timestamp::UNIX_EPOCH, export);
    let intent = intent(spec);
    seen.peers.consider(&node, &intent, &peer("s", "p", "sentry", Some(ID)));
    let params = of(task, &node, &intent, &seen).unwrap_or(Value::Null);
    assert_eq!(&params, expected, "{task} of {spec}");
}

#[track_caller]
fn config_of(spec: &str, mode: &str, overrides: &Value) {
    let expected = json!({"mode": mode, "incremental": false, "targetVersion": 0, "overrides": overrides});
    check(TaskType::ConfigApply, spec, &expected);
}

#[test]
fn config_apply_is_whole_and_logs_at_info_unless_the_user_says_otherwise() {
    config_of("  fullNode: {}\n", "full", &json!({"logging.level": "info"}));
    config_of("  archive: {}\n", "archive", &json!({"logging.level": "info"}));
    config_of("  validator: {}\n", "validator", &json!({"logging.level": "info"}));
    config_of(
        "  fullNode: {}\n  overrides: {logging.level: debug, evm.http_port: '1'}\n",
        "full",
        &json!({"logging.level": "debug", "evm.http_port": "1"}),
    );
}

#[test]
fn config_apply_has_our_choices_for_each_mode() {
    config_of(
        "  fullNode: {snapshotGeneration: {tendermint: {keepRecent: 3}}}\n",
        "full",
        &json!({
            "logging.level": "info",
            "storage.snapshot_interval": "2000", "storage.snapshot_keep_recent": "3",
            "storage.pruning_keep_recent": "50000", "storage.pruning_keep_every": "0",
            "chain.min_retain_blocks": "50000", "network.p2p.max_connections": "500",
            "network.p2p.send_rate": "20971520", "network.p2p.recv_rate": "20971520",
        }),
    );
    config_of(
        "  archive: {snapshotGeneration: {tendermint: {keepRecent: 2}}}\n",
        "archive",
        &json!({"logging.level": "info", "storage.snapshot_interval": "2000", "storage.snapshot_keep_recent": "2"}),
    );
    config_of(
        "  replayer: {snapshot: {s3: {targetHeight: 7}}}\n  peers: [{static: {addresses: ['x@h:1']}}]\n",
        "full",
        &json!({
            "logging.level": "info",
            "storage.state_commit.async_commit_buffer": "100",
            "storage.state_commit.memiavl.snapshot_keep_recent": "2",
            "storage.state_commit.memiavl.snapshot_min_time_interval": "3600",
            "network.p2p.persistent_peers": "x@h:1",
        }),
    );
}

#[test]
fn the_configuration_names_all_peers_unless_the_user_does() {
    let spec = "  fullNode: {}
  peers:
  - {label: {selector: {role: sentry}}}
  - {static: {addresses: ['x@h:1']}}
";
    let peers = format!("{ID}@p.s.svc:26656,x@h:1");
    config_of(spec, "full", &json!({"logging.level": "info", "network.p2p.persistent_peers": peers}));
    let own = format!("{spec}  overrides: {{network.p2p.persistent_peers: y@h:2}}\n");
    config_of(&own, "full", &json!({"logging.level": "info", "network.p2p.persistent_peers": "y@h:2"}));
}

#[test]
fn discover_peers_gets_what_is_resolved_and_what_is_not() {
    let spec = "  fullNode: {}
  peers:
  - {ec2Tags: {region: r, tags: {k: v}}}
  - {label: {selector: {role: sentry}}}
";
    let resolved = json!({"type": "static", "addresses": [format!("{ID}@p.s.svc:26656")]});
    let ec2 = json!({"type": "ec2Tags", "region": "r", "tags": {"k": "v"}});
    check(TaskType::DiscoverPeers, spec, &json!({"sources": [resolved, ec2]}));
    let alone = spec.replace("role: sentry", "role: rpc");
    check(TaskType::DiscoverPeers, &alone, &json!({"sources": [ec2]}));
}

#[test]
fn a_snapshot_is_restored_by_height_and_state_sync_gets_only_what_was_chosen() {
    let s3 = "  fullNode: {snapshot: {s3: {targetHeight: 7}, trustPeriod: 1h, backfillBlocks: 9}}\n";
    check(TaskType::SnapshotRestore, s3, &json!({"targetHeight": 7}));
    let chosen = json!({"useLocalSnapshot": true, "trustPeriod": "1h", "backfillBlocks": 9});
    check(TaskType::ConfigureStateSync, s3, &chosen);
    check(TaskType::ConfigureStateSync, "  fullNode: {snapshot: {stateSync: {}}}\n", &Value::Null);
    check(
        TaskType::ConfigureStateSync,
        "  validator: {snapshot: {stateSync: {}, trustPeriod: 2h, backfillBlocks: 0}}\n",
        &json!({"trustPeriod": "2h"}),
    );
}

#[test]
fn a_founder_says_who_it_is_and_what_it_stakes() {
    let ceremony = |rest: &str| {
        format!(
            "  validator: {{genesisCeremony: {{chainId: new-1, stakingAmount: 1usei, accountBalance: 2usei, \
             index: 0{rest}}}}}\n"
        )
    };
    let plain = ceremony("");
    check(TaskType::GenerateIdentity, &plain, &json!({"chainId": "new-1", "moniker": "n"}));
    let stake = json!({"chainId": "new-1", "stakingAmount": "1usei", "accountBalance": "2usei"});
    check(TaskType::GenerateGentx, &plain, &stake);
    let params = json!({"chainId": "new-1", "stakingAmount": "1usei", "accountBalance": "2usei", "genesisParams": "{}"});
    check(TaskType::GenerateGentx, &ceremony(", genesisParams: '{}'"), &params);
    check(TaskType::UploadGenesisArtifacts, &plain, &json!({"nodeName": "n"}));
}

#[test]
fn tasks_without_parameters_send_none() {
    for task in
        [TaskType::ConfigureGenesis, TaskType::SetGenesisPeers, TaskType::ConfigValidate, TaskType::MarkReady]
    {
        check(task, "  fullNode: {}\n", &Value::Null);
    }
}

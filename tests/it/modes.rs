//! Every kind of node that this version brings up: the order of its tasks, and their parameters, as its sidecar
//! received them.

use std::sync::Arc;

use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::PersistentVolumeClaim};
use scenario::scenario;
use seinode_api::SeiNode;
use serde_json::{Value, json};

use crate::kit::{Kit, Namespace};

const PEER: &str =
    "peers: [{static: {addresses: ['3f6c1d0a9b2e4f5867a1b2c3d4e5f60718293a4b@sentry.example.com:26656']}}]";
const ADDRESS: &str = "3f6c1d0a9b2e4f5867a1b2c3d4e5f60718293a4b@sentry.example.com:26656";

async fn create(ns: &Namespace, name: &str, spec: &str) {
    let yaml = format!(
        "apiVersion: sei.io/v1alpha1\nkind: SeiNode\nmetadata: {{name: {name}}}\nspec:\n  chainId: pacific-1\n  \
         image: registry.example.com/seid:v1\n  {spec}\n"
    );
    ns.create_yaml::<SeiNode>(&yaml).await;
}

/// Waits until the node runs, and compares what its sidecar got.
async fn got(ns: &Namespace, name: &str, expected: Vec<(&str, Value)>) {
    ns.running(name).await;
    let tasks = ns.sidecar(name).submissions().into_iter();
    let sent: Vec<_> =
        tasks.map(|it| (it.task.to_string(), it.params.map_or(Value::Null, Value::Object))).collect();
    let expected: Vec<_> = expected.into_iter().map(|(task, params)| (task.to_owned(), params)).collect();
    assert_eq!(sent, expected);
}

fn config(mode: &str, overrides: &Value) -> (&'static str, Value) {
    let params = json!({"mode": mode, "incremental": false, "targetVersion": 0, "overrides": overrides});
    ("config-apply", params)
}

const fn plain(task: &'static str) -> (&'static str, Value) {
    (task, Value::Null)
}

#[scenario]
async fn an_archive_syncs_from_genesis_on_its_own_pool(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    create(&ns, "n0", "archive: {snapshotGeneration: {tendermint: {keepRecent: 2}}}").await;
    let overrides = json!({"logging.level": "info", "storage.snapshot_interval": "2000",
                           "storage.snapshot_keep_recent": "2"});
    let expected = vec![
        plain("configure-genesis"),
        config("archive", &overrides),
        plain("config-validate"),
        plain("mark-ready"),
    ];
    got(&ns, "n0", expected).await;
    let volume = ns.api::<PersistentVolumeClaim>().get("data-n0").await.unwrap().spec.unwrap();
    assert_eq!(volume.storage_class_name.as_deref(), Some("gp3-archive"));
    let set = ns.api::<StatefulSet>().get("n0").await.unwrap().spec.unwrap();
    let toleration = set.template.spec.unwrap().tolerations.unwrap().remove(0);
    assert_eq!(toleration.value.as_deref(), Some("sei-archive"));
}

#[scenario]
async fn a_full_node_state_syncs_from_its_peers(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let spec = format!("fullNode: {{snapshot: {{stateSync: {{}}, trustPeriod: 336h0m0s}}}}\n  {PEER}");
    create(&ns, "n0", &spec).await;
    let expected = vec![
        plain("configure-genesis"),
        config("full", &json!({"logging.level": "info", "network.p2p.persistent_peers": ADDRESS})),
        ("configure-state-sync", json!({"trustPeriod": "336h0m0s"})),
        plain("config-validate"),
        plain("mark-ready"),
    ];
    got(&ns, "n0", expected).await;
}

#[scenario]
async fn a_full_node_has_its_sidecar_find_instances_on_aws(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let sources = format!(
        "{}, {{ec2Tags: {{region: eu-central-1, tags: {{chain: pacific-1}}}}}}]",
        PEER.trim_end_matches(']')
    );
    create(&ns, "n0", &format!("fullNode: {{}}\n  {sources}")).await;
    let ec2 = json!({"type": "ec2Tags", "region": "eu-central-1", "tags": {"chain": "pacific-1"}});
    let expected = vec![
        plain("configure-genesis"),
        config("full", &json!({"logging.level": "info", "network.p2p.persistent_peers": ADDRESS})),
        ("discover-peers", json!({"sources": [{"type": "static", "addresses": [ADDRESS]}, ec2]})),
        plain("config-validate"),
        plain("mark-ready"),
    ];
    got(&ns, "n0", expected).await;
}

#[scenario]
async fn a_replayer_starts_from_an_s3_snapshot(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let spec =
        format!("replayer: {{snapshot: {{s3: {{targetHeight: 201000000}}, backfillBlocks: 10}}}}\n  {PEER}");
    create(&ns, "n0", &spec).await;
    let overrides = json!({
        "logging.level": "info",
        "storage.state_commit.async_commit_buffer": "100",
        "storage.state_commit.memiavl.snapshot_keep_recent": "2",
        "storage.state_commit.memiavl.snapshot_min_time_interval": "3600",
        "network.p2p.persistent_peers": ADDRESS,
    });
    let expected = vec![
        ("snapshot-restore", json!({"targetHeight": 201_000_000})),
        plain("configure-genesis"),
        config("full", &overrides),
        ("configure-state-sync", json!({"useLocalSnapshot": true, "backfillBlocks": 10})),
        plain("config-validate"),
        plain("mark-ready"),
    ];
    got(&ns, "n0", expected).await;
}

#[scenario]
async fn a_validator_without_keys_observes(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    create(&ns, "n0", &format!("validator: {{snapshot: {{stateSync: {{}}}}}}\n  {PEER}")).await;
    let expected = vec![
        plain("configure-genesis"),
        config("validator", &json!({"logging.level": "info", "network.p2p.persistent_peers": ADDRESS})),
        plain("configure-state-sync"),
        plain("config-validate"),
        plain("mark-ready"),
    ];
    got(&ns, "n0", expected).await;
}

#[scenario]
async fn a_founder_takes_part_in_a_genesis_ceremony(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let ceremony =
        "{chainId: devnet-7, stakingAmount: 10usei, accountBalance: 20usei, genesisParams: '{}', index: 0}";
    create(&ns, "n0", &format!("validator: {{genesisCeremony: {ceremony}}}")).await;
    let stake = json!({"chainId": "devnet-7", "stakingAmount": "10usei", "accountBalance": "20usei",
                       "genesisParams": "{}"});
    let expected = vec![
        ("generate-identity", json!({"chainId": "devnet-7", "moniker": "n0"})),
        ("generate-gentx", stake),
        ("upload-genesis-artifacts", json!({"nodeName": "n0"})),
        plain("configure-genesis"),
        config("validator", &json!({"logging.level": "info"})),
        plain("set-genesis-peers"),
        plain("config-validate"),
        plain("mark-ready"),
    ];
    got(&ns, "n0", expected).await;
}

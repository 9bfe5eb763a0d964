//! The configuration of a node as the sidecar's `config-apply` is given it (plans-tasks-sidecar §6).

use std::collections::BTreeMap;

use seinode_api::status::ConfiguredStatus;
use serde_json::{Value, json};

use crate::{
    drift,
    intent::{Intent, Mode},
    peers::{self, Peers},
};

/// Key of the list of peers that a node keeps connections to.
pub const PERSISTENT_PEERS: &str = "network.p2p.persistent_peers";
/// Most names of overrides that are remembered: more than there are keys.
const NAMES: usize = 1_000;

/// The whole configuration, never an increment. The user's keys win over ours (W33).
///
/// It names all peers that the operator resolves: it is written over the list that was there before.
#[must_use]
pub fn payload(intent: &Intent, peers: &Peers) -> Value {
    let peers = peers::union(intent, peers).join(",");
    with(intent, (!peers.is_empty()).then_some((PERSISTENT_PEERS, peers)))
}

fn with(intent: &Intent, peers: Option<(&str, String)>) -> Value {
    let mode = match intent.mode {
        Mode::FullNode { .. } | Mode::Replayer { .. } => "full",
        Mode::Archive { .. } => "archive",
        Mode::Validator { .. } => "validator",
    };
    let mut overrides = ours(&intent.mode);
    overrides.extend(peers);
    overrides.extend(intent.overrides.iter().map(|(key, value)| (key.as_str(), value.clone())));
    json!({ "mode": mode, "incremental": false, "targetVersion": 0, "overrides": overrides })
}

/// Names of the overrides in the configuration, beside the list of peers.
pub(crate) fn names(intent: &Intent) -> Vec<String> {
    names_in(&with(intent, None)).take(NAMES).map(str::to_owned).collect()
}

/// Names of the overrides in the parameters of config-apply.
pub(crate) fn names_in(params: &Value) -> impl Iterator<Item = &str> {
    let overrides = params.get("overrides").and_then(Value::as_object);
    overrides.into_iter().flat_map(|all| all.keys().map(String::as_str))
}

/// Hash of the configuration, with the peers as they are written.
#[must_use]
pub fn hash(intent: &Intent) -> String {
    let peers: Vec<_> = intent.peers.iter().map(|source| format!("{source:?}")).collect();
    drift::short(&json!([with(intent, None), peers]))
}

/// Hash of the addresses that label peers resolve to.
#[must_use]
pub fn peers_hash(peers: &Peers) -> String {
    drift::short(&json!(peers.addresses()))
}

/// Records the addresses of label peers that config-apply was given.
pub(crate) fn note_peers(given: &mut ConfiguredStatus, peers: &Peers) {
    given.peers = Some(peers_hash(peers));
    given.peer_addresses = peers.addresses();
}

/// Records that the peers which config-apply was given are not known: the answer to its submission was lost. They count as
/// others than the present ones.
pub(crate) fn peers_unknown(given: &mut ConfiguredStatus) {
    given.peers = Some("unknown".to_owned());
    given.peer_addresses.clear();
}

/// Values that we choose before the user does (plans-tasks-sidecar §6.1).
fn ours(mode: &Mode) -> BTreeMap<&str, String> {
    let chosen: &[(&str, &str)] = match mode {
        Mode::FullNode { snapshots: Some(_), .. } => &[
            ("storage.pruning_keep_recent", "50000"),
            ("storage.pruning_keep_every", "0"),
            ("chain.min_retain_blocks", "50000"),
            ("network.p2p.max_connections", "500"),
            ("network.p2p.send_rate", "20971520"),
            ("network.p2p.recv_rate", "20971520"),
        ],
        Mode::Replayer { .. } => &[
            ("storage.state_commit.async_commit_buffer", "100"),
            ("storage.state_commit.memiavl.snapshot_keep_recent", "2"),
            ("storage.state_commit.memiavl.snapshot_min_time_interval", "3600"),
        ],
        Mode::FullNode { snapshots: None, .. } | Mode::Archive { .. } | Mode::Validator { .. } => &[],
    };
    let mut ours: BTreeMap<_, _> = chosen.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
    ours.insert("logging.level", "info".to_owned());
    if let Mode::FullNode { snapshots: Some(made), .. } | Mode::Archive { snapshots: Some(made) } = mode {
        ours.insert("storage.snapshot_interval", "2000".to_owned());
        ours.insert("storage.snapshot_keep_recent", made.keep_recent.to_string());
    }
    ours
}

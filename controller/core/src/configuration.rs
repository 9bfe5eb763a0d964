//! The configuration of a node as the sidecar's `config-apply` is given it (plans-tasks-sidecar §6).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{
    drift,
    intent::{Intent, Mode},
};

/// The whole configuration, never an increment. The user's keys win over ours (W33).
#[must_use]
pub fn payload(intent: &Intent) -> Value {
    let mode = match intent.mode {
        Mode::FullNode { .. } | Mode::Replayer { .. } => "full",
        Mode::Archive { .. } => "archive",
        Mode::Validator { .. } => "validator",
    };
    let mut overrides = ours(&intent.mode);
    overrides.extend(intent.overrides.iter().map(|(key, value)| (key.as_str(), value.clone())));
    json!({ "mode": mode, "incremental": false, "targetVersion": 0, "overrides": overrides })
}

/// Hash of the configuration, with the peers as they are written.
#[must_use]
pub fn hash(intent: &Intent) -> String {
    let peers: Vec<_> = intent.peers.iter().map(|source| format!("{source:?}")).collect();
    drift::short(&json!([payload(intent), peers]))
}

/// Hash of the addresses that label peers resolve to.
#[must_use]
pub fn peers_hash(peers: &BTreeSet<String>) -> String {
    drift::short(&json!(peers))
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

//! Parameters of sidecar tasks as they go over the wire (plans-tasks-sidecar §2.7, §6).

use serde_json::{Map, Value, json};

use crate::{
    configuration,
    intent::{Ceremony, Intent, Mode, PeerSource, Role, Start},
    node::NodeRef,
    observation::Observation,
    peers::{self, Peers},
    platform::ResultExport,
    task_type::TaskType,
};

/// The parameters of a task; `None` for a task that takes none.
pub(super) fn of(task: TaskType, node: &NodeRef, intent: &Intent, seen: &Observation) -> Option<Value> {
    match task {
        TaskType::SnapshotRestore => restore(intent),
        TaskType::ConfigApply => Some(configuration::payload(intent, &seen.peers)),
        TaskType::DiscoverPeers => Some(sources(intent, &seen.peers)),
        TaskType::ConfigureStateSync => state_sync(intent),
        TaskType::GenerateIdentity => {
            founder(intent).map(|it| json!({ "chainId": it.chain_id, "moniker": node.name }))
        }
        TaskType::GenerateGentx => founder(intent).map(gentx),
        TaskType::UploadGenesisArtifacts => Some(json!({ "nodeName": node.name })),
        TaskType::ResultExport => export(intent, &seen.export),
        TaskType::ConfigureGenesis
        | TaskType::SetGenesisPeers
        | TaskType::ConfigValidate
        | TaskType::SnapshotUpload
        | TaskType::MarkReady
        | TaskType::ObserveSeid
        | TaskType::EnsureDataPvc
        | TaskType::ValidateSigningKey
        | TaskType::ValidateNodeKey
        | TaskType::DeployBootstrapService
        | TaskType::DeployBootstrapJob
        | TaskType::AwaitBootstrapComplete
        | TaskType::TeardownBootstrap
        | TaskType::ApplyStatefulset
        | TaskType::ApplyService
        | TaskType::ReplacePod
        | TaskType::ObserveImage => None,
    }
}

/// `result-export`: to the platform's bucket, compared with the canonical chain.
fn export(intent: &Intent, to: &ResultExport) -> Option<Value> {
    let Mode::Replayer { canonical_rpc: Some(canonical_rpc), .. } = &intent.mode else { return None };
    let ResultExport { bucket, prefix } = to;
    Some(json!({
        "bucket": bucket.name, "region": bucket.region, "prefix": prefix, "canonicalRpc": canonical_rpc,
    }))
}

fn founder(intent: &Intent) -> Option<&Ceremony> {
    match &intent.mode {
        Mode::Validator { role: Role::Genesis(ceremony), .. } => Some(ceremony),
        Mode::Validator { role: Role::Observer | Role::Signer { .. }, .. }
        | Mode::FullNode { .. }
        | Mode::Archive { .. }
        | Mode::Replayer { .. } => None,
    }
}

fn gentx(ceremony: &Ceremony) -> Value {
    let Ceremony { chain_id, staking_amount, account_balance, genesis_params } = ceremony;
    let mut params = json!({
        "chainId": chain_id, "stakingAmount": staking_amount, "accountBalance": account_balance,
    });
    if let (Some(genesis), Some(members)) = (genesis_params, params.as_object_mut()) {
        members.insert("genesisParams".to_owned(), json!(genesis));
    }
    params
}

/// `snapshot-restore`: the highest snapshot at or below the height.
fn restore(intent: &Intent) -> Option<Value> {
    match intent.mode.start() {
        Start::S3 { target_height, .. } => Some(json!({ "targetHeight": target_height })),
        Start::BlockSync | Start::StateSync { .. } => None,
    }
}

/// `configure-state-sync`: only what differs from the sidecar's own choice; nothing at all if nothing does.
fn state_sync(intent: &Intent) -> Option<Value> {
    let mut params = Map::new();
    let (trust_period, backfill_blocks) = match intent.mode.start() {
        Start::BlockSync => return None,
        Start::StateSync { trust_period, backfill_blocks } => (trust_period, backfill_blocks),
        Start::S3 { trust_period, backfill_blocks, .. } => {
            params.insert("useLocalSnapshot".into(), json!(true));
            (trust_period, backfill_blocks)
        }
    };
    if let Some(period) = trust_period.as_ref().filter(|period| !period.is_empty()) {
        params.insert("trustPeriod".into(), json!(period));
    }
    if let Some(blocks) = backfill_blocks.filter(|blocks| *blocks != 0) {
        params.insert("backfillBlocks".into(), json!(blocks));
    }
    (!params.is_empty()).then_some(Value::Object(params))
}

/// `discover-peers`: what only the sidecar can resolve, and all that is resolved already, because it writes the list anew.
fn sources(intent: &Intent, peers: &Peers) -> Value {
    let sources = intent.peers.iter().filter_map(|source| match source {
        PeerSource::Ec2Tags { region, tags } => {
            Some(json!({ "type": "ec2Tags", "region": region, "tags": tags }))
        }
        PeerSource::Static { .. } | PeerSource::Label { .. } => None,
    });
    let resolved = peers::union(intent, peers);
    let resolved = (!resolved.is_empty()).then(|| json!({ "type": "static", "addresses": resolved }));
    json!({ "sources": resolved.into_iter().chain(sources).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests;

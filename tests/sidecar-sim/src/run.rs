//! Result of a task's run: the tasks' rules for their parameters, and their marks on the volume.
//! Pure.
//!
//! Where the contract records the sidecar's words, they are these. The outside world is kind: genesis,
//! snapshots and buckets always are where a task looks for them; a test that wants otherwise lets the task fail.

use serde_json::{Map, Value};

use crate::{
    config_keys::{is_known, is_settable},
    home::{Home, made_up_node_id},
    params::Params,
    peers::Peers,
    task_type::TaskType,
};

const MODES: [&str; 4] = ["validator", "full", "seed", "archive"];
const PERSISTENT_PEERS: &str = "network.p2p.persistent_peers";
const P2P_PORT: u16 = 26656;

/// End of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It succeeds and leaves this mark.
    Completed(Mark),
    /// It fails with this message.
    Failed(String),
    /// It does not end.
    Endless,
}

/// Effect of a successful run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Nothing that the contract shows.
    None,
    /// The gate is open, in the memory of the process.
    GateOpen,
    /// Other persistent peers stand in the configuration.
    Peers(Vec<String>),
    /// The configuration is written anew, with these persistent peers and without state sync.
    Rewritten(Vec<String>),
    /// State sync is configured, once and for all.
    StateSyncDone,
    /// There is a node key.
    Identity,
}

/// Result of a run of `task` with `params` on the volume `home`, when these hosts are `reachable`.
pub(crate) fn outcome(
    task: TaskType,
    params: &Map<String, Value>,
    home: &Home,
    reachable: &Peers,
) -> Outcome {
    let params = Params::new(task, params);
    let outcome = match task {
        TaskType::ConfigureGenesis | TaskType::ConfigValidate | TaskType::SetGenesisPeers => {
            Ok(Outcome::Completed(Mark::None))
        }
        TaskType::MarkReady => Ok(Outcome::Completed(Mark::GateOpen)),
        TaskType::SnapshotUpload => Ok(Outcome::Endless),
        TaskType::SnapshotRestore => params.number("targetHeight").map(|_| Outcome::Completed(Mark::None)),
        TaskType::ConfigApply => config_apply(&params),
        TaskType::ConfigPatch => config_patch(&params),
        TaskType::ConfigReload => config_reload(&params),
        TaskType::DiscoverPeers => discover_peers(&params, reachable),
        TaskType::ConfigureStateSync => configure_state_sync(&params, home),
        TaskType::ResultExport => result_export(&params),
        TaskType::AwaitCondition => await_condition(&params),
        TaskType::GenerateIdentity => {
            params.require(&["chainId", "moniker"]).map(|()| Outcome::Completed(Mark::Identity))
        }
        TaskType::GenerateGentx => params
            .require(&["chainId", "stakingAmount", "accountBalance"])
            .map(|()| Outcome::Completed(Mark::None)),
        TaskType::UploadGenesisArtifacts => {
            params.require(&["nodeName"]).map(|()| Outcome::Completed(Mark::None))
        }
        TaskType::AssembleAndUploadGenesis => assemble_genesis(&params),
    };
    outcome.unwrap_or_else(Outcome::Failed)
}

impl Mark {
    /// Writes the part of the mark that lies on the volume.
    pub(crate) fn leave_on(self, home: &mut Home) {
        match self {
            Self::None | Self::GateOpen => {}
            Self::Peers(peers) => home.persistent_peers = peers,
            Self::Rewritten(peers) => {
                home.persistent_peers = peers;
                home.state_sync = false;
            }
            // Where its marker is, the task does nothing.
            Self::StateSyncDone if home.state_sync_done => {}
            Self::StateSyncDone => {
                home.state_sync_done = true;
                home.state_sync = true;
            }
            Self::Identity => {
                home.node_id.get_or_insert_with(|| made_up_node_id(&uuid::Uuid::new_v4().to_string()));
            }
        }
    }
}

type Result<T> = std::result::Result<T, String>;

fn config_apply(params: &Params<'_>) -> Result<Outcome> {
    let (mode, version) = (params.text("mode")?, params.number("targetVersion")?);
    let (incremental, overrides) = (params.flag("incremental")?, params.pairs("overrides")?);
    let mode_is_fitting = MODES.contains(&mode) || (incremental && mode.is_empty());
    if !mode_is_fitting {
        return Err(format!("config-apply: unknown mode {mode:?}"));
    }
    if !(0..=1).contains(&version) {
        return Err(format!("config-apply: unknown target version {version}"));
    }
    for (key, _) in &overrides {
        if !is_known(key) {
            return Err(format!("config-apply: applying overrides: unknown override key {key:?}"));
        }
        if !is_settable(key) {
            return Err(format!("config-apply: applying overrides: {key:?} is of an unsupported type"));
        }
    }
    let peers = overrides.iter().find(|(key, _)| *key == PERSISTENT_PEERS).map(|(_, peers)| *peers);
    let peers = peers.map(|peers| peers.split(',').map(str::to_owned).collect());
    Ok(Outcome::Completed(match (peers, incremental) {
        (Some(peers), true) => Mark::Peers(peers),
        (None, true) => Mark::None,
        // The whole file is written anew: what earlier tasks have written is gone.
        (peers, false) => Mark::Rewritten(peers.unwrap_or_default()),
    }))
}

fn config_patch(params: &Params<'_>) -> Result<Outcome> {
    let files =
        params.object("files")?.filter(|files| !files.is_empty()).ok_or_else(|| params.missing("files"))?;
    match files.iter().find(|(_, patch)| !patch.is_object()) {
        Some((file, _)) => Err(format!("parsing params: files.{file} must be an object")),
        None => Ok(Outcome::Completed(Mark::None)),
    }
}

fn config_reload(params: &Params<'_>) -> Result<Outcome> {
    let fields = params.pairs("fields")?;
    if fields.is_empty() {
        return Err(params.missing("fields"));
    }
    match fields.iter().find(|(key, _)| !is_known(key)) {
        Some((key, _)) => Err(format!("config-reload: unknown field {key:?}")),
        None => Ok(Outcome::Completed(Mark::None)),
    }
}

fn discover_peers(params: &Params<'_>, reachable: &Peers) -> Result<Outcome> {
    let sources = params.list("sources")?;
    if sources.is_empty() {
        return Err(params.missing("sources"));
    }
    let mut peers: Vec<String> = Vec::new();
    for source in sources {
        let source = source.as_object().ok_or("parsing params: sources must be a list of objects")?;
        for peer in peers_of(&Params::new(TaskType::DiscoverPeers, source), reachable)? {
            if !peers.contains(&peer) {
                peers.push(peer);
            }
        }
    }
    Ok(Outcome::Completed(Mark::Peers(peers)))
}

/// The peers of one source. EC2 always has one running instance, whatever the tags.
fn peers_of(source: &Params<'_>, reachable: &Peers) -> Result<Vec<String>> {
    match source.text("type")? {
        "static" => match source.texts("addresses")? {
            addresses if addresses.is_empty() => Err(source.missing("addresses")),
            addresses => Ok(addresses.into_iter().map(str::to_owned).collect()),
        },
        "dnsEndpoints" => {
            let endpoints = source.texts("endpoints")?;
            let found: Vec<_> = endpoints
                .iter()
                .filter_map(|host| Some(format!("{}@{host}:{P2P_PORT}", reachable.id(host)?)))
                .collect();
            match found.is_empty() {
                true => Err(format!(
                    "no reachable peers found via dnsEndpoints ({} endpoints tried)",
                    endpoints.len()
                )),
                false => Ok(found),
            }
        }
        "ec2Tags" => {
            source.require(&["region"])?;
            let tags = source.pairs("tags")?;
            if tags.is_empty() {
                return Err(source.missing("tags"));
            }
            Ok(vec![format!("{}@10.0.0.1:{P2P_PORT}", made_up_node_id(&format!("{tags:?}")))])
        }
        other => Err(format!("discover-peers: unknown source type {other:?}")),
    }
}

fn configure_state_sync(params: &Params<'_>, home: &Home) -> Result<Outcome> {
    params.flag("useLocalSnapshot")?;
    params.text("trustPeriod")?;
    params.number("backfillBlocks")?;
    if home.persistent_peers.is_empty() && !home.state_sync_done {
        return Err("configure-state-sync: no peers in config.toml".to_owned());
    }
    Ok(Outcome::Completed(Mark::StateSyncDone))
}

fn result_export(params: &Params<'_>) -> Result<Outcome> {
    params.require(&["bucket", "region"])?;
    params.text("prefix")?;
    params.text("rpcEndpoint")?;
    Ok(match params.text("canonicalRpc")? {
        "" => Outcome::Completed(Mark::None),
        // Compares until the chains diverge; they never do.
        _ => Outcome::Endless,
    })
}

fn await_condition(params: &Params<'_>) -> Result<Outcome> {
    params.require(&["condition"])?;
    match (params.text("condition")?, params.number("targetHeight")?, params.text("action")?) {
        ("height", height, "" | "SIGTERM_SEID") if height > 0 => Ok(Outcome::Endless),
        ("height", height, "" | "SIGTERM_SEID") => {
            Err(format!("await-condition: targetHeight must be above 0, not {height}"))
        }
        ("height", _, action) => Err(format!("await-condition: unknown action {action:?}")),
        (condition, _, _) => Err(format!("await-condition: unknown condition {condition:?}")),
    }
}

fn assemble_genesis(params: &Params<'_>) -> Result<Outcome> {
    params.require(&["accountBalance", "namespace"])?;
    match params.list("nodes")?.is_empty() {
        true => Err(params.missing("nodes")),
        false => Ok(Outcome::Completed(Mark::None)),
    }
}

#[cfg(test)]
mod tests;

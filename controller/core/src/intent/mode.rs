//! The four kinds of node, and how each gets its first state.

mod validator;

use std::fmt;

use seinode_api::spec;

use crate::violation::Violation;

/// Kind of node, with what only that kind has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Follows the chain and serves its API.
    FullNode {
        /// Source of its first state.
        start: Start,
        /// The snapshots that it makes.
        snapshots: Option<SnapshotProduction>,
    },
    /// Keeps all history; always block-syncs or goes on from an imported volume.
    Archive {
        /// The snapshots that it makes.
        snapshots: Option<SnapshotProduction>,
    },
    /// Replays the chain from a snapshot.
    Replayer {
        /// Source of its first state: always S3.
        start: Start,
        /// RPC of the canonical chain that its results are compared with.
        canonical_rpc: Option<String>,
    },
    /// May sign blocks.
    Validator {
        /// Source of its first state; block sync in a ceremony.
        start: Start,
        /// Role of the validator.
        role: Role,
    },
}

/// Source of a node's first state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// Block by block from genesis.
    BlockSync,
    /// Tendermint state sync over P2P.
    StateSync {
        /// Light-client trust period, a Go duration.
        trust_period: Option<String>,
        /// Blocks to backfill afterwards.
        backfill_blocks: Option<i64>,
    },
    /// From a snapshot in the platform's bucket.
    S3 {
        /// Highest height that may be restored.
        target_height: i64,
        /// Image of the bootstrap Job that restores it, if one is wanted.
        bootstrap_image: Option<String>,
        /// Light-client trust period, a Go duration.
        trust_period: Option<String>,
        /// Blocks to backfill afterwards.
        backfill_blocks: Option<i64>,
    },
}

/// Production of Tendermint state-sync snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotProduction {
    /// Snapshots to keep.
    pub keep_recent: i32,
    /// True if they are uploaded.
    pub publish: bool,
}

/// Role of a validator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// It has no keys yet and does not sign.
    Observer,
    /// It signs with the keys in these Secrets.
    Signer {
        /// Secret with the consensus key.
        signing_secret: String,
        /// Secret with the P2P key.
        node_secret: String,
    },
    /// It founds a chain together with others.
    Genesis(Ceremony),
}

/// A validator's part in a genesis ceremony.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ceremony {
    /// Chain that is founded.
    pub chain_id: String,
    /// Self-delegation, coin notation.
    pub staking_amount: String,
    /// Genesis balance, coin notation.
    pub account_balance: String,
    /// JSON text of dotted genesis parameters.
    pub genesis_params: Option<String>,
}

/// The name of a mode, as the spec's member is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ModeName {
    /// `fullNode`.
    FullNode,
    /// `archive`.
    Archive,
    /// `replayer`.
    Replayer,
    /// `validator`.
    Validator,
}

impl Mode {
    /// Source of the first state of a node of this mode. An archive always block-syncs.
    #[must_use]
    pub fn start(&self) -> &Start {
        match self {
            Self::FullNode { start, .. } | Self::Replayer { start, .. } | Self::Validator { start, .. } => {
                start
            }
            Self::Archive { .. } => &Start::BlockSync,
        }
    }

    /// The mode's name.
    #[must_use]
    pub fn name(&self) -> ModeName {
        match self {
            Self::FullNode { .. } => ModeName::FullNode,
            Self::Archive { .. } => ModeName::Archive,
            Self::Replayer { .. } => ModeName::Replayer,
            Self::Validator { .. } => ModeName::Validator,
        }
    }
}

impl ModeName {
    /// The mode that a spec names, valid or not; `None` when it names none.
    #[must_use]
    pub fn of(spec: &spec::SeiNodeSpec) -> Option<Self> {
        let full = spec.full_node.as_ref().map(|_| Self::FullNode);
        let archive = spec.archive.as_ref().map(|_| Self::Archive);
        let replayer = spec.replayer.as_ref().map(|_| Self::Replayer);
        let validator = spec.validator.as_ref().map(|_| Self::Validator);
        full.or(archive).or(replayer).or(validator)
    }
}

impl fmt::Display for ModeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FullNode => "fullNode",
            Self::Archive => "archive",
            Self::Replayer => "replayer",
            Self::Validator => "validator",
        })
    }
}

/// Parses the mode; `None` only when a violation was found. Of several modes each is looked at: all is told at once.
pub(super) fn parse(spec: &spec::SeiNodeSpec, found: &mut Vec<Violation>) -> Option<Mode> {
    let full = spec.full_node.as_ref().map(|full| Mode::FullNode {
        start: start("spec.fullNode.snapshot", full.snapshot.as_ref(), found),
        snapshots: production("spec.fullNode", full.snapshot_generation.as_ref(), found),
    });
    let archive = spec.archive.as_ref().map(|archive| Mode::Archive {
        snapshots: production("spec.archive", archive.snapshot_generation.as_ref(), found),
    });
    let replayer = spec.replayer.as_ref().map(|replayer| replay(spec, replayer, found));
    let validator = spec.validator.as_ref().map(|validator| validator::parse(validator, found));
    let mut modes = [full, archive, replayer, validator].into_iter().flatten();
    if let (Some(mode), None) = (modes.next(), modes.next()) {
        return Some(mode);
    }
    found.push(Violation::new(
        "spec",
        "exactly one of fullNode, archive, replayer and validator must be set",
        "keep the one that says what the node is",
    ));
    None
}

fn start(field: &str, snapshot: Option<&spec::Snapshot>, found: &mut Vec<Violation>) -> Start {
    let Some(snapshot) = snapshot else { return Start::BlockSync };
    let bootstrap_image = snapshot.bootstrap_image.clone().filter(|image| !image.is_empty());
    let (trust_period, backfill_blocks) = (snapshot.trust_period.clone(), snapshot.backfill_blocks);
    if let Some(blocks) = backfill_blocks.filter(|blocks| *blocks < 0) {
        let rule = format!("{blocks} is no number of blocks");
        found.push(Violation::new(&format!("{field}.backfillBlocks"), rule, "set 0 or more, or remove it"));
    }
    if let Some(s3) = snapshot.s3.as_ref().filter(|s3| s3.target_height < 1) {
        let rule = format!("{} is not a height", s3.target_height);
        let field = format!("{field}.s3.targetHeight");
        found.push(Violation::new(&field, rule, "set a height of at least 1"));
    }
    if bootstrap_image.is_some() && snapshot.s3.is_none() {
        found.push(Violation::new(
            &format!("{field}.bootstrapImage"),
            "a bootstrap Job restores an S3 snapshot, and s3 is not set",
            "set s3.targetHeight, or remove bootstrapImage",
        ));
    }
    match (&snapshot.s3, &snapshot.state_sync) {
        (Some(s3), None) => {
            Start::S3 { target_height: s3.target_height, bootstrap_image, trust_period, backfill_blocks }
        }
        (None, Some(spec::StateSync {})) => Start::StateSync { trust_period, backfill_blocks },
        _ => {
            let remedy = "keep one; remove the whole snapshot to sync from genesis";
            found.push(Violation::new(field, "exactly one of s3 and stateSync must be set", remedy));
            Start::BlockSync
        }
    }
}

fn production(
    mode: &str,
    generation: Option<&spec::SnapshotGeneration>,
    found: &mut Vec<Violation>,
) -> Option<SnapshotProduction> {
    let field = format!("{mode}.snapshotGeneration");
    let Some(tendermint) = &generation?.tendermint else {
        let remedy = "set tendermint.keepRecent, or remove snapshotGeneration";
        let field = format!("{field}.tendermint");
        found.push(Violation::new(&field, "snapshotGeneration says nothing about what to produce", remedy));
        return None;
    };
    let made =
        SnapshotProduction { keep_recent: tendermint.keep_recent, publish: tendermint.publish.is_some() };
    let field = format!("{field}.tendermint.keepRecent");
    if made.keep_recent < 1 {
        found.push(Violation::new(&field, "less than one snapshot cannot be kept", "set at least 1"));
    } else if made.publish && made.keep_recent < 2 {
        let rule = "publish uploads the second newest snapshot, and only one is kept";
        found.push(Violation::new(&field, rule, "set at least 2, or remove publish"));
    }
    Some(made)
}

fn replay(spec: &spec::SeiNodeSpec, replayer: &spec::Replayer, found: &mut Vec<Violation>) -> Mode {
    let field = "spec.replayer.snapshot";
    let start = start(field, Some(&replayer.snapshot), found);
    if let Start::StateSync { .. } = start {
        let remedy = "set s3.targetHeight instead of stateSync";
        found.push(Violation::new(field, "a replayer starts from an S3 snapshot", remedy));
    }
    if spec.peers.is_empty() {
        let remedy = "name at least one source of peers";
        found.push(Violation::new("spec.peers", "a replayer needs peers to replay blocks from", remedy));
    }
    let shadow = replayer.result_export.as_ref().map(|export| export.shadow_result.as_ref());
    if shadow == Some(None) {
        let remedy = "set shadowResult.canonicalRpc, or remove resultExport";
        found.push(Violation::new(
            "spec.replayer.resultExport.shadowResult",
            "resultExport says nothing about what to export",
            remedy,
        ));
    }
    if shadow.flatten().is_some_and(|shadow| shadow.canonical_rpc.is_empty()) {
        let field = "spec.replayer.resultExport.shadowResult.canonicalRpc";
        found.push(Violation::new(
            field,
            "it is empty",
            "set the URL of an RPC endpoint of the canonical chain",
        ));
    }
    Mode::Replayer { start, canonical_rpc: shadow.flatten().map(|shadow| shadow.canonical_rpc.clone()) }
}

//! Retention of data volumes: whether they outlive their SeiNodes, and what decides that.

use std::{collections::BTreeSet, fmt, str::FromStr};

use seinode_api::spec::SeiNodeSpec;
use thiserror::Error;

/// Fate of the data volume at the end of its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// It stays when the SeiNode is deleted.
    Kept,
    /// It is deleted with the SeiNode.
    GoesWithTheNode,
}

/// A kind of node with a default retention of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NodeKind {
    /// `spec.fullNode`.
    FullNode,
    /// `spec.archive`.
    Archive,
    /// `spec.replayer`.
    Replayer,
    /// `spec.validator` without a signing key.
    Validator,
    /// `spec.validator` with a signing key: its volume holds the double-sign state.
    Signer,
}

/// The kinds of nodes whose volumes are kept, unless `spec.dataVolume.retain` says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionPolicy(BTreeSet<NodeKind>);

/// The part of a spec that decides on its retention. It is read whether or not the spec is valid: a broken rule elsewhere
/// must not cost the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionWish {
    explicit: Option<bool>,
    kinds: Vec<NodeKind>,
}

/// A text that is not a list of kinds of nodes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is not a kind of node: {kinds}, or none alone", kinds = NodeKind::ALL.map(NodeKind::name).join(", "))]
pub struct BadPolicy(String);

impl NodeKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::FullNode, Self::Archive, Self::Replayer, Self::Validator, Self::Signer];

    /// Its name in the platform settings and in the chart's values.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FullNode => "fullNode",
            Self::Archive => "archive",
            Self::Replayer => "replayer",
            Self::Validator => "validator",
            Self::Signer => "signer",
        }
    }
}

impl RetentionWish {
    /// Reads a spec.
    #[must_use]
    pub fn of(spec: &SeiNodeSpec) -> Self {
        let signs = spec.validator.as_ref().is_some_and(|validator| validator.signing_key.is_some());
        let kinds = [
            (NodeKind::FullNode, spec.full_node.is_some()),
            (NodeKind::Archive, spec.archive.is_some()),
            (NodeKind::Replayer, spec.replayer.is_some()),
            (NodeKind::Validator, spec.validator.is_some() && !signs),
            (NodeKind::Signer, signs),
        ];
        Self {
            explicit: spec.data_volume.as_ref().and_then(|volume| volume.retain),
            kinds: kinds.into_iter().filter(|(_, is_set)| *is_set).map(|(kind, _)| kind).collect(),
        }
    }
}

impl RetentionPolicy {
    /// The retention that a spec asks for. Of a spec with several modes the data is kept if one of them keeps it.
    #[must_use]
    pub fn decide(&self, wish: &RetentionWish) -> Retention {
        match wish.explicit.unwrap_or_else(|| wish.kinds.iter().any(|kind| self.0.contains(kind))) {
            true => Retention::Kept,
            false => Retention::GoesWithTheNode,
        }
    }
}

impl Default for RetentionPolicy {
    /// Archives, which take weeks to fill, and signers.
    fn default() -> Self {
        Self([NodeKind::Archive, NodeKind::Signer].into())
    }
}

impl FromStr for RetentionPolicy {
    type Err = BadPolicy;

    /// Reads a list of kinds, separated by commas, or `none`.
    fn from_str(text: &str) -> Result<Self, BadPolicy> {
        if text == "none" {
            return Ok(Self(BTreeSet::new()));
        }
        let kind = |name: &str| NodeKind::ALL.into_iter().find(|kind| kind.name() == name);
        let kinds = text.split(',').map(str::trim);
        kinds
            .map(|name| kind(name).ok_or_else(|| BadPolicy(name.to_owned())))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl fmt::Display for RetentionPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().map(|kind| kind.name()).collect();
        f.write_str(if names.is_empty() { "none".to_owned() } else { names.join(",") }.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The retention of a spec with this mode under a policy.
    #[track_caller]
    fn check(policy: &str, spec: &str, expected: Retention) {
        let spec = serde_norway::from_str(&format!("{{chainId: c, image: i, {spec}}}")).unwrap();
        let policy: RetentionPolicy = policy.parse().unwrap();
        assert_eq!(policy.decide(&RetentionWish::of(&spec)), expected, "{policy}");
    }

    #[test]
    fn archives_and_signers_keep_their_volumes_by_default() {
        let default = RetentionPolicy::default().to_string();
        for spec in ["archive: {}", "validator: {signingKey: {secret: {secretName: s}}}"] {
            check(&default, spec, Retention::Kept);
        }
        for spec in ["fullNode: {}", "replayer: {snapshot: {}}", "validator: {}"] {
            check(&default, spec, Retention::GoesWithTheNode);
        }
    }

    #[test]
    fn each_kind_is_kept_where_the_policy_names_it_and_only_there() {
        let specs = [
            "fullNode: {}",
            "archive: {}",
            "replayer: {snapshot: {}}",
            "validator: {}",
            "validator: {signingKey: {}}",
        ];
        for (named, kind) in NodeKind::ALL.into_iter().enumerate() {
            for (at, spec) in specs.into_iter().enumerate() {
                let expected = if at == named { Retention::Kept } else { Retention::GoesWithTheNode };
                check(kind.name(), spec, expected);
            }
        }
    }

    #[test]
    fn the_spec_wins_over_the_policy() {
        check("archive", "archive: {}, dataVolume: {retain: false}", Retention::GoesWithTheNode);
        check("none", "archive: {}, dataVolume: {retain: true}", Retention::Kept);
        check("none", "validator: {signingKey: {}}", Retention::GoesWithTheNode);
    }

    #[test]
    fn a_spec_with_two_modes_keeps_what_one_of_them_keeps() {
        check("archive", "archive: {}, fullNode: {}", Retention::Kept);
    }

    #[test]
    fn a_text_that_names_no_kind_is_refused() {
        for text in ["", "archive,", "Archive", "archive,none", "archives"] {
            assert!(text.parse::<RetentionPolicy>().is_err(), "{text:?}");
        }
        assert_eq!(" archive , fullNode".parse::<RetentionPolicy>().unwrap().to_string(), "fullNode,archive");
    }
}

//! Bounds of rollouts, as settings.

use std::{fmt, str::FromStr};

use jiff::SignedDuration;

use crate::observation::SETTLE;

/// Bounds of rollouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RolloutPolicy {
    /// Number of nodes that may be rolled out at once, of all chains; 0 for no limit.
    pub concurrent: usize,
    /// Nodes of one chain and mode that may be down at once.
    pub unavailable: Share,
    /// Time that `seid` has to be up behind an open gate, where its pod is not Ready before: it may catch up for hours.
    pub settle: SignedDuration,
}

impl Default for RolloutPolicy {
    /// No bounds.
    fn default() -> Self {
        Self { concurrent: 0, unavailable: Share::ALL, settle: SETTLE }
    }
}

/// Part of a number of nodes, at least one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// This many of a hundred, rounded down.
    Percent(u8),
    /// This many.
    Nodes(u16),
}

/// Reason that a text is not a [`Share`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is neither a percentage from 1% to 100% nor a number of nodes from 1 to 65535")]
pub struct BadShare;

impl Share {
    /// All of them.
    pub const ALL: Self = Self::Percent(100);

    /// The part of this many nodes.
    #[must_use]
    pub fn of(self, nodes: usize) -> usize {
        match self {
            Self::Percent(percent) => (nodes.saturating_mul(usize::from(percent)) / 100).max(1),
            Self::Nodes(number) => usize::from(number),
        }
    }
}

impl FromStr for Share {
    type Err = BadShare;

    fn from_str(text: &str) -> Result<Self, BadShare> {
        match text.strip_suffix('%') {
            Some(percent) => {
                percent.parse().ok().filter(|it| (1..=100).contains(it)).map(Self::Percent).ok_or(BadShare)
            }
            None => text.parse().ok().filter(|it| *it > 0).map(Self::Nodes).ok_or(BadShare),
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percent(percent) => write!(f, "{percent}%"),
            Self::Nodes(number) => write!(f, "{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_rounded_down_and_at_least_one() {
        let share: Share = "25%".parse().unwrap();
        for (nodes, expected) in [(0, 1), (1, 1), (3, 1), (4, 1), (7, 1), (8, 2), (300, 75)] {
            assert_eq!(share.of(nodes), expected, "of {nodes}");
        }
        assert_eq!("3".parse::<Share>().unwrap().of(100), 3);
        assert_eq!(share.to_string(), "25%");
    }

    #[test]
    fn what_lets_nothing_or_too_much_be_down_is_no_share() {
        for text in ["0", "0%", "101%", "-1", "25 %", "%", "", "half", "65536"] {
            assert_eq!(text.parse::<Share>(), Err(BadShare), "{text:?}");
        }
    }
}

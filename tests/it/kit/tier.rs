//! The two tiers of a matrix: a sample by the seed of the run in `cargo test`, all of it in `cargo prove`.

use super::proxy::Cut;

/// Every third case is sampled: neighbours differ in one respect, so three runs see them all.
const STEP: usize = 3;

/// The extent to which a matrix is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    Sample,
    All,
}

impl Tier {
    /// The cases of a matrix that this tier tries, in their order.
    pub fn of<T>(self, matrix: impl IntoIterator<Item = T>) -> Vec<T> {
        let (skip, step) = match self {
            Self::Sample => (scenario::seed() as usize % STEP, STEP),
            Self::All => (0, 1),
        };
        matrix.into_iter().skip(skip).step_by(step).collect()
    }

    /// The cuts before and after each of the first changes of a plan.
    pub fn cuts(self, changes: usize) -> Vec<(usize, Cut)> {
        self.of((0..changes).flat_map(|change| [(change, Cut::Before), (change, Cut::After)]))
    }
}

/// Panics unless at least this share of the tried points was reached, and one at all: else a matrix tests nothing.
pub fn enough_reached(reached: &[bool], (share, whole): (usize, usize)) {
    let (hits, tried) = (reached.iter().filter(|reached| **reached).count(), reached.len());
    assert!(hits >= (tried * share / whole).max(1), "only {hits} of {tried} points were reached");
}

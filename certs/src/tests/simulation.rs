//! Years of rotation in seconds: two replicas, one Secret, two configurations, two API servers of which one lags behind,
//! and whatever goes wrong between them. The decisions and their values are the real ones; only the API server is a
//! model of versions and compare-and-swap. The same seed goes the same way.
//!
//! Invariant after every single request: a leaf that the API servers have once trusted is trusted by every one of
//! them for as long as it is presented, and a leaf that was exchanged without need is trusted from its first moment.

mod faults;
mod replica;
mod run;
mod world;
mod years;

/// A small generator: the same seed draws the same lots.
pub(crate) struct Lots(u64);

impl Lots {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    /// Draws an event that happens once in `times`.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

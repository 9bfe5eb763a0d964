//! The seed of a run, by which scenarios sample what they cannot try in full.

use std::sync::OnceLock;
use std::time::UNIX_EPOCH;

/// Sets the seed, to repeat a run.
const VARIABLE: &str = "SCENARIO_SEED";

static SEED: OnceLock<u64> = OnceLock::new();

/// The seed of this run: `SCENARIO_SEED`, by default the time. The runner prints it when it was used.
pub fn seed() -> u64 {
    *SEED.get_or_init(|| {
        let given = std::env::var(VARIABLE).ok().and_then(|value| value.parse().ok());
        given.unwrap_or_else(|| UNIX_EPOCH.elapsed().unwrap_or_default().as_secs())
    })
}

/// The command line variable that repeats this run, if it depends on the seed.
pub(crate) fn report() -> String {
    SEED.get().map(|seed| format!("seed of the samples: {VARIABLE}={seed}\n")).unwrap_or_default()
}

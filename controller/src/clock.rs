//! The clocks of this process.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use seinode_core::rate::{Monotonic, Now};

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The present, by both clocks.
pub(crate) fn now() -> Now {
    Now { wall: Timestamp::now(), monotonic: Monotonic(uptime()) }
}

fn uptime() -> Duration {
    START.elapsed()
}

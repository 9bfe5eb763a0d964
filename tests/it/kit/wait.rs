//! Waiting with a deadline. A scenario never sleeps for a fixed time: it waits for a fact.

use std::{
    fmt::Debug,
    time::{Duration, Instant},
};

/// Longer than anything here takes, also on a machine under load: who waits in vain hangs.
pub const DEADLINE: Duration = Duration::from_secs(180);
/// Between two looks, at first.
const GLANCE: Duration = Duration::from_millis(50);
/// Later ever less often, up to this: a hundred who wait must not keep the API server from what they wait for.
const LONG_GLANCE: Duration = Duration::from_millis(300);

/// Awaits something that must happen in time.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, future).await {
        Ok(value) => value,
        Err(_) => panic!("not within {DEADLINE:?}: {what}"),
    }
}

/// Polls until `look` succeeds. Panics with its last answer after the deadline.
pub async fn eventually<T, S: Debug>(what: &str, mut look: impl AsyncFnMut() -> Result<T, S>) -> T {
    let begun = Instant::now();
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) if begun.elapsed() > DEADLINE => {
                panic!("not within {DEADLINE:?}: {what}; last seen: {seen:#?}")
            }
            Err(_) => tokio::time::sleep((begun.elapsed() / 8).clamp(GLANCE, LONG_GLANCE)).await,
        }
    }
}

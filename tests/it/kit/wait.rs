//! Waiting with a deadline. A scenario never sleeps for a fixed time: it waits for a fact.

use std::{
    fmt::Debug,
    time::{Duration, Instant},
};

/// Longer than any wait takes, also on a machine under load.
pub const DEADLINE: Duration = Duration::from_secs(180);
/// Shortest pause between two polls.
const SHORT_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause, reached gradually: polls were a fifth of all requests, and two cores serve them as well.
const LONG_PAUSE: Duration = Duration::from_millis(500);

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
            Err(_) => tokio::time::sleep((begun.elapsed() / 8).clamp(SHORT_PAUSE, LONG_PAUSE)).await,
        }
    }
}

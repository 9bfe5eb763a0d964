//! Waiting for a condition, with a time limit.

use std::time::{Duration, Instant};

/// Interval between two polls.
const INTERVAL: Duration = Duration::from_millis(20);

/// A condition that did not hold in time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: not after {} s; last seen: {last}", waited.as_secs())]
pub struct TimedOut {
    /// The condition.
    pub what: String,
    /// Time waited.
    pub waited: Duration,
    /// State at the last poll.
    pub last: String,
}

/// Polls until there is a value, and returns it. The error of `poll` is the state it saw instead.
///
/// # Errors
/// When there is no value within `limit`.
pub async fn until<T>(
    what: &str,
    limit: Duration,
    mut poll: impl AsyncFnMut() -> Result<T, String>,
) -> Result<T, TimedOut> {
    let begun = Instant::now();
    loop {
        match poll().await {
            Ok(value) => return Ok(value),
            Err(last) if begun.elapsed() > limit => {
                return Err(TimedOut { what: what.to_owned(), waited: begun.elapsed(), last });
            }
            Err(_) => tokio::time::sleep(INTERVAL).await,
        }
    }
}

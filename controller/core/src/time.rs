//! Times as Kubernetes keeps them: whole seconds. Cutting here keeps what we compare equal to what is stored.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// The time `pause` after `at`, as far as times go: what is read from an object may be any time.
pub(crate) fn after(at: Timestamp, pause: SignedDuration) -> Timestamp {
    at.saturating_add(pause).unwrap_or(Timestamp::MAX)
}

/// A time as it is stored.
pub(crate) fn stored(at: Timestamp) -> Time {
    Time(Timestamp::from_second(at.as_second()).unwrap_or(at))
}

//! Times as Kubernetes keeps them: whole seconds. Cutting here keeps what we compare equal to what is stored.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// A time as it is stored.
pub(crate) fn stored(at: Timestamp) -> Time {
    Time(Timestamp::from_second(at.as_second()).unwrap_or(at))
}

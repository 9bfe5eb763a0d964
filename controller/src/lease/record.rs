//! Content of a Lease, in client-go's form (`resourcelock.LeaderElectionRecord`), as values.
//!
//! Reading never fails: what is missing or makes no sense takes the value that keeps the reader waiting longer.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use serde_json::{Value, json};

/// Content of a Lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Identity of the holder; empty for nobody.
    pub(crate) holder: String,
    /// Validity after a renewal; `None` where the Lease does not say.
    pub(crate) duration: Option<Duration>,
    /// Time at which the holder got it, by its wall clock. For people only.
    pub(crate) acquired: Option<Timestamp>,
    /// Time at which the holder wrote it last, by its wall clock. For people; and it tells one renewal from another.
    pub(crate) renewed: Option<Timestamp>,
    /// Number of times that the holder changed.
    pub(crate) transitions: i32,
}

/// The `resourceVersion` of a Lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version(pub(crate) String);

/// A Lease as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) record: Record,
    pub(crate) version: Version,
}

/// A Lease as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Write {
    pub(crate) record: Record,
    /// The version that it replaces; `None` where there must be none.
    pub(crate) over: Option<Version>,
}

/// Outcome of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// It is stored, as this version.
    Stored(Version),
    /// Somebody else was first.
    Overtaken,
}

impl Found {
    pub(crate) fn of(lease: &Lease) -> Self {
        let LeaseSpec {
            holder_identity,
            lease_duration_seconds,
            acquire_time,
            renew_time,
            lease_transitions,
            ..
        } = lease.spec.clone().unwrap_or_default();
        let seconds = lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        let record = Record {
            holder: holder_identity.unwrap_or_default(),
            duration: seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs),
            acquired: acquire_time.map(|MicroTime(at)| at),
            renewed: renew_time.map(|MicroTime(at)| at),
            transitions: lease_transitions.unwrap_or_default(),
        };
        Self { record, version: Version(lease.metadata.resource_version.clone().unwrap_or_default()) }
    }
}

impl Write {
    /// As a merge patch, or as the object to create. A patch leaves in place what others wrote beside it.
    pub(crate) fn body(&self, name: &str) -> Value {
        let Self { record: Record { holder, duration, acquired, renewed, transitions }, over } = self;
        let time = |at: &Option<Timestamp>| at.map(MicroTime);
        let mut body = json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": { "name": name },
            "spec": {
                "holderIdentity": holder,
                "leaseDurationSeconds": duration.map(|duration| duration.as_secs()),
                "acquireTime": time(acquired),
                "renewTime": time(renewed),
                "leaseTransitions": transitions,
            },
        });
        if let Some(Version(version)) = over
            && let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut)
        {
            metadata.insert("resourceVersion".to_owned(), json!(version));
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the original operator writes it.
    const LEASE: &str = r#"{"metadata": {"name": "bc1f5b0a.sei.io", "resourceVersion": "7"}, "spec": {
        "holderIdentity": "sei-k8s-controller-6c9_1f", "leaseDurationSeconds": 15, "leaseTransitions": 3,
        "acquireTime": "2026-11-21T10:00:00.000000Z", "renewTime": "2026-11-21T10:00:04.120000Z"}}"#;

    #[test]
    fn what_is_written_is_what_client_go_reads() {
        let lease: Lease = serde_json::from_str(LEASE).unwrap();
        let Found { record, version } = Found::of(&lease);
        assert_eq!((&*record.holder, record.transitions), ("sei-k8s-controller-6c9_1f", 3));
        assert_eq!(record.duration, Some(Duration::from_secs(15)));
        let written = Write { record, over: Some(version) }.body("bc1f5b0a.sei.io");
        let read: Value = serde_json::from_str(LEASE).unwrap();
        assert_eq!((&written["spec"], &written["metadata"]), (&read["spec"], &read["metadata"]));
    }

    #[test]
    fn what_makes_no_sense_is_no_promise() {
        let lease = r#"{"metadata": {}, "spec": {"leaseDurationSeconds": -5}}"#;
        let Found { record, .. } = Found::of(&serde_json::from_str(lease).unwrap());
        assert_eq!((&*record.holder, record.duration, record.transitions), ("", None, 0));
        assert_eq!(Found::of(&Lease::default()).record.holder, "");
    }
}

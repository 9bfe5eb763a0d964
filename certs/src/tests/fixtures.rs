//! Fixtures of tests: times, authorities, configurations.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use kube::core::DynamicObject;
use serde_json::json;

use crate::{
    certificate::Bundle,
    configuration::{Configuration, Kind, Live},
    issue::Authority,
    lifetimes::{Lifetimes, later},
    names::Names,
};

pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);

/// The day on which everything begins.
pub(crate) fn begun() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// The time at this distance from the beginning.
pub(crate) fn on(after: Duration) -> Timestamp {
    later(begun(), after)
}

pub(crate) fn authority(made: Duration) -> Authority {
    Authority::create(&names(), on(made), &Lifetimes::default()).unwrap()
}

pub(crate) fn names() -> Names {
    Names::parse(&["seinode-webhook.sei-system.svc", "127.0.0.1"]).unwrap()
}

pub(crate) fn configuration(kind: Kind) -> Configuration {
    Configuration { kind, name: "seinode-operator".into() }
}

/// A configuration with two webhooks that have a bundle.
pub(crate) fn live(kind: Kind, bundle: &str, version: u64) -> Live {
    let bundle = ByteString(bundle.as_bytes().to_vec());
    let entry = |name: &str| json!({ "name": name, "clientConfig": { "caBundle": bundle } });
    let object = json!({
        "metadata": { "resourceVersion": version.to_string() },
        "webhooks": [entry("a.sei.io"), entry("b.sei.io")],
    });
    let object: DynamicObject = serde_json::from_value(object).unwrap();
    Live::of(configuration(kind), Some(&object))
}

/// Both configurations with one bundle.
pub(crate) fn both(bundle: &Bundle) -> Vec<Live> {
    [Kind::Mutating, Kind::Validating].map(|kind| live(kind, &bundle.pem(), 1)).into()
}

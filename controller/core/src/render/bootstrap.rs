//! The Job and the Service of a bootstrap (crd-and-workload §4.4).

use k8s_openapi::api::{batch::v1::Job, core::v1::Service};

use crate::{intent::Intent, node::NodeRef, platform::Platform};

/// The headless Service of a bootstrap.
#[must_use]
pub fn bootstrap_service(node: &NodeRef, intent: &Intent) -> Service {
    super::service(node, intent)
}

/// The Job of a bootstrap.
#[must_use]
pub fn bootstrap_job(_node: &NodeRef, _intent: &Intent, _platform: &Platform) -> Option<Job> {
    None
}

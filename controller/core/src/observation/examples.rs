//! Children of a node as they are when nothing is wrong, for tests.

use std::collections::BTreeMap;

use super::{Container, Deletion, KeySource, Pod, Run, Serves, ServiceView, StatefulSetView, Strategy};
use crate::node::Owner;

/// Our StatefulSet, of which its controller has seen everything.
pub(crate) fn workload() -> StatefulSetView {
    StatefulSetView {
        uid: "set".into(),
        version: "1".into(),
        owner: Owner::Us,
        deletion: Deletion::Absent,
        replicas: 1,
        generation: 1,
        observed_generation: 1,
        update_revision: Some("r1".into()),
        strategy: Strategy::OnDelete,
        template_hash: Some("t".into()),
        restarted_at: None,
        labels: BTreeMap::new(),
    }
}

/// Our Service.
pub(crate) fn headless() -> ServiceView {
    ServiceView {
        uid: "service".into(),
        version: "1".into(),
        serves: Serves::Node,
        owner: Owner::Us,
        deletion: Deletion::Absent,
        digest: "d".into(),
        labels: BTreeMap::new(),
    }
}

/// The pod of [`workload`], running.
pub(crate) fn pod() -> Pod {
    Pod {
        name: "n0-0".into(),
        uid: "pod-0".into(),
        stateful_set_uid: Some("set".into()),
        job_uid: None,
        revision: Some("r1".into()),
        version: "1".into(),
        signing_secret: None,
        key_source: KeySource::None,
        deletion: Deletion::Absent,
        going: None,
        run: Run::Lives,
        ip: Some([10, 0, 0, 7].into()),
        seid_image: Some("seid:1".into()),
        seid: Container::Up,
        seid_since: None,
        halt: None,
        seid_id: Some("containerd://seid".into()),
        sidecar: Container::Up,
        sidecar_restarts: 0,
        sidecar_since: None,
        ready: true,
        ready_since: None,
        machine: None,
        trouble: None,
    }
}

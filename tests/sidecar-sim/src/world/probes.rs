//! Answers to the kubelet's probes of a node's pod.

use super::World;
use crate::address::NodeKey;

/// Port on which `seid` answers.
const SEID_RPC: i32 = 26657;
/// Path on which the sidecar answers once its gate is open.
const GATE: &str = "/v0/healthz";

impl World {
    /// Answers a probe of the pod with this UID. A probe of `seid` succeeds once the gate was opened in that pod, one of
    /// the sidecar while its process answers.
    pub(crate) fn answers_probe(&self, key: &NodeKey, uid: &str, port: i32, path: &str) -> bool {
        let Some(node) = self.nodes.get(key) else { return false };
        if port == SEID_RPC {
            return node.seid_runs_in.as_deref() == Some(uid);
        }
        let process = node.process.as_ref().filter(|process| process.id.pod_uid == uid);
        let memory = process.and_then(|process| process.memory.as_ref());
        memory.is_some_and(|memory| memory.ready || path != GATE)
    }
}

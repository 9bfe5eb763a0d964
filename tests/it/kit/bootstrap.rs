//! Bootstrap of a node: the pod of its Job, and the end of `seid` in it. No container runs, so a scenario decides when the
//! halt height is reached.

use devcluster::kubelet;
use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use kube::{
    ResourceExt,
    api::{ListParams, Patch, PatchParams},
    runtime::wait::await_condition,
};
use serde_json::json;

use super::{Namespace, eventually, wait::DEADLINE, within};

/// The end of `seid` in a bootstrap pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bootstrap {
    /// It reaches its halt height, which it can only when the gate is open; the Job is Complete.
    Halts,
    /// It exits with an error, at any time; the Job has Failed.
    Breaks,
}

impl Namespace {
    /// Waits until the bootstrap pod of a node runs.
    pub async fn bootstrap_pod(&self, node: &str) -> Pod {
        let pods = self.api::<Pod>();
        let labels = ListParams::default().labels(&format!("sei.io/node={node},sei.io/component=bootstrap"));
        eventually(&format!("the bootstrap pod of {node} runs"), async || {
            let listed = pods.list(&labels).await.unwrap().items;
            let runs = |pod: &&Pod| {
                let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
                pod.metadata.deletion_timestamp.is_none() && phase == Some("Running")
            };
            listed.iter().find(runs).cloned().ok_or(listed)
        })
        .await
    }

    /// Ends `seid` of a node's bootstrap pod, and waits until the Job has ended.
    pub async fn end_bootstrap(&self, node: &str, how: Bootstrap) {
        let pod = self.bootstrap_pod(node).await.name_any();
        let (behaviour, wanted) = match how {
            Bootstrap::Halts => (kubelet::COMPLETE, "Complete"),
            Bootstrap::Breaks => (kubelet::FAIL, "Failed"),
        };
        if how == Bootstrap::Halts {
            self.sidecar(node).until(DEADLINE, sidecar_sim::Node::is_ready).await.unwrap();
        }
        // Watched from before the end: the operator may take a Job that has ended away at once.
        let name = format!("{node}-bootstrap");
        let ended = |job: Option<&Job>| job.is_some_and(|job| ending(job).is_some());
        let ended = await_condition(self.api::<Job>(), &name, ended);
        let tell = async {
            let patch = json!({ "metadata": { "annotations": { kubelet::BEHAVIOUR: behaviour } } });
            let pods = self.api::<Pod>();
            pods.patch(&pod, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap()
        };
        let (job, _) = within(&format!("Job {name} has ended"), futures::future::join(ended, tell)).await;
        assert_eq!(job.unwrap().as_ref().and_then(ending), Some(wanted), "how Job {name} has ended");
    }
}

/// The final condition of a Job that is true, `Complete` or `Failed`.
fn ending(job: &Job) -> Option<&'static str> {
    let conditions = job.status.as_ref()?.conditions.as_ref()?;
    let holds = |type_: &&str| conditions.iter().any(|it| it.type_ == *type_ && it.status == "True");
    ["Complete", "Failed"].into_iter().find(holds)
}

//! The kubelet's last act: removing a pod whose containers have ended.
//!
//! kwok ends the containers (stage `pod-stop`), but it can only delete by name. When it looks at a pod twice, which
//! happens, the second deletion meets the pod that the StatefulSet controller has made meanwhile. So we do it, by uid.

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, Preconditions};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, ResourceExt as _};

use crate::steady::Steady;

/// So many pods are removed at once: every machine has a kubelet of its own, and none waits for another.
const AT_ONCE: usize = 32;

/// Removes ended pods that were asked to go, for as long as it is polled.
pub(crate) async fn remove_ended_pods(client: Client) {
    let ended = watcher::Config::default().fields("status.phase!=Pending,status.phase!=Running");
    let pods = watcher(Api::<Pod>::all(client.clone()), ended).backoff(Steady).applied_objects();
    pods.for_each_concurrent(AT_ONCE, async |next| {
        let Ok(pod) = next.inspect_err(|error| tracing::debug!(%error, "watching ended pods")) else {
            return;
        };
        // With a grace period of 0 it has been done, and a finalizer keeps the object.
        let has_been_done = pod.metadata.deletion_grace_period_seconds == Some(0);
        if pod.metadata.deletion_timestamp.is_some() && !has_been_done {
            remove(&client, &pod).await;
        }
    })
    .await;
}

async fn remove(client: &Client, pod: &Pod) {
    let this_one = Preconditions { uid: pod.uid(), resource_version: None };
    let now = DeleteParams::default().grace_period(0).preconditions(this_one);
    let pods: Api<Pod> = Api::namespaced(client.clone(), &pod.namespace().unwrap_or_default());
    match pods.delete(&pod.name_any(), &now).await {
        Ok(_) => {}
        // Somebody forced it, and another may have its name already.
        Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => {}
        Err(error) => tracing::warn!(pod = pod.name_any(), %error, "cannot remove an ended pod"),
    }
}

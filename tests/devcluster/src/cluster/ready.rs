//! Waits for parts of a cluster by asking them, and tells what they logged when they do not come up.

use std::future::Future;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Node;
use kube::api::ListParams;
use kube::{Api, Client};

use super::ClusterError;
use crate::process::Process;

/// A healthy start takes a few seconds; a busy machine may need ten times that.
const PATIENCE: Duration = Duration::from_secs(90);
/// Poll interval.
const GLANCE: Duration = Duration::from_millis(25);
/// Log lines in an error.
const TAIL: usize = 20;

/// Waits until `path` answers 200.
pub(super) async fn answers(client: &Client, path: &str, process: &Process) -> Result<(), ClusterError> {
    poll(process, || async {
        let request = http::Request::get(path).body(Vec::new()).map_err(|error| error.to_string())?;
        client.request_text(request).await.map(drop).map_err(|error| error.to_string())
    })
    .await
}

/// Error for a `process` that ended although it should run.
pub(super) fn ended(process: &Process, status: ExitStatus) -> ClusterError {
    ClusterError::Ended { component: process.name().to_owned(), status, tail: process.last_lines(TAIL) }
}

/// Repeats `work` until it succeeds: a server that has just started refuses some requests for a moment.
pub(super) async fn done<F: Future<Output = Result<(), ClusterError>>>(
    process: &Process,
    work: impl Fn() -> F,
) -> Result<(), ClusterError> {
    poll(process, || async { work().await.map_err(|error| error.to_string()) }).await
}

/// Waits until every node is ready and takes pods, which proves that who plays the kubelet and the controllers work.
pub(super) async fn nodes(client: &Client, kubelet: &Process) -> Result<(), ClusterError> {
    let nodes: Api<Node> = Api::all(client.clone());
    poll(kubelet, || async {
        let nodes = nodes.list(&ListParams::default()).await.map_err(|error| error.to_string())?;
        if nodes.items.is_empty() {
            return Err("there is no node".to_owned());
        }
        match nodes.items.iter().find(|node| !takes_pods(node)) {
            Some(node) => {
                Err(format!("node {} does not take pods", node.metadata.name.as_deref().unwrap_or("?")))
            }
            None => Ok(()),
        }
    })
    .await
}

fn takes_pods(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    let ready = conditions
        .into_iter()
        .flatten()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True");
    let tainted =
        node.spec.as_ref().and_then(|spec| spec.taints.as_ref()).is_some_and(|taints| !taints.is_empty());
    ready && !tainted
}

async fn poll<F: Future<Output = Result<(), String>>>(
    process: &Process,
    ask: impl Fn() -> F,
) -> Result<(), ClusterError> {
    let begin = Instant::now();
    loop {
        let last = match tokio::time::timeout(PATIENCE, ask()).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(answer)) => answer,
            Err(_) => "no answer".to_owned(),
        };
        if let Some(status) = process.exited() {
            return Err(ended(process, status));
        }
        if begin.elapsed() > PATIENCE {
            return Err(ClusterError::NotReady {
                component: process.name().to_owned(),
                waited: begin.elapsed(),
                last,
                tail: process.last_lines(TAIL),
            });
        }
        tokio::time::sleep(GLANCE).await;
    }
}

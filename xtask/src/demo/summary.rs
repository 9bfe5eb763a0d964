//! Summary once the nodes are up: a table, the children of one node, its events, and the requests.

use std::collections::BTreeMap;

use anyhow::Context as _;
use devcluster::{Cluster, audit};
use jiff::Timestamp;
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{PersistentVolumeClaim, Pod, Service},
    events::v1::Event,
};
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};
use sidecar_sim::Sidecars;

use crate::demo::examples::NAMESPACE;
use crate::demo::follow::Arrival;
use crate::demo::guardrails::Refusal;
use crate::demo::screen::span;
use crate::demo::standing::condition;

/// Input of the summary.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Story<'a> {
    /// The control plane.
    pub(crate) cluster: &'a Cluster,
    /// The simulated sidecars.
    pub(crate) sidecars: &'a Sidecars,
    /// The nodes that came up.
    pub(crate) arrivals: &'a [Arrival],
    /// Rejected edits.
    pub(crate) refusals: &'a [Refusal],
    /// Time at which the nodes were applied.
    pub(crate) since: Timestamp,
}

/// The summary.
///
/// # Errors
/// When the API server or its record of requests cannot be read.
pub(crate) async fn write(story: &Story<'_>) -> anyhow::Result<String> {
    let mut parts =
        vec![format!("\nSeiNodes in namespace {NAMESPACE}:\n{}", indented(&nodes(story.arrivals)))];
    // One of them closely: the one whose peers are other SeiNodes.
    let closely =
        story.arrivals.iter().find(|arrival| arrival.node.spec.peers.iter().any(|peer| peer.label.is_some()));
    if let Some(arrival) = closely.or(story.arrivals.first()) {
        let name = arrival.node.name_any();
        parts.push(format!(
            "Children of {name}; its SeiNode owns them, and they are deleted with it:\n{}",
            indented(&children(story.cluster, &name).await?)
        ));
        parts.push(format!("Tasks of the sidecar of {name}:\n{}", indented(&tasks(story.sidecars, &name))));
        parts.push(format!("Events of {name}:\n{}", indented(&events(story.cluster, &name).await?)));
    }
    parts.push(format!("Rejected edits, as kubectl shows them:\n{}", refusals(story.refusals)));
    parts.push(format!("Requests of the operator:\n{}", indented(&requests(story)?)));
    Ok(parts.join("\n\n"))
}

fn nodes(arrivals: &[Arrival]) -> Vec<Vec<String>> {
    let heading = ["NAME", "READY", "MODE", "CHAIN", "PHASE", "SIDECAR", "CURRENT", "TOOK"];
    let rows = arrivals.iter().map(|Arrival { node, took }| {
        let status = node.status.clone().unwrap_or_default();
        vec![
            node.name_any(),
            condition(node, "Ready").to_owned(),
            status.mode.unwrap_or_default(),
            node.spec.chain_id.clone(),
            status.phase.map_or_else(String::new, |phase| format!("{phase:?}")),
            condition(node, "SidecarReady").to_owned(),
            status.current_image.unwrap_or_default(),
            span(*took),
        ]
    });
    std::iter::once(heading.map(str::to_owned).to_vec()).chain(rows).collect()
}

async fn children(cluster: &Cluster, name: &str) -> anyhow::Result<Vec<Vec<String>>> {
    let client = cluster.client();
    let volume = Api::<PersistentVolumeClaim>::namespaced(client.clone(), NAMESPACE)
        .get(&format!("data-{name}"))
        .await?;
    let set = Api::<StatefulSet>::namespaced(client.clone(), NAMESPACE).get(name).await?;
    let service = Api::<Service>::namespaced(client.clone(), NAMESPACE).get(name).await?;
    let pod = Api::<Pod>::namespaced(client, NAMESPACE).get(&format!("{name}-0")).await?;
    let row = |kind: &str, name: String, what: String| vec![kind.to_owned(), name, what];
    Ok(vec![
        row("PersistentVolumeClaim", volume.name_any(), describe_volume(&volume)),
        row("StatefulSet", set.name_any(), "1 replica; OnDelete: only the operator replaces its pod".into()),
        row("Service", service.name_any(), "headless: a DNS name for the pod".into()),
        row("Pod", pod.name_any(), describe_pod(&pod)),
    ])
}

fn describe_volume(volume: &PersistentVolumeClaim) -> String {
    let status = volume.status.clone().unwrap_or_default();
    let size = status.capacity.unwrap_or_default().remove("storage").map_or_else(String::new, |size| size.0);
    let class = volume.spec.as_ref().and_then(|spec| spec.storage_class_name.clone()).unwrap_or_default();
    format!("{}, {size} of {class}", status.phase.unwrap_or_default())
}

fn describe_pod(pod: &Pod) -> String {
    let spec = pod.spec.clone().unwrap_or_default();
    let phase = pod.status.as_ref().and_then(|status| status.phase.clone()).unwrap_or_default();
    let init = spec.init_containers.into_iter().flatten();
    let containers: Vec<_> = init.chain(spec.containers).map(|container| container.name).collect();
    format!("{phase} on {}: {}", spec.node_name.unwrap_or_default(), containers.join(", "))
}

fn tasks(sidecars: &Sidecars, name: &str) -> Vec<Vec<String>> {
    let mut times: Vec<(String, usize)> = Vec::new();
    for submission in sidecars.submissions(NAMESPACE, name) {
        let task = submission.task.to_string();
        match times.iter_mut().find(|(known, _)| *known == task) {
            Some((_, count)) => *count += 1,
            None => times.push((task, 1)),
        }
    }
    let rows = times.into_iter().map(|(task, count)| match count {
        1 => vec![task, "submitted once".to_owned()],
        more => vec![task, format!("{more} attempts")],
    });
    rows.collect()
}

fn refusals(refusals: &[Refusal]) -> String {
    let lines = refusals.iter().map(|Refusal { command, message }| format!("  $ {command}\n  {message}"));
    lines.collect::<Vec<_>>().join("\n")
}

async fn events(cluster: &Cluster, name: &str) -> anyhow::Result<Vec<Vec<String>>> {
    let api: Api<Event> = Api::namespaced(cluster.client(), NAMESPACE);
    let about = format!("regarding.kind=SeiNode,regarding.name={name}");
    let mut events = api.list(&ListParams::default().fields(&about)).await?.items;
    events.sort_by_key(|event| event.event_time.as_ref().map(|time| time.0));
    let text = |text: Option<String>| text.unwrap_or_default();
    Ok(events
        .into_iter()
        .map(|event| vec![text(event.type_), text(event.reason), text(event.note)])
        .collect())
}

fn requests(story: &Story<'_>) -> anyhow::Result<Vec<Vec<String>>> {
    let log = story.cluster.audit_log().context("the API server keeps no record")?;
    let ours = audit::requests(&log, story.since)?
        .into_iter()
        .filter(|request| request.user_agent.starts_with("seinode-operator/") && request.verb != "watch");
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for request in ours {
        let resource = match request.subresource.as_str() {
            "" => request.resource,
            subresource => format!("{}/{subresource}", request.resource),
        };
        *counts.entry((resource, request.verb)).or_default() += 1;
    }
    let total: usize = counts.values().sum();
    let rows =
        counts.into_iter().map(|((resource, verb), count)| vec![format!("{count:>4}"), verb, resource]);
    let all =
        format!("requests of the operator for all {} nodes; watches keep it informed", story.arrivals.len());
    Ok(rows.chain([vec![format!("{total:>4}"), all]]).collect())
}

/// A table with aligned columns, two spaces from the left.
fn indented(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        rows.iter().filter(|row| row.len() > column + 1).map(|row| row[column].chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    let lines = rows.iter().map(|row| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("  {}", cells.collect::<Vec<_>>().join("  ")).trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_a_last_cell_widens_nothing() {
        let rows = [
            vec!["NAME", "READY"],
            vec!["sentry-0", "True"],
            vec!["a", "b", "c"],
            vec!["a very long last cell"],
        ];
        let rows = rows.map(|row| row.into_iter().map(str::to_owned).collect()).to_vec();
        let expected = "  NAME      READY\n  sentry-0  True\n  a         b  c\n  a very long last cell";
        assert_eq!(indented(&rows), expected);
    }
}

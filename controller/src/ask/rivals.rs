//! Who else may use what a node wants: from the caches, and live before the node takes it.

use futures::future;
use k8s_openapi::{
    NamespaceResourceScope,
    api::{apps::v1::StatefulSet, batch::v1::Job, core::v1::Pod},
};
use kube::{Api, Resource, api::ListParams};
use seinode_api::{SeiNode, names};
use seinode_core::{
    exclusive::{Resource as Exclusive, Rivals, Stray, StrayKey},
    failure::Failure,
    keys::Finding,
    observation::Observation,
    subject::Subject,
};
use serde::de::DeserializeOwned;

use super::keys;
use crate::{api_error, cache::Guarded, context::Context, settings::Scope};

/// Asks the API server itself: the watches may be behind.
pub(super) async fn live(
    context: &Context,
    subject: &Subject,
    seen: &Observation,
    resource: &Exclusive,
) -> Result<Rivals, Failure> {
    let of_nodes = ListParams::default().labels(names::NODE_LABEL);
    let nodes: Vec<Guarded> = list(context, "SeiNodes", &ListParams::default()).await?;
    let pods: Vec<Pod> = list(context, "pods", &of_nodes).await?;
    // A SeiNode that cannot be read is nobody's rival, but its pods are looked at.
    let nodes: Vec<&SeiNode> = nodes.iter().filter_map(|node| node.0.as_ref().ok()).collect();
    let pods: Vec<&Pod> = pods.iter().collect();
    let workload = seen.stateful_set.as_ref().map(|workload| workload.uid.as_str());
    let sets: Vec<StatefulSet> = list(context, "StatefulSets", &of_nodes).await?;
    let jobs: Vec<Job> = list(context, "Jobs", &of_nodes).await?;
    let (sets, jobs): (Vec<_>, Vec<_>) = (sets.iter().collect(), jobs.iter().collect());
    let mut rivals =
        Rivals::of(&subject.node, workload, &nodes, &pods).and_makers(&subject.node, &nodes, &sets, &jobs);
    if let Exclusive::SigningKey(_) = resource {
        future::join_all(rivals.strays.iter_mut().map(|stray| examine(context, stray))).await;
        context.keyring.note_strays(&rivals.strays, seen.now);
    }
    Ok(rivals)
}

/// Reads which key a stray pod signs with.
async fn examine(context: &Context, stray: &mut Stray) {
    let Some(secret) = &stray.uses.signing_secret else { return };
    stray.key = match keys::signing_key(context, &stray.namespace, secret).await {
        Finding::Valid(key) => StrayKey::Is(key),
        Finding::Missing(_) | Finding::Going(_) | Finding::Invalid(_) | Finding::Unread(_) => {
            StrayKey::Unknown
        }
    };
}

/// Lists a kind in every served namespace.
async fn list<K>(context: &Context, kind: &str, parameters: &ListParams) -> Result<Vec<K>, Failure>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    let apis: Vec<Api<K>> = match &context.scope {
        Scope::Cluster => vec![Api::all(context.client.clone())],
        Scope::Namespaces(all) => {
            all.iter().map(|name| Api::namespaced(context.client.clone(), name)).collect()
        }
    };
    let mut found = Vec::new();
    for api in apis {
        let list = api.list(parameters).await;
        found.extend(list.map_err(|error| api_error::read(&error, &format!("list {kind}")))?.items);
    }
    Ok(found)
}

//! Rivals for what only one node may use, read live before the node takes it.
//!
//! Makers first (StatefulSets, Jobs), then pods, then SeiNodes: what a maker makes meanwhile is seen among the pods. Each
//! list is read by pages, and of each page only what matters is kept. One look at a time: five thousand nodes that look at
//! once must not hold five thousand lists.

use futures::future;
use k8s_openapi::{
    NamespaceResourceScope,
    api::{apps::v1::StatefulSet, batch::v1::Job, core::v1::Pod},
};
use kube::{Api, Resource, api::ListParams};
use seinode_api::names;
use seinode_core::{
    exclusive::{Resource as Exclusive, Rivals, Stray, StrayKey},
    failure::Failure,
    keys::Finding,
    observation::{Observation, RivalsOf},
    subject::Subject,
};
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use super::keys;
use crate::{api_error, cache::Guarded, context::Context, settings::Scope};

/// Objects in one page of a list.
const PAGE: u32 = 100;
/// Secrets of strays that are read at once.
const SECRETS: usize = 8;

/// Held by the one look that is under way.
static LOOK: Mutex<()> = Mutex::const_new(());

/// Reads everybody from the API server: the watches may be behind.
pub(super) async fn live(
    context: &Context,
    subject: &Subject,
    seen: &Observation,
    resource: &Exclusive,
) -> Result<Rivals, Failure> {
    let _one_at_a_time = LOOK.lock().await;
    let of_nodes = ListParams::default().labels(names::NODE_LABEL);
    let uid = seen.stateful_set.as_ref().map(|sts| sts.uid.as_str());
    let mut rivals = RivalsOf::new(&subject.node, uid);
    each(context, "StatefulSets", &of_nodes, |sts: &StatefulSet| rivals.stateful_set(sts)).await?;
    each(context, "Jobs", &of_nodes, |job: &Job| rivals.job(job)).await?;
    each(context, "pods", &of_nodes, |pod: &Pod| rivals.pod(pod)).await?;
    each(context, "SeiNodes", &ListParams::default(), |node: &Guarded| {
        // A SeiNode that cannot be read is nobody's rival, but its pods are.
        if let Ok(node) = &node.0 {
            rivals.sei_node(node);
        }
    })
    .await?;
    let mut rivals = rivals.collect();
    if let Exclusive::SigningKey(_) = resource {
        for strays in rivals.strays.chunks_mut(SECRETS) {
            future::join_all(strays.iter_mut().map(|stray| examine(context, stray))).await;
        }
    }
    Ok(rivals)
}

/// Reads which key a stray signs with.
async fn examine(context: &Context, stray: &mut Stray) {
    let Some(secret) = &stray.uses.signing_secret else { return };
    stray.key = match keys::signing_key(context, &stray.namespace, secret).await {
        Finding::Valid(key) if stray.uses.copied.is_none_or(|copied| copied == key.file) => {
            StrayKey::Is(key.fingerprint)
        }
        Finding::Valid(_)
        | Finding::Missing(_)
        | Finding::Going(_)
        | Finding::Invalid(_)
        | Finding::Unread(_) => StrayKey::Unknown,
    };
}

/// Reads every object of a kind in every served namespace, page by page.
async fn each<K>(
    context: &Context,
    kind: &str,
    parameters: &ListParams,
    mut read: impl FnMut(&K),
) -> Result<(), Failure>
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
    for api in apis {
        let mut page = parameters.clone().limit(PAGE);
        loop {
            let list = api.list(&page).await;
            let list = list.map_err(|error| api_error::read(&error, &format!("list {kind}")))?;
            list.items.iter().for_each(&mut read);
            match list.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => page = page.continue_token(&token),
                None => break,
            }
        }
    }
    Ok(())
}

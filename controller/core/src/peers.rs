//! Peers among the cluster's own SeiNodes.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use seinode_api::SeiNode;

use crate::{intent::Intent, node::NodeRef};

/// The address of a SeiNode with this metadata, if any label source of the intent selects it; the node is no peer of itself.
///
/// An address has no port and no node id: the sidecar fetches each peer's id.
#[must_use]
pub fn address(node: &NodeRef, intent: &Intent, candidate: &ObjectMeta) -> Option<String> {
    let namespace = candidate.namespace.as_deref().unwrap_or_default();
    let name = candidate.name.as_deref().unwrap_or_default();
    if (namespace, name) == (&node.namespace, &node.name) {
        return None;
    }
    let none = BTreeMap::new();
    let labels = candidate.labels.as_ref().unwrap_or(&none);
    let selected = |(sought, selector): (&str, &BTreeMap<String, String>)| {
        sought == namespace && selects(selector, labels)
    };
    let is_peer = intent.label_sources().any(selected);
    is_peer.then(|| format!("{name}-0.{name}.{namespace}.svc.cluster.local"))
}

/// True if a SeiNode has a label source that selects another of this namespace with these labels: when that
/// one comes, goes or is relabelled, this one has to look again (W19).
#[must_use]
pub fn depends_on(object: &SeiNode, namespace: &str, labels: &BTreeMap<String, String>) -> bool {
    let own = object.metadata.namespace.as_deref().unwrap_or_default();
    object.spec.peers.iter().filter_map(|source| source.label.as_ref()).any(|label| {
        let sought = label.namespace.as_deref().filter(|name| !name.is_empty()).unwrap_or(own);
        sought == namespace && selects(&label.selector, labels)
    })
}

/// True if labels fulfil an equality selector.
fn selects(selector: &BTreeMap<String, String>, labels: &BTreeMap<String, String>) -> bool {
    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_selected_by_label_and_namespace() {
        let object = "
metadata: {name: n0, namespace: a}
spec:
  chainId: c
  image: i
  fullNode: {}
  peers: [{label: {selector: {role: sentry}}}, {label: {selector: {role: sentry}, namespace: b}}]
";
        let object: SeiNode = serde_norway::from_str(object).unwrap();
        let intent = Intent::parse(&object).unwrap();
        let node = NodeRef { namespace: "a".into(), name: "n0".into(), uid: "u".into() };
        let sentry =
            BTreeMap::from([("role".to_owned(), "sentry".to_owned()), ("x".to_owned(), "y".to_owned())]);
        let other = BTreeMap::from([("role".to_owned(), "rpc".to_owned())]);
        let address = |namespace: &str, name: &str, labels: &BTreeMap<String, String>| {
            let meta = ObjectMeta {
                namespace: Some(namespace.into()),
                name: Some(name.into()),
                labels: Some(labels.clone()),
                ..ObjectMeta::default()
            };
            super::address(&node, &intent, &meta)
        };
        assert_eq!(address("a", "n1", &sentry).as_deref(), Some("n1-0.n1.a.svc.cluster.local"));
        assert_eq!(address("b", "n0", &sentry).as_deref(), Some("n0-0.n0.b.svc.cluster.local"));
        assert_eq!(address("a", "n0", &sentry), None, "the node itself");
        assert_eq!(address("a", "n3", &other), None);
        assert_eq!(address("c", "n0", &sentry), None);
        assert!(depends_on(&object, "a", &sentry) && depends_on(&object, "b", &sentry));
        assert!(!depends_on(&object, "c", &sentry) && !depends_on(&object, "a", &other));
    }
}

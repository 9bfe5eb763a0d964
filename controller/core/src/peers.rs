//! Peers among the cluster's own SeiNodes (plans-tasks-sidecar §1.6).

use std::collections::{BTreeMap, BTreeSet};

use seinode_api::SeiNode;

use crate::{intent::Intent, node::NodeRef};

/// The addresses of the candidates that any label source of the intent selects; the node itself is none.
///
/// An address has no port and no node id: the sidecar asks each peer for its id.
pub fn resolve<'a>(
    node: &NodeRef,
    intent: &Intent,
    candidates: impl IntoIterator<Item = (&'a str, &'a str, &'a BTreeMap<String, String>)>,
) -> BTreeSet<String> {
    candidates
        .into_iter()
        .filter(|(namespace, name, _)| (*namespace, *name) != (&node.namespace, &node.name))
        .filter(|(namespace, _, labels)| {
            intent.label_sources().any(|(sought, selector)| sought == *namespace && selects(selector, labels))
        })
        .map(|(namespace, name, _)| format!("{name}-0.{name}.{namespace}.svc.cluster.local"))
        .collect()
}

/// Whether a SeiNode has a label source that selects another of this namespace with these labels: when that
/// one comes, goes or is relabelled, this one has to look again (W19).
#[must_use]
pub fn depends_on(object: &SeiNode, namespace: &str, labels: &BTreeMap<String, String>) -> bool {
    let own = object.metadata.namespace.as_deref().unwrap_or_default();
    object.spec.peers.iter().filter_map(|source| source.label.as_ref()).any(|label| {
        let sought = label.namespace.as_deref().filter(|name| !name.is_empty()).unwrap_or(own);
        sought == namespace && selects(&label.selector, labels)
    })
}

/// Whether labels fulfil an equality selector.
fn selects(selector: &BTreeMap<String, String>, labels: &BTreeMap<String, String>) -> bool {
    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_selected_by_label_and_namespace_and_never_the_node_itself() {
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
        let found = resolve(
            &node,
            &intent,
            [
                ("a", "n0", &sentry),
                ("a", "n2", &sentry),
                ("a", "n1", &sentry),
                ("a", "n3", &other),
                ("b", "n0", &sentry),
                ("c", "n0", &sentry),
            ],
        );
        let addresses: Vec<_> = found.into_iter().collect();
        assert_eq!(
            addresses,
            ["n0-0.n0.b.svc.cluster.local", "n1-0.n1.a.svc.cluster.local", "n2-0.n2.a.svc.cluster.local"]
        );
        assert!(depends_on(&object, "a", &sentry) && depends_on(&object, "b", &sentry));
        assert!(!depends_on(&object, "c", &sentry) && !depends_on(&object, "a", &other));
    }
}

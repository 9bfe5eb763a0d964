//! Resolves a request to a node: by path prefix, else by Host. Pure.

use std::fmt;

/// Namespace and name of a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NodeKey {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl NodeKey {
    pub(crate) fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// The name by which cluster DNS knows the node's pod.
    pub(crate) fn host(&self) -> String {
        let Self { namespace, name } = self;
        format!("{name}-0.{name}.{namespace}.{CLUSTER_DOMAIN}")
    }
}

impl fmt::Display for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Mapping of requests to nodes.
#[derive(Clone, Debug)]
pub(crate) enum Addressed {
    /// Each request says it.
    ByRequest,
    /// It serves this node only.
    Always(NodeKey),
}

impl Addressed {
    /// The node that a request addresses, and the path as the node's own sidecar would see it.
    pub(crate) fn node<'a>(&self, path: &'a str, host: Option<&str>) -> Option<(NodeKey, &'a str)> {
        match self {
            Self::ByRequest => resolve(path, host),
            Self::Always(node) => Some((node.clone(), path)),
        }
    }
}

const CLUSTER_DOMAIN: &str = "svc.cluster.local";

/// A path that begins with `/v0` has no prefix: the Host header decides.
fn resolve<'a>(path: &'a str, host: Option<&str>) -> Option<(NodeKey, &'a str)> {
    let relative = path.strip_prefix('/')?;
    if relative == "v0" || relative.starts_with("v0/") {
        return Some((by_host(host?)?, path));
    }
    let (namespace, rest) = relative.split_once('/')?;
    let (name, own_path) = match rest.find('/') {
        Some(slash) => rest.split_at(slash),
        None => (rest, "/"),
    };
    (!namespace.is_empty() && !name.is_empty()).then(|| (NodeKey::new(namespace, name), own_path))
}

fn by_host(host: &str) -> Option<NodeKey> {
    let host = host.split_once(':').map_or(host, |(host, _port)| host);
    let mut labels = host.strip_suffix(CLUSTER_DOMAIN)?.strip_suffix('.')?.split('.');
    let (pod, name, namespace) = (labels.next()?, labels.next()?, labels.next()?);
    let names_the_pod = pod.strip_suffix("-0") == Some(name);
    (names_the_pod && labels.next().is_none()).then(|| NodeKey::new(namespace, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, host: Option<&str>, expected: Option<(&str, &str, &str)>) {
        let expected = expected.map(|(namespace, name, path)| (NodeKey::new(namespace, name), path));
        assert_eq!(resolve(path, host), expected);
    }

    #[test]
    fn a_prefix_names_the_node_and_beats_the_host() {
        check("/ns/a/v0/tasks/1", None, Some(("ns", "a", "/v0/tasks/1")));
        check("/ns/a/v0/healthz", Some("b-0.b.other.svc.cluster.local"), Some(("ns", "a", "/v0/healthz")));
        check("/ns/a", None, Some(("ns", "a", "/")));
        check("/ns/a/", None, Some(("ns", "a", "/")));
    }

    #[test]
    fn without_a_prefix_the_host_names_the_node() {
        let path = "/v0/healthz";
        check(path, Some("a-0.a.ns.svc.cluster.local"), Some(("ns", "a", path)));
        check(path, Some("a-0.a.ns.svc.cluster.local:7777"), Some(("ns", "a", path)));
        check(path, Some(&NodeKey::new("ns", "a").host()), Some(("ns", "a", path)));
    }

    #[test]
    fn a_sidecar_of_one_node_is_always_meant() {
        let node = NodeKey::new("ns", "a");
        let alone = Addressed::Always(node.clone());
        assert_eq!(alone.node("/v0/healthz", Some("10.88.0.7:7777")), Some((node, "/v0/healthz")));
        assert_eq!(Addressed::ByRequest.node("/v0/healthz", Some("10.88.0.7:7777")), None);
    }

    #[test]
    fn other_addresses_name_no_node() {
        for host in [
            None,
            Some("127.0.0.1:80"),
            Some("a-1.a.ns.svc.cluster.local"),
            Some("a-0.b.ns.svc.cluster.local"),
            Some("a-0.a.ns.more.svc.cluster.local"),
            Some("svc.cluster.local"),
        ] {
            check("/v0/healthz", host, None);
        }
        check("/", None, None);
        check("/ns", None, None);
        check("//a/v0/healthz", None, None);
    }
}

//! Nodes that benchmarks bring up.

use seinode_api::SeiNode;
use serde::Deserialize;

const EXAMPLES: [&str; 3] = [
    include_str!("../../examples/1-sentry.yaml"),
    include_str!("../../examples/2-rpc.yaml"),
    include_str!("../../examples/3-trace.yaml"),
];

/// The nodes that the demo shows.
pub fn examples() -> Vec<SeiNode> {
    EXAMPLES.map(|yaml| SeiNode::deserialize(serde_norway::Deserializer::from_str(yaml)).unwrap()).to_vec()
}

/// The same nodes, independent of each other: peers that would be looked up in the cluster are given instead.
pub fn apart() -> Vec<SeiNode> {
    let mut nodes = examples();
    let known = nodes[0].spec.peers.clone();
    for node in &mut nodes {
        if node.spec.peers.iter().any(|source| source.label.is_some()) {
            node.spec.peers.clone_from(&known);
        }
    }
    nodes
}

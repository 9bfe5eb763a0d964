//! The ports that `seid` serves (crd-and-workload §0).

/// A port that `seid` serves, in the order of the reference, whatever the mode.
pub(crate) const PORTS: [(&str, i32); 7] = [
    ("evm-rpc", 8545),
    ("evm-ws", 8546),
    ("grpc", 9090),
    ("rest", 1317),
    ("p2p", 26656),
    ("rpc", 26657),
    ("metrics", 26660),
];

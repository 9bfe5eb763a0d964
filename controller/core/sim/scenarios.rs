//! Requests of people: one scenario for every kind of plan that there is, and for nodes that want the same thing.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use seinode_api::SeiNode;
use seinode_core::keys::Fingerprint;

use crate::world::World;

/// A beginning.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    pub name: &'static str,
    /// The SeiNodes, all created in the same second: name, namespace and spec.
    pub nodes: &'static [(&'static str, &'static str, &'static str)],
}

const SIGNER: &str =
    "validator: {signingKey: {secret: {secretName: key}}, nodeKey: {secret: {secretName: p2p}}}";
const SAME_KEY: &str =
    "validator: {signingKey: {secret: {secretName: copy}}, nodeKey: {secret: {secretName: p2p}}}";
const IMPORT: &str = "{fullNode: {}, dataVolume: {import: {pvcName: old-data}}}";
const BOOTSTRAP: &str = "fullNode: {snapshot: {s3: {targetHeight: 7}, bootstrapImage: 'seid:boot'}}";

/// Every kind of plan.
pub const SCENARIOS: &[Scenario] = &[
    Scenario { name: "block-sync", nodes: &[("n0", "sei", "fullNode: {}")] },
    Scenario {
        name: "state-sync",
        nodes: &[(
            "n0",
            "sei",
            "{fullNode: {snapshot: {stateSync: {}}}, peers: [{static: {addresses: ['x@h:1']}}]}",
        )],
    },
    Scenario { name: "s3", nodes: &[("n0", "sei", "validator: {snapshot: {s3: {targetHeight: 7}}}")] },
    Scenario { name: "archive", nodes: &[("n0", "sei", "archive: {}")] },
    Scenario { name: "two nodes", nodes: &[("n0", "sei", "fullNode: {}"), ("n1", "sei", "fullNode: {}")] },
    Scenario {
        name: "archive that publishes",
        nodes: &[("n0", "sei", "archive: {snapshotGeneration: {tendermint: {keepRecent: 2, publish: {}}}}")],
    },
    Scenario {
        name: "replayer that exports",
        nodes: &[(
            "n0",
            "sei",
            "{replayer: {snapshot: {s3: {targetHeight: 7}}, resultExport: {shadowResult: {canonicalRpc: 'http://c'}}}, \
             peers: [{static: {addresses: ['x@h:1']}}]}",
        )],
    },
    Scenario {
        name: "ceremony",
        nodes: &[(
            "n0",
            "sei",
            "validator: {genesisCeremony: {chainId: c, stakingAmount: 1usei, accountBalance: 2usei, index: 0}}",
        )],
    },
    Scenario { name: "bootstrap", nodes: &[("n0", "sei", BOOTSTRAP)] },
    Scenario {
        name: "bootstrap on an import",
        nodes: &[(
            "n0",
            "sei",
            "{fullNode: {snapshot: {s3: {targetHeight: 7}, bootstrapImage: 'seid:boot'}}, \
             dataVolume: {import: {pvcName: old-data}}}",
        )],
    },
    Scenario { name: "signer", nodes: &[("n0", "sei", SIGNER)] },
    Scenario { name: "import", nodes: &[("n0", "sei", IMPORT)] },
    Scenario {
        name: "peers",
        nodes: &[
            ("n0", "sei", "{fullNode: {}, peers: [{label: {selector: {role: n1}}}]}"),
            ("n1", "sei", "fullNode: {}"),
        ],
    },
    Scenario {
        name: "mutual peers",
        nodes: &[
            ("n0", "sei", "{fullNode: {}, peers: [{label: {selector: {role: n1}}}]}"),
            ("n1", "sei", "{fullNode: {}, peers: [{label: {selector: {role: n0}}}]}"),
        ],
    },
    Scenario { name: "one key for two", nodes: &[("n0", "sei", SIGNER), ("n1", "other", SAME_KEY)] },
    Scenario { name: "one volume for two", nodes: &[("n0", "sei", IMPORT), ("n1", "sei", IMPORT)] },
    Scenario {
        name: "one volume for its owner and another",
        nodes: &[
            ("n0", "sei", "fullNode: {}"),
            ("n1", "sei", "{fullNode: {}, dataVolume: {import: {pvcName: data-n0}}}"),
        ],
    },
    Scenario {
        name: "a kept volume for its owner and another",
        nodes: &[
            ("n0", "sei", "{fullNode: {}, dataVolume: {retain: true}}"),
            ("n1", "sei", "{fullNode: {}, dataVolume: {import: {pvcName: data-n0}}}"),
        ],
    },
];

impl Scenario {
    /// The scenario of a name.
    pub fn named(name: &str) -> &'static Self {
        SCENARIOS.iter().find(|it| it.name == name).unwrap_or_else(|| panic!("no scenario {name}"))
    }

    /// The world at its beginning.
    pub fn world(&self) -> World {
        let mut world = World::new();
        for (namespace, secret, number) in [("sei", "key", 1), ("other", "copy", 1), ("sei", "key-2", 2)] {
            world.secrets.insert((namespace.into(), secret.into()), key(number));
        }
        world.api.create(old_data().into(), world.now);
        for (name, namespace, spec) in self.nodes {
            world.api.create(node(name, namespace, spec).into(), world.now);
        }
        world
    }
}

/// A consensus key.
pub fn key(number: u8) -> Fingerprint {
    Fingerprint::parse(&format!("00000000-0000-4000-8000-{number:012}")).unwrap()
}

/// A PVC that nobody owns.
pub fn old_data() -> PersistentVolumeClaim {
    let claim = serde_json::json!({
        "metadata": { "name": "old-data", "namespace": "sei" },
        "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Ti" } } },
    });
    serde_json::from_value(claim).unwrap()
}

/// A SeiNode. Its label `role` is its name, so that others can select it.
pub fn node(name: &str, namespace: &str, spec: &str) -> SeiNode {
    let mut own: serde_json::Value = serde_norway::from_str(spec).unwrap();
    own["chainId"] = "c".into();
    own["image"] = "seid:1".into();
    let meta = serde_json::json!({ "name": name, "namespace": namespace, "labels": { "role": name } });
    serde_json::from_value(serde_json::json!({ "metadata": meta, "spec": own })).unwrap()
}

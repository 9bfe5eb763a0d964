//! Every file in `examples/`, as a dry run through the real API server: strict validation, CEL and the webhooks.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use scenario::scenario;
use serde::Deserialize as _;
use serde_json::Value;

use super::setup::{Guards, Setup};
use crate::kit::Kit;

/// Paths in a spec that at least one example has to show.
const SHOWN: [&str; 14] = [
    "/fullNode",
    "/fullNode/snapshot/stateSync",
    "/fullNode/snapshot/s3",
    "/fullNode/snapshot/bootstrapImage",
    "/archive/snapshotGeneration/tendermint/publish",
    "/replayer/resultExport/shadowResult",
    "/validator/signingKey",
    "/validator/snapshot/stateSync",
    "/validator/genesisCeremony",
    "/dataVolume/import",
    "/dataVolume/retain",
    "/peers/0/ec2Tags",
    "/peers/0/label",
    "/peers/0/static",
];

#[scenario]
async fn every_example_is_admitted_without_a_warning(kit: Arc<Kit>) {
    let setup = Setup::of(&kit, Guards::Both).await;
    let _operator = setup.replica().await;
    let mut shown = BTreeSet::new();
    for file in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")) {
        let text = std::fs::read_to_string(&file).unwrap();
        for document in serde_norway::Deserializer::from_str(&text) {
            let mut object = Value::deserialize(document).unwrap();
            if object["metadata"]["namespace"].is_string() {
                object["metadata"]["namespace"] = setup.ns.name.clone().into();
            }
            let arguments = ["create", "--dry-run=server", "--validate=strict", "-o", "json"];
            let (admitted, output) = setup.kubectl_with(&arguments, &object);
            assert!(admitted && !output.contains("Warning"), "{}: {output}", file.display());
            if object["kind"] == "SeiNode" {
                shown.extend(SHOWN.into_iter().filter(|path| object["spec"].pointer(path).is_some()));
            }
        }
    }
    let missing: Vec<_> = SHOWN.into_iter().filter(|path| !shown.contains(path)).collect();
    assert_eq!(missing, [] as [&str; 0], "no example shows these fields");
}

/// All YAML files below `directory`.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
    found.sort();
    found
}

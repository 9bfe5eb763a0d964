//! SeiNodes: labels, denials and warnings, as kubectl shows them.

use std::sync::Arc;

use scenario::scenario;
use seinode_api::SeiNode;
use serde_json::{Value, json};

use super::setup::{Guards, Setup};
use crate::kit::Kit;

fn node(spec: Value) -> Value {
    let mut object = json!({
        "apiVersion": "sei.io/v1alpha1", "kind": "SeiNode", "metadata": {"name": "n0"},
        "spec": {"chainId": "atlantic-2", "image": "registry.example.com/seid:latest", "fullNode": {}, "paused": true},
    });
    if let Value::Object(members) = spec {
        members.into_iter().for_each(|(name, value)| object["spec"][name] = value);
    }
    object
}

#[scenario]
async fn kubectl_shows_labels_errors_and_warnings_of_nodes(kit: Arc<Kit>) {
    let setup = Setup::of(&kit, Guards::Both).await;
    let operator = setup.replica().await;
    // An error that CEL cannot find, reported by the parser.
    let typo = node(json!({"overrides": {"evm.http_prot": "1"}}));
    let output = setup
        .refused_eventually("a typo is refused", || {
            setup.kubectl_with(&["create", "--dry-run=server"], &typo)
        })
        .await;
    assert!(
        output.starts_with(r#"The SeiNode "n0" is invalid: spec.overrides[evm.http_prot]: "#),
        "{output}"
    );
    assert!(output.contains("did you mean evm.http_port?"), "{output}");

    let (created, output) = setup.kubectl_with(&["apply"], &node(json!({})));
    assert!(
        created && output.contains("Warning: spec.image: registry.example.com/seid:latest may be"),
        "{output}"
    );
    let labels =
        async || setup.ns.api::<SeiNode>().get("n0").await.unwrap().metadata.labels.unwrap_or_default();
    assert_eq!(labels().await["sei.io/chain"], "atlantic-2");
    assert_eq!(labels().await["sei.io/mode"], "fullNode");

    // A label of ours is corrected at once; others stay, also where they look like ours.
    for arguments in [
        ["label", "seinode/n0", "sei.io/mode-"].as_slice(),
        &["label", "seinode/n0", "sei.io/chain=other", "--overwrite"],
        &["label", "seinode/n0", "team=rpc", "sei.io/foreign=x"],
    ] {
        let (done, output) = setup.kubectl(arguments);
        assert!(done, "{output}");
    }
    for (name, value) in [
        ("sei.io/mode", "fullNode"),
        ("sei.io/chain", "atlantic-2"),
        ("team", "rpc"),
        ("sei.io/foreign", "x"),
    ] {
        assert_eq!(labels().await[name], value, "{name}");
    }

    // A change that would swap the volume, reported with every other error.
    let swap = node(json!({"dataVolume": {"import": {"pvcName": "other"}}, "overrides": {"zzz": "1"}}));
    for arguments in [["apply"].as_slice(), &["apply", "--server-side", "--force-conflicts"], &["replace"]] {
        let (done, output) = setup.kubectl_with(arguments, &swap);
        assert!(!done, "{arguments:?}: {output}");
        for words in
            ["spec.dataVolume.import: it cannot be added to a node that exists", "spec.overrides[zzz]: "]
        {
            assert!(output.contains(words), "{arguments:?}: {output}");
        }
    }

    // A change of neither spec nor our labels calls nobody.
    let calls = async || {
        let (_, metrics) = operator.get("metrics", "/metrics").await;
        let of_nodes =
            |line: &&str| line.contains("webhook=\"vseinode.sei.io\"") && line.contains("requests_total");
        metrics.lines().filter(of_nodes).map(str::to_owned).collect::<Vec<_>>()
    };
    let before = calls().await;
    for arguments in [["annotate", "seinode/n0", "sei.io/foreign=x"], ["label", "seinode/n0", "a=b"]] {
        let (done, output) = setup.kubectl(&arguments);
        assert!(done, "{output}");
    }
    assert_eq!(calls().await, before);
    // A label that looks like ours is validated, whoever set it.
    let (done, output) = setup.kubectl(&["label", "seinode/n0", "sei.io/foreign-"]);
    assert!(done, "{output}");
    assert_ne!(calls().await, before);
    assert!(!labels().await.contains_key("sei.io/foreign"));

    let (done, output) = setup.kubectl(&["delete", "seinode/n0"]);
    assert!(done && output.contains("Warning: PVC data-n0 is deleted with SeiNode n0"), "{output}");
    drop(operator);

    // Without an operator a node cannot be created, but those that exist can be deleted.
    let (created, output) = setup.kubectl_with(&["create"], &node(json!({})));
    assert!(!created && output.contains("vseinode.sei.io"), "{output}");
}

//! SeiNodes: what is stamped, what is refused, what is warned of, as kubectl shows it.

use std::sync::Arc;

use scenario::scenario;
use seinode_api::SeiNode;
use serde_json::{Value, json};

use super::stage::{Guards, Stage};
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
async fn a_node_is_labelled_and_judged_and_its_owner_is_told_why(kit: Arc<Kit>) {
    let stage = Stage::of(&kit, Guards::Both).await;
    let operator = stage.replica().await;
    // What CEL cannot say, in the words of the parser.
    let typo = node(json!({"overrides": {"evm.http_prot": "1"}}));
    let said = stage
        .refused_in_the_end("a typo is refused", || {
            stage.kubectl_with(&["create", "--dry-run=server"], &typo)
        })
        .await;
    assert!(said.starts_with(r#"The SeiNode "n0" is invalid: spec.overrides[evm.http_prot]: "#), "{said}");
    assert!(said.contains("did you mean evm.http_port?"), "{said}");

    let (created, said) = stage.kubectl_with(&["apply"], &node(json!({})));
    assert!(
        created && said.contains("Warning: spec.image: registry.example.com/seid:latest may be"),
        "{said}"
    );
    let labels =
        async || stage.ns.api::<SeiNode>().get("n0").await.unwrap().metadata.labels.unwrap_or_default();
    assert_eq!(labels().await["sei.io/chain"], "atlantic-2");
    assert_eq!(labels().await["sei.io/mode"], "fullNode");

    // A label of ours is put right at once; others are nobody's business, also where they look like ours.
    for arguments in [
        ["label", "seinode/n0", "sei.io/mode-"].as_slice(),
        &["label", "seinode/n0", "sei.io/chain=other", "--overwrite"],
        &["label", "seinode/n0", "team=rpc", "sei.io/foreign=x"],
    ] {
        let (done, said) = stage.kubectl(arguments);
        assert!(done, "{said}");
    }
    for (name, value) in [
        ("sei.io/mode", "fullNode"),
        ("sei.io/chain", "atlantic-2"),
        ("team", "rpc"),
        ("sei.io/foreign", "x"),
    ] {
        assert_eq!(labels().await[name], value, "{name}");
    }

    // What would swap the volume, with all that is wrong beside it.
    let swap = node(json!({"dataVolume": {"import": {"pvcName": "other"}}, "overrides": {"zzz": "1"}}));
    for arguments in [["apply"].as_slice(), &["apply", "--server-side", "--force-conflicts"], &["replace"]] {
        let (done, said) = stage.kubectl_with(arguments, &swap);
        assert!(!done, "{arguments:?}: {said}");
        for words in
            ["spec.dataVolume.import: it cannot be added to a node that exists", "spec.overrides[zzz]: "]
        {
            assert!(said.contains(words), "{arguments:?}: {said}");
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
        let (done, said) = stage.kubectl(&arguments);
        assert!(done, "{said}");
    }
    assert_eq!(calls().await, before);
    // A label that looks like ours is judged, whoever's it is.
    let (done, said) = stage.kubectl(&["label", "seinode/n0", "sei.io/foreign-"]);
    assert!(done, "{said}");
    assert_ne!(calls().await, before);
    assert!(!labels().await.contains_key("sei.io/foreign"));

    let (done, said) = stage.kubectl(&["delete", "seinode/n0"]);
    assert!(done && said.contains("Warning: PVC data-n0 and its data go with SeiNode n0"), "{said}");
    drop(operator);

    // With nobody up a node cannot be made, but those that exist can go.
    let (created, said) = stage.kubectl_with(&["create"], &node(json!({})));
    assert!(!created && said.contains("vseinode.sei.io"), "{said}");
}

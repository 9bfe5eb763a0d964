//! Releases that would reconcile the same nodes: refused when the second one is installed.

use std::sync::Arc;

use devcluster::Options;
use scenario::scenario;
use serde_json::{Value, json};

use crate::kit::{
    Kit, Namespace,
    release::{Helm, OPERATOR, values},
};

#[scenario]
async fn a_release_for_nodes_of_another_release_is_refused(kit: Arc<Kit>) {
    let world = Arc::new(
        kit.private(Options { crds: vec![seinode_api::crd::seinode()], ..xtask::platform::options() }).await,
    );
    for namespace in ["one", "two", "nodes-a", "nodes-b"] {
        Namespace::create(Arc::clone(&world), namespace).await;
    }
    let helm = Helm::of(&world);
    let run = |verb: &[&str], namespace: &str, name: &str, watched: &[&str]| {
        let account = json!({"name": name});
        let more =
            json!({"fullname": name, "replicas": 0, "watchNamespaces": watched, "serviceAccount": account});
        let file = helm.file(&values(&more));
        helm.run(&[verb, &[name, OPERATOR, "--namespace", namespace, "--values", &file]].concat())
    };
    let try_install = |namespace: &str, watched: &[&str]| {
        let (done, _, said) = run(&["install", "--dry-run=server"], namespace, "second", watched);
        if done { Ok(()) } else { Err(said) }
    };
    let refused = |answer: Result<(), String>, words: &str| {
        let said = answer.expect_err("it was taken");
        assert!(
            said.contains(words) && said.contains("two operators would work on the same nodes"),
            "{said}"
        );
    };

    // One that serves some namespaces.
    let install = |watched: &[&str]| {
        let (done, _, said) = run(&["install"], "one", "first", watched);
        assert!(done, "{said}");
    };
    install(&["nodes-a"]);
    let serves_a = "watchNamespaces: release first in namespace one serves namespace nodes-a";
    refused(try_install("two", &["nodes-a", "nodes-b"]), serves_a);
    refused(try_install("two", &[]), serves_a);
    assert_eq!(try_install("two", &["nodes-b"]), Ok(()));
    // They share a Lease: one of them is a spare.
    assert_eq!(try_install("one", &["nodes-a"]), Ok(()));

    // One that serves all.
    let (done, _, said) = run(&["upgrade"], "one", "first", &[]);
    assert!(done, "a release is in its own way: {said}");
    let serves_all = "watchNamespaces: release first in namespace one serves all namespaces";
    refused(try_install("two", &[]), serves_all);
    refused(try_install("two", &["nodes-b"]), serves_all);
    assert_eq!(try_install("one", &[]), Ok(()));

    // A role for users that SeiNodes are aggregated to is no operator's, and neither is a role of another project.
    let (done, _, said) = helm.run(&["uninstall", "first", "--namespace", "one"]);
    assert!(done, "{said}");
    let stranger: Value = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": "seinode-readers", "labels": {"app.kubernetes.io/name": "readers"}},
        "rules": [{"apiGroups": ["sei.io"], "resources": ["seinodes/status"], "verbs": ["update"]}],
    });
    let roles = kube::Api::<k8s_openapi::api::rbac::v1::ClusterRole>::all(world.cluster.client());
    roles.create(&Default::default(), &serde_json::from_value(stranger).unwrap()).await.unwrap();
    assert_eq!(try_install("two", &[]), Ok(()));
}

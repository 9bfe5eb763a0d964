//! Missing or broken surroundings of the operator are reported, retried, and never a panic.

use std::sync::Arc;

use devcluster::{LIMITED_TOKEN, Options};
use k8s_openapi::{
    api::{
        core::v1::PersistentVolumeClaim,
        rbac::v1::{ClusterRole, ClusterRoleBinding},
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, ResourceExt,
    api::{DynamicObject, Patch, PatchParams, PostParams},
    core::ApiResource,
};
use scenario::scenario;
use serde_json::json;

use crate::kit::{
    Kit, Namespace, Operator, eventually, install_crd,
    namespace::{condition, condition_status},
};

/// Waits until `/readyz` contains these words.
async fn reports(operator: &Operator, words: &str) {
    eventually(&format!("/readyz contains: {words}"), async || {
        let (status, gates) = operator.get("health", "/readyz?verbose").await;
        if gates.contains(words) { Ok(()) } else { Err((status, gates)) }
    })
    .await;
    assert!(operator.exited().is_none(), "it ended");
}

#[scenario]
async fn a_missing_crd_and_an_api_outage_are_waited_out(kit: Arc<Kit>) {
    let world = Arc::new(kit.private(xtask::platform::options()).await);
    let kubeconfig = world.cluster.kubeconfig().to_owned();
    // All namespaces: this cluster has no other operator.
    let operator = Operator::start(&world, &kubeconfig, &[]);
    reports(&operator, "seinodes.sei.io is not installed: run `seinode-operator crds | kubectl apply").await;
    assert_eq!(operator.get("health", "/livez").await.0, 200);

    install_crd(&world.cluster.client()).await;
    operator.ready().await;
    let ns = Namespace::create(Arc::clone(&world), "late").await;
    ns.full_node("n0", "").await;
    ns.running("n0").await;

    world.cluster.stop_apiserver();
    eventually("the log reports the API server as unreachable", async || {
        let log = operator.log();
        let printed = |line: &serde_json::Value| {
            line["message"].as_str().is_some_and(|words| words.contains("the API server cannot be reached"))
        };
        if log.iter().any(printed) { Ok(()) } else { Err(log.len()) }
    })
    .await;
    assert!(operator.exited().is_none(), "it ended");
    world.cluster.start_apiserver().await.unwrap();
    ns.full_node("n1", "").await;
    ns.running("n1").await;
    let panics = operator.log().iter().filter(|line| line.to_string().contains("panicked")).count();
    assert_eq!(panics, 0);
}

#[scenario]
async fn a_missing_permission_is_named_in_readyz_and_condition(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let kubeconfig = ns.world.cluster.kubeconfig_for_token(LIMITED_TOKEN).unwrap();
    let scope = format!("--watch-namespace={}", ns.name);
    let operator = Operator::start(&ns.world, &kubeconfig, &[&scope]);
    reports(&operator, "the operator may not list and watch pods: grant it both verbs").await;

    let rules = |sets: &[&str]| {
        json!([
            {"apiGroups": ["sei.io"], "resources": ["seinodes", "seinodes/status"],
             "verbs": ["get", "list", "watch", "patch", "update"]},
            {"apiGroups": ["sei.io"], "resources": ["seinodes/finalizers"], "verbs": ["update"]},
            {"apiGroups": [""], "resources": ["services", "persistentvolumeclaims"],
             "verbs": ["get", "list", "watch", "create", "patch"]},
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]},
            {"apiGroups": ["apps"], "resources": ["statefulsets"], "verbs": sets},
            {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get", "list", "watch"]},
            {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create"]},
        ])
    };
    grant(&ns.client, rules(&["get", "list", "watch"])).await;
    operator.ready().await;
    ns.full_node("n0", "").await;
    let node =
        ns.node_until("n0", "is stalled", |status| condition_status(status, "Stalled") == "True").await;
    let message = &condition(node.status.as_ref().unwrap(), "Ready").unwrap().message;
    assert!(
        message.contains("apply StatefulSet n0") && message.contains("grant the operator this right"),
        "{message}"
    );
    // What did not work is counted: the pass, the request, and before them the watch.
    for series in [
        "sei_controller_reconcile_errors_total{class=\"denied\"} ",
        "sei_controller_api_requests_total{code=\"403\",verb=\"patch\"} ",
        "sei_controller_watch_restarts_total{kind=\"pods\"} ",
    ] {
        eventually(series, async || {
            let (_, metrics) = operator.get("metrics", "/metrics").await;
            let value = metrics.lines().find_map(|line| line.strip_prefix(series)?.parse::<u64>().ok());
            value.filter(|value| *value > 0).map(drop).ok_or(metrics)
        })
        .await;
    }

    grant(&ns.client, rules(&["get", "list", "watch", "create", "patch"])).await;
    ns.running("n0").await;
}

/// Gives the limited user these rights, in all namespaces.
async fn grant(client: &Client, rules: serde_json::Value) {
    let force = PatchParams::apply("it").force();
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
                      "metadata": {"name": "limited-operator"}, "rules": rules});
    let roles: Api<ClusterRole> = Api::all(client.clone());
    roles.patch("limited-operator", &force, &Patch::Apply(role)).await.unwrap();
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": "limited-operator"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "limited-operator"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "limited"}]});
    let bindings: Api<ClusterRoleBinding> = Api::all(client.clone());
    bindings.patch("limited-operator", &force, &Patch::Apply(binding)).await.unwrap();
}

#[scenario]
async fn the_original_crd_is_reported_and_nothing_starts(kit: Arc<Kit>) {
    let legacy: CustomResourceDefinition =
        serde_norway::from_str(include_str!("crd/legacy-crd.yaml")).unwrap();
    let options = Options { crds: vec![legacy], ..xtask::platform::options() };
    let world = Arc::new(kit.private(options).await);
    let ns = Namespace::create(Arc::clone(&world), "adopted").await;
    let kind = ApiResource::erase::<seinode_api::SeiNode>(&());
    let raw: Api<DynamicObject> = Api::namespaced_with(ns.client.clone(), &ns.name, &kind);
    let mut hollow = DynamicObject::new("hollow", &kind);
    hollow.metadata.finalizers = Some(vec!["sei.io/seinode-finalizer".into()]);
    raw.create(&PostParams::default(), &hollow).await.unwrap();

    // Before the CRD is upgraded plans cannot be kept: none is carried out, and the log explains it.
    let operator = Operator::start(&world, world.cluster.kubeconfig(), &[]);
    ns.full_node("n0", "").await;
    eventually("the log demands the new CRD", async || {
        let log = operator.log();
        let matches = |line: &serde_json::Value| line.to_string().contains("drops parts of its status");
        if log.iter().any(matches) { Ok(()) } else { Err(log.last().cloned()) }
    })
    .await;
    assert!(ns.api::<PersistentVolumeClaim>().get_opt("data-n0").await.unwrap().is_none());
    let outdated = "sei_controller_crd_outdated";
    eventually("the log names what is missing", async || {
        let names = |line: &serde_json::Value| line.to_string().contains("drops .spec");
        if operator.log().iter().any(names) { Ok(()) } else { Err(operator.log()) }
    })
    .await;
    assert_eq!(operator.metric(outdated).await, 1.0);

    install_crd(&ns.client).await;
    eventually("the CRD is seen to be up to date", async || match operator.metric(outdated).await {
        0.0 => Ok(()),
        other => Err(other),
    })
    .await;
    ns.running("n0").await;
    eventually("the old finalizer is off", async || {
        let finalizers = raw.get("hollow").await.unwrap().finalizers().to_vec();
        if finalizers.is_empty() { Ok(()) } else { Err(finalizers) }
    })
    .await;
    eventually("an event reports the fault", async || {
        let reasons = ns.event_reasons("hollow").await;
        if reasons.contains(&"SpecInvalid".to_owned()) { Ok(()) } else { Err(reasons) }
    })
    .await;
    raw.delete("hollow", &Default::default()).await.unwrap();
    eventually("it is gone", async || match raw.get_opt("hollow").await.unwrap() {
        None => Ok(()),
        Some(left) => Err(left.metadata),
    })
    .await;
}

//! Exclusive resources: two nodes with one signing key, or with one volume, never have a pod at the same time.

use std::sync::Arc;

use devcluster::kubelet::STOP_DELAY;
use futures::future::join;
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    batch::v1::Job,
    core::v1::{PersistentVolumeClaim, Pod, Secret},
};
use kube::{
    ResourceExt,
    api::{Patch, PatchParams, PostParams, PropagationPolicy},
};
use scenario::scenario;
use seinode_api::{SeiNode, status::Phase};
use serde_json::json;

use crate::kit::{
    Kit, Namespace, Operator, eventually,
    fixtures::validator,
    keys::{FIRST, NODE_KEY, SECOND},
    namespace::{condition, condition_status},
    pods::PodWatch,
};

/// Two namespaces, and how an operator serves both.
async fn two(kit: &Kit) -> (Namespace, Namespace) {
    (kit.namespace().await, kit.namespace().await)
}

fn serve(a: &Namespace, b: &Namespace) -> Operator {
    let scopes = [a, b].map(|ns| format!("--watch-namespace={}", ns.name));
    Operator::start(&a.world, a.world.cluster.kubeconfig(), &[&scopes[0], &scopes[1]])
}

/// Creates a validator `n0` whose Secrets are there already.
async fn signer(ns: &Namespace) -> SeiNode {
    ns.create_yaml(&validator("n0", "")).await
}

/// Waits until the node refuses what it wants, because this one has it.
async fn in_use(ns: &Namespace, name: &str, type_: &str, words: &str) {
    let what = format!("{type_} reports that it is in use: {words}");
    let node = ns.node_until(name, &what, |status| {
        condition(status, type_).is_some_and(|it| it.reason == "InUse" && it.message.contains(words))
    });
    let node = node.await;
    let status = node.status.unwrap();
    assert_eq!((condition_status(&status, type_), status.phase), ("False", Some(Phase::Pending)));
    nothing_made(ns, name).await;
}

async fn nothing_made(ns: &Namespace, name: &str) {
    assert!(ns.api::<StatefulSet>().get_opt(name).await.unwrap().is_none(), "it got a StatefulSet");
    assert!(ns.api::<Job>().get_opt(&format!("{name}-bootstrap")).await.unwrap().is_none(), "it got a Job");
}

/// The older of two nodes as the rule has it, then the other.
fn by_age<'a>(
    first: (&'a Namespace, &SeiNode),
    second: (&'a Namespace, &SeiNode),
) -> (&'a Namespace, &'a Namespace) {
    let age = |node: &SeiNode| (node.creation_timestamp(), node.uid());
    if age(first.1) <= age(second.1) { (first.0, second.0) } else { (second.0, first.0) }
}

/// Has the pod of a node take its time to stop.
async fn slow_to_stop(ns: &Namespace, pod: &str) {
    let slow = json!({"metadata": {"annotations": {STOP_DELAY: "3s"}}});
    ns.api::<Pod>().patch(pod, &PatchParams::default(), &Patch::Merge(slow)).await.unwrap();
}

#[scenario]
async fn the_older_of_two_waiting_signers_signs(kit: Arc<Kit>) {
    let (a, b) = two(&kit).await;
    let watch = PodWatch::begin(&[&a, &b]).await;
    for ns in [&a, &b] {
        ns.keys("n0", &FIRST.file(), NODE_KEY).await;
    }
    let (one, other) = join(signer(&a), signer(&b)).await;
    let (older, younger) = by_age((&a, &one), (&b, &other));
    let _operator = serve(&a, &b);
    let holder = format!("SeiNode {}/n0", older.name);
    join(older.running("n0"), in_use(younger, "n0", "SigningKeyReady", &holder)).await;
    in_use(younger, "n0", "SigningKeyReady", &format!("{holder} holds it")).await;
    assert_eq!(watch.ever(), [format!("{}/n0-0", older.name)]);
}

#[scenario]
async fn two_signers_created_at_once_never_sign_at_once(kit: Arc<Kit>) {
    let (a, b) = two(&kit).await;
    let watch = PodWatch::begin(&[&a, &b]).await;
    let _operators = [serve(&a, &b), serve(&a, &b)];
    for ns in [&a, &b] {
        ns.keys("n0", &FIRST.file(), NODE_KEY).await;
    }
    for policy in [PropagationPolicy::Background, PropagationPolicy::Foreground] {
        let (one, other) = join(signer(&a), signer(&b)).await;
        let (older, younger) = by_age((&a, &one), (&b, &other));
        // Within the second in which both were created the younger may have been there first.
        let first = |ns: &Namespace| {
            let what = format!("{} signs", ns.name);
            let ns = ns.api::<StatefulSet>();
            async move { eventually(&what, async || ns.get_opt("n0").await.unwrap().ok_or(())).await }
        };
        let (holder, waiter) = tokio::select! {
            _ = first(older) => (older, younger),
            _ = first(younger) => (younger, older),
        };
        holder.running("n0").await;
        in_use(waiter, "n0", "SigningKeyReady", &format!("SeiNode {}/n0", holder.name)).await;
        slow_to_stop(holder, "n0-0").await;
        holder.delete::<SeiNode>("n0", policy.clone()).await;
        waiter.running("n0").await;
        assert_eq!(watch.together(), [], "{policy:?}");
        waiter.delete::<SeiNode>("n0", policy).await;
        waiter.gone::<Pod>("n0-0").await;
        waiter.gone::<SeiNode>("n0").await;
        holder.gone::<SeiNode>("n0").await;
        for ns in [&a, &b] {
            // A signer's volume stays; its successor would be refused it.
            ns.delete::<PersistentVolumeClaim>("data-n0", PropagationPolicy::Background).await;
            ns.gone::<PersistentVolumeClaim>("data-n0").await;
        }
    }
}

#[scenario]
async fn a_key_is_released_when_its_pod_is_gone(kit: Arc<Kit>) {
    let released = |policy| released_by(&kit, policy);
    join(released(PropagationPolicy::Background), released(PropagationPolicy::Foreground)).await;
}

/// Deletes the holder of a key with this policy; the waiting node takes over once the holder's pod is gone.
async fn released_by(kit: &Kit, policy: PropagationPolicy) {
    let (a, b) = two(kit).await;
    let watch = PodWatch::begin(&[&a, &b]).await;
    let _operator = serve(&a, &b);
    for ns in [&a, &b] {
        ns.keys("n0", &FIRST.file(), NODE_KEY).await;
    }
    signer(&a).await;
    a.running("n0").await;
    signer(&b).await;
    in_use(&b, "n0", "SigningKeyReady", &format!("SeiNode {}/n0 holds it", a.name)).await;
    slow_to_stop(&a, "n0-0").await;
    // Without its Secret, the key of the pod cannot be read any more.
    a.delete::<Secret>("n0-signing-key", PropagationPolicy::Background).await;
    a.delete::<SeiNode>("n0", policy.clone()).await;
    b.running("n0").await;
    assert_eq!(watch.together(), [], "{policy:?}");
    assert_eq!(watch.ever(), [&a, &b].map(|ns| format!("{}/n0-0", ns.name)));
    a.gone::<Pod>("n0-0").await;
}

#[scenario]
async fn a_volume_is_imported_by_one_node_at_a_time(kit: Arc<Kit>) {
    for policy in [PropagationPolicy::Background, PropagationPolicy::Foreground] {
        let ns = kit.namespace().await;
        let watch = PodWatch::begin(&[&ns]).await;
        ns.bound_pvc("savings", "2000Gi").await;
        let import = "  dataVolume: {import: {pvcName: savings}}\n";
        let (one, other) = join(ns.full_node("n0", import), ns.full_node("n1", import)).await;
        let age = |node: &SeiNode| (node.creation_timestamp(), node.uid());
        let (older, younger) = if age(&one) <= age(&other) { ("n0", "n1") } else { ("n1", "n0") };
        let _operator = ns.operator();
        ns.running(older).await;
        let holder = format!("SeiNode {}/{older} holds it", ns.name);
        in_use(&ns, younger, "ImportPVCReady", &holder).await;
        in_use(&ns, younger, "DataVolumeReady", &holder).await;
        slow_to_stop(&ns, &format!("{older}-0")).await;
        ns.delete::<SeiNode>(older, policy.clone()).await;
        ns.running(younger).await;
        assert_eq!(watch.together(), [], "{policy:?}");
        assert_eq!(watch.ever(), [older, younger].map(|node| format!("{}/{node}-0", ns.name)));
    }
}

#[scenario]
async fn the_data_volume_of_a_node_cannot_be_imported(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let watch = PodWatch::begin(&[&ns]).await;
    let _operator = ns.operator();
    ns.full_node("n0", "  dataVolume: {retain: true}\n").await;
    ns.running("n0").await;
    ns.full_node("n1", "  dataVolume: {import: {pvcName: data-n0}}\n").await;
    in_use(&ns, "n1", "ImportPVCReady", &format!("it is the data volume of SeiNode {}/n0", ns.name)).await;
    slow_to_stop(&ns, "n0-0").await;
    ns.delete::<SeiNode>("n0", PropagationPolicy::Background).await;
    ns.running("n1").await;
    assert_eq!(watch.together(), []);
}

/// Makes a node as the original operator leaves it: it runs, and has claimed nothing.
async fn adopted(ns: &Namespace) -> SeiNode {
    let node = signer(ns).await;
    let owner = json!([{"apiVersion": "sei.io/v1alpha1", "kind": "SeiNode", "name": "n0", "uid": node.uid(),
                        "controller": true, "blockOwnerDeletion": true}]);
    let metadata =
        |name: &str| json!({"name": name, "labels": {"sei.io/node": "n0"}, "ownerReferences": owner});
    let volume = json!({
        "metadata": metadata("data-n0"),
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "gp3-10k-750",
                 "resources": {"requests": {"storage": "2000Gi"}}},
    });
    let volumes = ns.api::<PersistentVolumeClaim>();
    volumes.create(&PostParams::default(), &serde_json::from_value(volume).unwrap()).await.unwrap();
    let image = "registry.example.com/seid:v1";
    let secret = |name: &str, file: &str| json!({"name": name, "secret": {"secretName": format!("n0-{name}"), "items": [{"key": file, "path": file}]}});
    let set = json!({
        "metadata": metadata("n0"),
        "spec": {
            "replicas": 1, "serviceName": "n0", "selector": {"matchLabels": {"sei.io/node": "n0"}},
            "updateStrategy": {"type": "OnDelete"},
            "template": {
                "metadata": {"labels": {"sei.io/node": "n0"}},
                "spec": {
                    "initContainers": [{"name": "sei-sidecar", "image": "sidecar", "restartPolicy": "Always"}],
                    "containers": [{"name": "seid", "image": image}],
                    "tolerations": [{"operator": "Exists"}],
                    "volumes": [
                        {"name": "data", "persistentVolumeClaim": {"claimName": "data-n0"}},
                        secret("signing-key", "priv_validator_key.json"),
                        secret("node-key", "node_key.json"),
                    ],
                },
            },
        },
    });
    let sets = ns.api::<StatefulSet>();
    sets.create(&PostParams::default(), &serde_json::from_value(set).unwrap()).await.unwrap();
    let status = json!({"status": {"phase": "Running", "currentImage": image, "conditions": [
        {"type": "SigningKeyReady", "status": "True", "reason": "SigningKeyValidated", "message": "",
         "lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1}]}});
    let nodes = ns.api::<SeiNode>();
    nodes.patch_status("n0", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    eventually("its pod runs", async || {
        let pod = ns.api::<Pod>().get_opt("n0-0").await.unwrap();
        let runs = pod.as_ref().and_then(|pod| pod.status.as_ref()?.phase.as_deref()) == Some("Running");
        if runs { Ok(()) } else { Err(pod.map(|pod| pod.status)) }
    })
    .await;
    node
}

#[scenario]
async fn an_adopted_signer_holds_its_key_before_any_claim(kit: Arc<Kit>) {
    let (a, b) = two(&kit).await;
    let watch = PodWatch::begin(&[&a, &b]).await;
    for ns in [&a, &b] {
        ns.keys("n0", &FIRST.file(), NODE_KEY).await;
    }
    // The newcomer is the older one by the clock.
    let newcomer = signer(&b).await;
    let adopted = adopted(&a).await;
    assert!(newcomer.creation_timestamp() <= adopted.creation_timestamp());
    let _operator = serve(&a, &b);
    in_use(&b, "n0", "SigningKeyReady", &format!("SeiNode {}/n0", a.name)).await;
    let node = a.running("n0").await;
    let claims = node.status.unwrap().claims;
    let held: Vec<_> = claims.iter().map(|it| (it.resource.as_str(), it.state.as_str())).collect();
    assert_eq!(held, [("signing-key", "Held")]);
    in_use(&b, "n0", "SigningKeyReady", &format!("SeiNode {}/n0 holds it", a.name)).await;
    slow_to_stop(&a, "n0-0").await;
    a.delete::<SeiNode>("n0", PropagationPolicy::Background).await;
    b.running("n0").await;
    assert_eq!(watch.together(), []);
}

#[scenario]
async fn an_adopted_signer_with_an_unreadable_key_blocks_others(kit: Arc<Kit>) {
    let (a, b) = two(&kit).await;
    let watch = PodWatch::begin(&[&a, &b]).await;
    a.secret("n0-node-key", "node_key.json", NODE_KEY).await;
    b.keys("n0", &FIRST.file(), NODE_KEY).await;
    signer(&b).await;
    adopted(&a).await;
    let _operator = serve(&a, &b);
    let unknown = format!("SeiNode {}/n0 signs with a key that was not examined yet", a.name);
    in_use(&b, "n0", "SigningKeyReady", &unknown).await;
    // With another key there is nothing to wait for.
    a.secret("n0-signing-key", "priv_validator_key.json", &SECOND.file()).await;
    a.patch("n0", json!({"metadata": {"annotations": {"it": "look"}}})).await;
    let pod = json!({"metadata": {"annotations": {"it": "look"}}});
    a.api::<Pod>().patch("n0-0", &PatchParams::default(), &Patch::Merge(pod)).await.unwrap();
    b.running("n0").await;
    let pods = [&a, &b].map(|ns| format!("{}/n0-0", ns.name));
    assert_eq!(watch.together(), [pods.into()], "they sign with different keys");
}

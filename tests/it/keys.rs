//! The keys of a validator that signs: waited for, looked at, and never seen anywhere but in the pod that signs.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use k8s_openapi::{
    ByteString,
    api::{
        apps::v1::StatefulSet,
        core::v1::{PersistentVolumeClaim, Pod, Secret},
        events::v1::Event,
    },
};
use kube::api::{Patch, PatchParams, PropagationPolicy};
use scenario::scenario;
use seinode_api::{SeiNode, SeiNodeStatus, status::Phase};
use serde_json::{Value, json};
use sidecar_sim::RESTART_SIDECAR;

use crate::kit::{
    Kit, Namespace, Operator,
    bootstrap::Bootstrap,
    fixtures::validator,
    keys::{FIRST, NODE_KEY, SECOND, holds_a_key},
    namespace::{condition, condition_status},
};

const SIGNING: (&str, &str) = ("n0-signing-key", "priv_validator_key.json");
const NODE: (&str, &str) = ("n0-node-key", "node_key.json");

/// Puts something else into a Secret; `None` takes the entry out.
async fn put(ns: &Namespace, (secret, entry): (&str, &str), file: Option<&str>) {
    let file = file.map(|file| ByteString(file.into()));
    let change = Patch::Merge(json!({"data": {entry: file}}));
    ns.api::<Secret>().patch(secret, &PatchParams::default(), &change).await.unwrap();
}

async fn retry(ns: &Namespace, why: &str) {
    ns.patch("n0", json!({"metadata": {"annotations": {"sei.io/retry": why}}})).await;
}

fn reports<'a>(type_: &'a str, reason: &'a str, words: &'a str) -> impl Fn(&SeiNodeStatus) -> bool {
    move |status| condition(status, type_).is_some_and(|it| it.reason == reason && it.message.contains(words))
}

/// Waits until a key is rejected with these words, and checks that nothing was created.
async fn refused(ns: &Namespace, type_: &str, reason: &str, words: &str) {
    let node =
        ns.node_until("n0", &format!("{type_} is {reason}: {words}"), reports(type_, reason, words)).await;
    let status = node.status.unwrap();
    assert_eq!((condition_status(&status, type_), status.phase), ("False", Some(Phase::Pending)));
    assert!(ns.api::<StatefulSet>().get_opt("n0").await.unwrap().is_none(), "it got a StatefulSet");
}

/// Waits until the node runs, by the plan that it began with.
async fn resumes(ns: &Namespace) -> SeiNode {
    let node = ns.running("n0").await;
    let status = node.status.as_ref().unwrap();
    for (type_, reason) in [("SigningKeyReady", "SigningKeyValidated"), ("NodeKeyReady", "NodeKeyValidated")]
    {
        let reported = condition(status, type_).unwrap();
        assert_eq!((reported.status.as_str(), reported.reason.as_str()), ("True", reason));
    }
    let reasons = ns.event_reasons("n0").await;
    assert!(!reasons.iter().any(|reason| reason == "PlanFailed"), "{reasons:?}");
    node
}

/// Makes sure that no piece of a private key is anywhere but in the Secrets.
async fn kept_secret(ns: &Namespace, operator: &Operator) {
    let all = async |what: &str| {
        let output =
            ns.world.cluster.kubectl().args(["get", what, "-n", &ns.name, "-o", "json"]).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    for what in
        ["seinodes", "pods", "statefulsets", "services", "jobs", "persistentvolumeclaims", "configmaps"]
    {
        assert!(!holds_a_key(&all(what).await), "a private key is in {what}");
    }
    let events = ns.api::<Event>().list(&Default::default()).await.unwrap().items;
    assert!(!holds_a_key(&serde_json::to_string(&events).unwrap()), "a private key is in an event");
    for request in ns.sidecar("n0").requests() {
        assert!(
            !holds_a_key(&format!("{} {}", request.path, request.body)),
            "a private key went to the sidecar"
        );
    }
    let log: Vec<String> = operator.log().iter().map(Value::to_string).collect();
    assert!(!log.is_empty());
    assert!(!holds_a_key(&log.join("\n")), "a private key is in the log");
    assert!(holds_a_key(&FIRST.file()) && holds_a_key(NODE_KEY), "and it would be found");
}

/// Containers of a pod that mount these volumes.
fn mounts(pod: &Pod, volume: &str) -> Vec<(String, String)> {
    let spec = pod.spec.clone().unwrap();
    let all = spec.containers.into_iter().chain(spec.init_containers.unwrap_or_default());
    let mounts = all.flat_map(|container| {
        let name = container.name;
        container.volume_mounts.unwrap_or_default().into_iter().map(move |mount| (name.clone(), mount))
    });
    mounts.filter(|(_, mount)| mount.name == volume).map(|(name, mount)| (name, mount.mount_path)).collect()
}

#[scenario]
async fn the_keys_of_a_signer_are_only_in_its_pod(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let operator = ns.operator();
    ns.keys("n0", &FIRST.file(), NODE_KEY).await;
    ns.create_yaml::<SeiNode>(&validator("n0", "")).await;
    let node = resumes(&ns).await;
    let pod = ns.api::<Pod>().get("n0-0").await.unwrap();
    let at = |path: &str| vec![("seid".to_owned(), path.to_owned())];
    let copies = |path: &str| ("signing-key-copy".to_owned(), path.to_owned());
    assert_eq!(mounts(&pod, "signing-key"), [copies("/signing-key/secret")]);
    let seid = at("/sei/config/priv_validator_key.json");
    assert_eq!(mounts(&pod, "signing-key-copy"), [&seid[..], &[copies("/signing-key/copy")]].concat());
    assert_eq!(mounts(&pod, "node-key"), at("/sei/config/node_key.json"));
    let claims: Vec<_> = node.status.iter().flat_map(|status| &status.claims).collect();
    let held: Vec<_> = claims.iter().map(|it| (it.resource.as_str(), it.state.as_str())).collect();
    assert_eq!(held, [("signing-key", "Held")]);
    let status = serde_json::to_string(&node.status).unwrap();
    assert!(!status.contains(FIRST.address), "status has a fingerprint, not the address");
    kept_secret(&ns, &operator).await;
}

#[scenario]
async fn a_signers_bootstrap_has_no_keys(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let operator = ns.operator();
    ns.keys("n0", &FIRST.file(), NODE_KEY).await;
    let peer = "3f6c1d0a9b2e4f5867a1b2c3d4e5f60718293a4b@sentry.example.com:26656";
    let rest = format!(
        "    snapshot: {{s3: {{targetHeight: 7}}, bootstrapImage: 'registry.example.com/seid:v0'}}\n  \
         peers: [{{static: {{addresses: ['{peer}']}}}}]\n"
    );
    ns.create_yaml::<SeiNode>(&validator("n0", &rest)).await;
    let pod = ns.bootstrap_pod("n0").await;
    let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.clone()).unwrap_or_default();
    let secrets: Vec<_> = volumes.iter().filter(|it| it.secret.is_some() || it.projected.is_some()).collect();
    assert!(secrets.is_empty(), "{secrets:#?}");
    let text = serde_json::to_string(&pod).unwrap();
    assert!(!text.contains(SIGNING.0) && !text.contains(NODE.0), "{text}");
    ns.end_bootstrap("n0", Bootstrap::Halts).await;
    resumes(&ns).await;
    assert_eq!(mounts(&ns.api::<Pod>().get("n0-0").await.unwrap(), "signing-key").len(), 1);
    assert_eq!(ns.sidecar("n0").overlaps(), []);
    kept_secret(&ns, &operator).await;
}

#[scenario]
async fn missing_secrets_are_waited_for(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let operator = ns.operator();
    let slow = |finalizers: Value| Patch::Merge(json!({"metadata": {"finalizers": finalizers}}));
    ns.create_yaml::<SeiNode>(&validator("n0", "")).await;
    refused(&ns, "SigningKeyReady", "SigningKeyNotReady", "Secret n0-signing-key does not exist").await;
    refused(&ns, "NodeKeyReady", "NodeKeyNotReady", "Secret n0-node-key does not exist").await;
    ns.secret(SIGNING.0, SIGNING.1, &FIRST.file()).await;
    ns.node_until("n0", "the signing key is there", reports("SigningKeyReady", "SigningKeyValidated", ""))
        .await;
    refused(&ns, "NodeKeyReady", "NodeKeyNotReady", "Secret n0-node-key does not exist").await;

    // One that goes while it is waited for the other is not used any more.
    let secrets = ns.api::<Secret>();
    secrets.patch(SIGNING.0, &PatchParams::default(), &slow(json!(["example.com/slow"]))).await.unwrap();
    ns.delete::<Secret>(SIGNING.0, PropagationPolicy::Background).await;
    refused(&ns, "SigningKeyReady", "SigningKeyNotReady", "Secret n0-signing-key is being deleted").await;
    secrets.patch(SIGNING.0, &PatchParams::default(), &slow(json!(null))).await.unwrap();
    ns.gone::<Secret>(SIGNING.0).await;
    ns.keys("n0", &FIRST.file(), NODE_KEY).await;
    resumes(&ns).await;
    kept_secret(&ns, &operator).await;
}

#[scenario]
async fn a_malformed_signing_key_is_reported_until_corrected(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let operator = ns.operator();
    let file: Value = serde_json::from_str(&FIRST.file()).unwrap();
    let other: Value = serde_json::from_str(&SECOND.file()).unwrap();
    let with = |field: &str, value: &Value| {
        let mut file = file.clone();
        file[field] = value.clone();
        Some(file.to_string())
    };
    let rows = [
        (None, "Secret n0-signing-key has no priv_validator_key.json"),
        (Some(String::new()), "Secret n0-signing-key has no priv_validator_key.json"),
        (Some(format!("{}}}", FIRST.file())), "priv_validator_key.json in Secret n0-signing-key "),
        (with("address", &json!("")), "address"),
        (with("pub_key", &json!({"type": "tendermint/PubKeyEd25519"})), "pub_key"),
        (with("priv_key", &json!({"value": file["priv_key"]["value"]})), "priv_key"),
        // Pieces of two keys.
        (with("address", &other["address"]), "address"),
        (with("pub_key", &other["pub_key"]), "pub_key"),
        (with("priv_key", &other["priv_key"]), "priv_key"),
    ];
    ns.keys("n0", "x", NODE_KEY).await;
    ns.create_yaml::<SeiNode>(&validator("n0", "")).await;
    for (row, (file, words)) in rows.into_iter().enumerate() {
        put(&ns, SIGNING, file.as_deref()).await;
        retry(&ns, &row.to_string()).await;
        refused(&ns, "SigningKeyReady", "SigningKeyInvalid", words).await;
    }
    put(&ns, SIGNING, Some(&FIRST.file())).await;
    retry(&ns, "corrected").await;
    resumes(&ns).await;
    kept_secret(&ns, &operator).await;
}

#[scenario]
async fn a_malformed_node_key_is_reported_until_corrected(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let operator = ns.operator();
    let rows = [
        (None, "Secret n0-node-key has no node_key.json"),
        (Some("{"), "node_key.json in Secret n0-node-key "),
        (Some("{\"priv_key\": {\"type\": \"tendermint/PrivKeyEd25519\"}}"), "priv_key"),
    ];
    ns.keys("n0", &FIRST.file(), "x").await;
    ns.create_yaml::<SeiNode>(&validator("n0", "")).await;
    for (row, (file, words)) in rows.into_iter().enumerate() {
        put(&ns, NODE, file).await;
        retry(&ns, &row.to_string()).await;
        refused(&ns, "NodeKeyReady", "NodeKeyInvalid", words).await;
    }
    put(&ns, NODE, Some(NODE_KEY)).await;
    retry(&ns, "corrected").await;
    resumes(&ns).await;
    kept_secret(&ns, &operator).await;
}

#[scenario]
async fn a_corrected_key_is_found_within_seconds(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.keys("n0", &FIRST.with_address(SECOND.address), NODE_KEY).await;
    ns.create_yaml::<SeiNode>(&validator("n0", "")).await;
    refused(&ns, "SigningKeyReady", "SigningKeyInvalid", "address").await;
    let corrected = Instant::now();
    put(&ns, SIGNING, Some(&FIRST.file())).await;
    let validated = reports("SigningKeyReady", "SigningKeyValidated", "");
    ns.node_until("n0", "the key is in order", validated).await;
    assert!(corrected.elapsed() < Duration::from_secs(12), "{:?}", corrected.elapsed());
    resumes(&ns).await;
}

#[scenario]
async fn a_running_signer_reports_a_missing_or_changed_key(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let operator = ns.operator();
    ns.keys("n0", &FIRST.file(), NODE_KEY).await;
    ns.create_yaml::<SeiNode>(&validator("n0", "")).await;
    let claims = resumes(&ns).await.status.unwrap().claims;
    let volume = ns.api::<PersistentVolumeClaim>().get("data-n0").await.unwrap().metadata.uid;
    let pod = ns.api::<Pod>().get("n0-0").await.unwrap().metadata.uid;
    let restart = async |why: &str| {
        let patch = Patch::Merge(json!({"metadata": {"annotations": {RESTART_SIDECAR: why}}}));
        ns.api::<Pod>().patch("n0-0", &PatchParams::default(), &patch).await.unwrap();
    };
    let expect = async |type_: &str, reason: &str, words: &str| {
        let what = format!("{type_} is {reason}: {words}");
        let status = ns.node_until("n0", &what, reports(type_, reason, words)).await.status.unwrap();
        assert_eq!((condition_status(&status, type_), status.phase), ("False", Some(Phase::Running)));
        assert_eq!(status.claims, claims, "its pod signs with that key all the same");
    };
    ns.delete::<Secret>(SIGNING.0, PropagationPolicy::Background).await;
    ns.delete::<Secret>(NODE.0, PropagationPolicy::Background).await;
    restart("1").await;
    expect("SigningKeyReady", "SigningKeyNotReady", "Secret n0-signing-key does not exist").await;
    expect("NodeKeyReady", "NodeKeyNotReady", "Secret n0-node-key does not exist").await;

    ns.keys("n0", &SECOND.file(), NODE_KEY).await;
    restart("2").await;
    expect("SigningKeyReady", "SigningKeyChanged", "Secret n0-signing-key was changed").await;
    put(&ns, SIGNING, Some(&FIRST.file())).await;
    restart("3").await;
    let validated = reports("SigningKeyReady", "SigningKeyValidated", "");
    ns.node_until("n0", "the key is in order again", validated).await;
    resumes(&ns).await;
    assert_eq!(ns.api::<Pod>().get("n0-0").await.unwrap().metadata.uid, pod, "its pod was left alone");
    assert_eq!(ns.api::<PersistentVolumeClaim>().get("data-n0").await.unwrap().metadata.uid, volume);
    kept_secret(&ns, &operator).await;
}

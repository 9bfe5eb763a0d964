//! Updates of a validator that signs: its keys are looked at before its pod goes, and no key ever has two pods.

use std::{collections::BTreeSet, sync::Arc};

use devcluster::Options;
use k8s_openapi::{
    ByteString,
    api::{
        apps::v1::StatefulSet,
        core::v1::{Pod, Secret},
    },
};
use kube::api::{Patch, PatchParams, PropagationPolicy};
use scenario::scenario;
use seinode_api::{SeiNode, SeiNodeStatus};
use serde_json::{Value, json};
use sidecar_sim::{TaskType, Times};

use super::{NOT_BOUND, V2, bring_volume_back, change, is_at, keeps, lose_volume};
use crate::kit::{
    Kit, Namespace, Operator,
    fixtures::validator,
    keys::{FIRST, NODE_KEY, SECOND, SigningKey},
    namespace::condition_status,
    pods::PodWatch,
};

const SIGNING: &str = "n0-signing-key";
const MISSING: (&str, &str, &str) = ("SigningKeyReady", "False", "SigningKeyNotReady");
pub(super) const CHANGED: (&str, &str, &str) = ("SigningKeyReady", "False", "SigningKeyChanged");
const IN_USE: (&str, &str, &str) = ("SigningKeyReady", "False", "InUse");
pub(super) const VALID: (&str, &str, &str) = ("SigningKeyReady", "True", "SigningKeyValidated");

/// A validator `n0` that signs with the first key.
pub(super) async fn signer(ns: &Namespace) {
    ns.keys("n0", &FIRST.file(), NODE_KEY).await;
    ns.create_yaml::<SeiNode>(&validator("n0", "")).await;
    ns.running("n0").await;
}

/// Creates another validator, with Secrets of its own that hold this signing key.
async fn wants(ns: &Namespace, name: &str, key: SigningKey) {
    ns.keys(name, &key.file(), NODE_KEY).await;
    ns.create_yaml::<SeiNode>(&validator(name, "")).await;
}

/// Signing keys that a node has claimed, and whether it holds them.
fn claims(status: &SeiNodeStatus) -> BTreeSet<(String, String)> {
    let keys = status.claims.iter().filter(|claim| claim.resource == "signing-key");
    keys.map(|claim| (claim.id.clone(), claim.state.clone())).collect()
}

pub(super) async fn claims_of(ns: &Namespace, node: &str) -> BTreeSet<(String, String)> {
    claims(&ns.api::<SeiNode>().get(node).await.unwrap().status.unwrap())
}

async fn generation(ns: &Namespace) -> Option<i64> {
    ns.api::<StatefulSet>().get("n0").await.unwrap().metadata.generation
}

#[scenario]
async fn a_signer_with_a_missing_secret_is_not_updated(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let pods = PodWatch::begin(&[&ns]).await;
    signer(&ns).await;
    let (pod, applied) = (ns.pod_uid("n0").await, generation(&ns).await);
    ns.delete::<Secret>(SIGNING, PropagationPolicy::Background).await;
    change(&ns, json!({"image": V2})).await;
    is_at(&ns, "validate-signing-key").await;
    ns.reports("n0", MISSING, &["Secret n0-signing-key does not exist"]).await;
    keeps(&ns, &pod).await;
    assert_eq!(generation(&ns).await, applied, "nothing is applied before the keys are in order");

    ns.secret(SIGNING, "priv_validator_key.json", &FIRST.file()).await;
    ns.pod_runs("n0", V2).await;
    ns.running("n0").await;
    ns.reports("n0", VALID, &[]).await;
    assert_eq!((pods.together(), pods.ever().len()), (vec![], 2));
}

#[scenario]
async fn a_secret_that_vanishes_after_the_check_keeps_the_pod(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    signer(&ns).await;
    let pod = ns.pod_uid("n0").await;
    // What holds the update up right before the pod would go.
    lose_volume(&ns).await;
    change(&ns, json!({"image": V2})).await;
    ns.reports("n0", NOT_BOUND, &[]).await;
    is_at(&ns, "replace-pod").await;
    ns.delete::<Secret>(SIGNING, PropagationPolicy::Background).await;
    bring_volume_back(&ns).await;
    ns.reports("n0", MISSING, &["Secret n0-signing-key does not exist"]).await;
    ns.retry("n0", "the volume is back").await;
    keeps(&ns, &pod).await;
    ns.secret(SIGNING, "priv_validator_key.json", &FIRST.file()).await;
    ns.pod_runs("n0", V2).await;
    ns.running("n0").await;
}

#[scenario]
async fn a_gate_shut_by_a_bad_configuration_stays_shut(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    signer(&ns).await;
    let (sidecar, before) = (ns.sidecar("n0"), ns.pod_uid("n0").await);
    let behaviour = sidecar.behaviour();
    behaviour.fail_task(TaskType::ConfigValidate, Times::Always, "evm.http_port is taken");
    behaviour.hold(TaskType::ConfigValidate);
    ns.patch("n0", json!({"spec": {"overrides": {"evm.http_port": "1"}}})).await;
    is_at(&ns, "config-validate").await;
    ns.delete::<Secret>(SIGNING, PropagationPolicy::Background).await;
    behaviour.release(TaskType::ConfigValidate);
    is_at(&ns, "validate-signing-key").await;
    let pod = ns.pod_uid("n0").await;
    assert_ne!(pod, before);
    let stays_shut = async |why: &str| {
        // The operator has seen that the gate is shut, and has had the time to do something about it.
        ns.reports("n0", ("SidecarReady", "False", "NotReady"), &[]).await;
        ns.retry("n0", why).await;
        let opened = sidecar.submissions().into_iter();
        let opened = opened.filter(|it| it.pod_uid == pod && it.task == TaskType::MarkReady).count();
        assert_eq!((opened, sidecar.is_ready()), (0, false), "{why}: seid runs on a bad configuration");
    };
    stays_shut("the same spec is tried again").await;
    change(&ns, json!({"overrides": {"evm.http_port": "2"}})).await;
    is_at(&ns, "validate-signing-key").await;
    stays_shut("another spec takes its place").await;

    behaviour.reset();
    ns.patch("n0", json!({"spec": {"overrides": {"evm.http_port": "8545"}}})).await;
    ns.secret(SIGNING, "priv_validator_key.json", &FIRST.file()).await;
    ns.reports("n0", ("NodeUpdateInProgress", "False", "UpdateComplete"), &[]).await;
    ns.running("n0").await;
}

#[scenario]
async fn a_validator_given_keys_signs_from_its_next_pod_on(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let pods = PodWatch::begin(&[&ns]).await;
    let yaml = validator("n0", "");
    let (observer, _) = yaml.split_once("validator:").unwrap();
    ns.create_yaml::<SeiNode>(&format!("{observer}validator: {{}}\n")).await;
    ns.running("n0").await;
    let before = ns.pod_uid("n0").await;

    ns.keys("n0", &FIRST.file(), NODE_KEY).await;
    let keys = json!({"signingKey": {"secret": {"secretName": SIGNING}},
                      "nodeKey": {"secret": {"secretName": "n0-node-key"}}});
    ns.patch("n0", json!({"spec": {"validator": keys}})).await;
    ns.reports("n0", VALID, &[]).await;
    ns.reports("n0", ("NodeUpdateInProgress", "False", "UpdateComplete"), &[]).await;
    ns.running("n0").await;
    let pod = ns.pod("n0").await;
    assert_ne!(pod.metadata.uid.as_deref(), Some(before.as_str()));
    assert_eq!(signs_with(&pod), [SIGNING]);
    let states: Vec<_> = claims_of(&ns, "n0").await.into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, ["Held"]);
    assert_eq!((pods.together(), pods.ever().len()), (vec![], 2));
    wants(&ns, "n1", FIRST).await;
    ns.reports("n1", IN_USE, &[&format!("SeiNode {}/n0 holds it", ns.name)]).await;
    assert!(ns.api::<StatefulSet>().get_opt("n1").await.unwrap().is_none());
}

/// The Secret that the signing key of a pod is in.
fn signs_with(pod: &Pod) -> Vec<String> {
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    let keys = volumes.filter(|volume| volume.name == "signing-key");
    keys.filter_map(|volume| volume.secret.as_ref()?.secret_name.clone()).collect()
}

#[scenario]
async fn a_signer_whose_secret_changed_keeps_its_pod(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    signer(&ns).await;
    let (pod, first) = (ns.pod_uid("n0").await, claims_of(&ns, "n0").await);
    put(&ns, SECOND).await;
    change(&ns, json!({"image": V2})).await;
    is_at(&ns, "validate-signing-key").await;
    ns.reports("n0", CHANGED, &["Secret n0-signing-key was changed"]).await;
    keeps(&ns, &pod).await;
    assert_eq!(claims_of(&ns, "n0").await, first, "its pod signs with that key all the same");
    put(&ns, FIRST).await;
    ns.pod_runs("n0", V2).await;
    ns.running("n0").await;
    assert_eq!(claims_of(&ns, "n0").await, first);
}

/// Puts another signing key into the Secret of `n0`.
pub(super) async fn put(ns: &Namespace, key: SigningKey) {
    let file = Patch::Merge(json!({"data": {"priv_validator_key.json": ByteString(key.file().into())}}));
    ns.api::<Secret>().patch(SIGNING, &PatchParams::default(), &file).await.unwrap();
}

/// Waits until `n0` has another key than this one for good, and makes sure of who else may sign with either.
pub(super) async fn has_changed_its_key(ns: &Namespace, first: &BTreeSet<(String, String)>) {
    ns.running("n0").await;
    ns.node_until("n0", "it has the second key and no other", |status| {
        let now = claims(status);
        now.len() == 1 && now.is_disjoint(first) && now.iter().all(|(_, state)| state == "Held")
    })
    .await;
    assert_eq!(ns.sidecar("n0").overlaps(), [], "two of its pods were there at once");
    wants(ns, "n1", SECOND).await;
    wants(ns, "n2", FIRST).await;
    ns.reports("n1", IN_USE, &[&format!("SeiNode {}/n0 holds it", ns.name)]).await;
    // What it does not sign with any more is free.
    ns.running("n2").await;
    assert!(ns.api::<StatefulSet>().get_opt("n1").await.unwrap().is_none(), "two nodes sign with one key");
}

#[scenario]
async fn a_signer_stopped_by_hand_keeps_its_key(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    signer(&ns).await;
    let first = claims_of(&ns, "n0").await;
    ns.kubectl(&["scale", "statefulset/n0", "--replicas=0"]);
    ns.reports("n0", ("Paused", "True", "ScaledByHand"), &[]).await;
    ns.gone::<Pod>("n0-0").await;
    wants(&ns, "n1", FIRST).await;
    ns.reports("n1", IN_USE, &[&format!("SeiNode {}/n0 holds it", ns.name)]).await;
    assert_eq!(claims_of(&ns, "n0").await, first);

    ns.delete::<Secret>(SIGNING, PropagationPolicy::Background).await;
    ns.retry("n0", "go on").await;
    ns.reports("n0", MISSING, &["Secret n0-signing-key does not exist"]).await;
    assert!(ns.api::<Pod>().get_opt("n0-0").await.unwrap().is_none(), "it would have signed with nothing");
    ns.secret(SIGNING, "priv_validator_key.json", &FIRST.file()).await;
    ns.running("n0").await;
    ns.reports("n1", IN_USE, &[]).await;
}

#[scenario]
async fn a_new_secret_is_used_by_the_signers_next_pod(kit: Arc<Kit>) {
    // Our CRD refuses it; one that does not must lead nobody into signing twice.
    let world =
        Arc::new(kit.private(Options { crds: vec![lenient_crd()], ..xtask::platform::options() }).await);
    let ns = Namespace::create(Arc::clone(&world), "keys").await;
    let _operator = Operator::start(&world, world.cluster.kubeconfig(), &[]);
    signer(&ns).await;
    let first = claims_of(&ns, "n0").await;
    let before = ns.pod_uid("n0").await;
    ns.keys("other", &SECOND.file(), NODE_KEY).await;
    let key = json!({"signingKey": {"secret": {"secretName": "other-signing-key"}}});
    ns.patch("n0", json!({"spec": {"validator": key}})).await;
    has_changed_its_key(&ns, &first).await;
    let pod = ns.pod("n0").await;
    assert_ne!(pod.metadata.uid.as_deref(), Some(before.as_str()));
    assert_eq!(signs_with(&pod), ["other-signing-key"]);
    let reported = ns.api::<SeiNode>().get("n0").await.unwrap().status.unwrap();
    assert_eq!(condition_status(&reported, "SigningKeyReady"), "True");
}

/// Our CRD without the rule that the name of a Secret cannot change.
fn lenient_crd()
-> k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition {
    let mut crd = serde_json::to_value(seinode_api::crd::seinode()).unwrap();
    let taken = take_rules_of("secretName", &mut crd);
    assert_eq!(taken, 2, "one rule for each key");
    serde_json::from_value(crd).unwrap()
}

/// Removes the rules of every property of this name. Returns the number of properties that had any.
fn take_rules_of(property: &str, schema: &mut Value) -> usize {
    match schema {
        Value::Object(members) => {
            let own = members.get_mut(property).and_then(Value::as_object_mut);
            let own = own.and_then(|it| it.remove("x-kubernetes-validations")).is_some();
            usize::from(own) + members.values_mut().map(|it| take_rules_of(property, it)).sum::<usize>()
        }
        Value::Array(items) => items.iter_mut().map(|it| take_rules_of(property, it)).sum(),
        _ => 0,
    }
}

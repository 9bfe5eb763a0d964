//! A validator that signs gets a pod only after its keys were looked at in the very same pass: what was validated may
//! have been changed since.

use seinode_api::status::{ChildrenStatus, StatefulSetStatus};

use super::*;
use crate::{
    effect::{Effect, Replicas},
    exclusive::{self, Hold, Resource, Rivals},
    keys::{Finding, Fingerprint},
    observation::{Container, KeyCheck, Observation, Pod, StatefulSetView, examples},
    platform::{Bucket, ResultExport},
    subject::Subject,
};

const KEY: &str = "6f2c9f1e-0000-5000-8000-000000000001";
const OTHER_KEY: &str = "6f2c9f1e-0000-5000-8000-000000000002";

fn key(text: &str) -> Fingerprint {
    Fingerprint::parse(text).unwrap()
}

/// A node that ran with `KEY`, was paused, and is not paused any more.
fn resumed() -> (Subject, SeiNodeStatus, Observation) {
    let object = "
metadata: {name: n0, namespace: sei, uid: uid-0, generation: 3}
spec:
  chainId: c
  image: seid:1
  validator: {signingKey: {secret: {secretName: a}}, nodeKey: {secret: {secretName: b}}}
";
    let subject = Subject::of(&serde_norway::from_str(object).unwrap());
    let status = SeiNodeStatus {
        phase: Some(Phase::Running),
        children: Some(ChildrenStatus {
            stateful_set: Some(StatefulSetStatus {
                uid: "set".into(),
                generation: Some(1),
                replicas: Some(0),
                ..StatefulSetStatus::default()
            }),
            service: None,
        }),
        claims: exclusive::with(&[], &Resource::SigningKey(key(KEY)), Hold::Held),
        ..SeiNodeStatus::default()
    };
    let bucket = Bucket { name: "b".into(), region: "r".into() };
    let now = Timestamp::from_second(1_000_000).unwrap();
    let mut seen = Observation::empty(now, ResultExport { bucket, prefix: "p".into() });
    seen.stateful_set = Some(StatefulSetView { replicas: 0, ..examples::workload() });
    (subject, status, seen)
}

fn found(seen: &mut Observation, key: Fingerprint) {
    let (at, pod) = (seen.now, None);
    seen.keys = Some(KeyCheck { at, pod, signing: Finding::Valid(key), node: Finding::Valid(()) });
}

#[test]
fn a_resumed_signer_gets_its_pod_after_a_look_at_its_keys() {
    let (subject, status, mut seen) = resumed();
    assert_eq!(decide(&subject, &status, &seen).act, Act::Fetch(Query::Keys));
    found(&mut seen, key(KEY));
    assert_eq!(decide(&subject, &status, &seen).act, Act::Perform(Effect::Scale(Replicas::One)));
    // What was found in an earlier pass is no reason.
    seen.now += SignedDuration::from_secs(1);
    assert_eq!(decide(&subject, &status, &seen).act, Act::Fetch(Query::Keys));
}

#[test]
fn a_key_that_was_changed_while_the_node_was_paused_has_to_be_free_first() {
    let (subject, status, mut seen) = resumed();
    found(&mut seen, key(OTHER_KEY));
    let Decision { status, act } = decide(&subject, &status, &seen);
    assert_eq!(act, Act::Store);
    let wanted = Resource::SigningKey(key(OTHER_KEY));
    assert_eq!(exclusive::hold(&exclusive::read(&status.claims), &wanted), Some(Hold::Wanted));
    assert_eq!(decide(&subject, &status, &seen).act, Act::Fetch(Query::Rivals(wanted.clone())));
    seen.live_rivals = Some((wanted, Rivals::default()));
    let Decision { status, act } = decide(&subject, &status, &seen);
    assert_eq!(act, Act::Store);
    assert_eq!(decide(&subject, &status, &seen).act, Act::Perform(Effect::Scale(Replicas::One)));
}

#[test]
fn a_key_is_not_exchanged_while_a_pod_signs_with_the_earlier_one() {
    let (subject, status, mut seen) = resumed();
    found(&mut seen, key(OTHER_KEY));
    seen.pods.push(Pod {
        signing_secret: Some("a".into()),
        deletion: Deletion::Requested,
        ip: None,
        seid_image: None,
        sidecar: Container::Down,
        ready: false,
        ..examples::pod()
    });
    let Decision { status: next, act } = decide(&subject, &status, &seen);
    assert!(matches!(act, Act::Rest(_)), "{act:?}");
    assert_eq!(next.claims, status.claims);
}

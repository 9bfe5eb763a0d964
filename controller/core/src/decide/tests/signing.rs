//! A validator that signs gets a pod only after its keys were looked at in the very same pass: what was validated may
//! have been changed since.

use seinode_api::status::{ChildrenStatus, StatefulSetStatus};

use super::*;
use crate::{
    effect::{Effect, Replicas},
    exclusive::{self, Claim, Contender, DataVolume, Hold, Resource, Rivals, Signing},
    keys::{Digest, Finding, Fingerprint, SigningKey},
    memory::KeyFindings,
    node::{NodeId, NodeRef},
    observation::{Container, KeyCheck, KeySource, Observation, Pod, StatefulSetView, examples},
    platform::{Bucket, ResultExport},
    subject::Subject,
};

const KEY: &str = "6f2c9f1e-0000-5000-8000-000000000001";
const OTHER_KEY: &str = "6f2c9f1e-0000-5000-8000-000000000002";

fn key(text: &str) -> Fingerprint {
    Fingerprint::parse(text).unwrap()
}

/// Id of the P2P key in the node's Secret.
fn p2p() -> NodeId {
    NodeId::parse(&"5e".repeat(20)).unwrap()
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
    let signing =
        Finding::Valid(SigningKey { fingerprint: key, file: Digest::of(key.to_string().as_bytes()) });
    let (seid_id, mounted) = (None, None);
    seen.keys = Some(KeyCheck { at, pod, seid_id, mounted, signing, node: Finding::Valid(p2p()) });
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
fn a_keyed_node_has_the_id_of_its_secrets_key() {
    let (subject, mut status, mut seen) = resumed();
    status.node_id = Some("as its sidecar told it before it had a key".into());
    seen.stateful_set = Some(examples::workload());
    seen.pods =
        vec![Pod { key_source: KeySource::Secret, signing_secret: Some("a".into()), ..examples::pod() }];
    assert_eq!(decide(&subject, &status, &seen).act, Act::Fetch(Query::Health));
    found(&mut seen, key(KEY));
    let Decision { status, act } = decide(&subject, &status, &seen);
    assert_eq!(act, Act::Fetch(Query::Health), "never its node id");
    assert_eq!(status.node_id, Some(p2p().to_string()));
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
        key_source: KeySource::Secret,
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

/// The digest of the file that [`found`] finds a key in.
fn file_of(key_text: &str) -> Option<Digest> {
    Some(Digest::of(key(key_text).to_string().as_bytes()))
}

/// A pod of the node whose gate is shut.
fn pod_with(key_source: KeySource) -> Pod {
    Pod { signing_secret: Some("a".into()), key_source, ..examples::pod() }
}

/// Fate of a gate that is shut: the node's pod is `cached`, and `live` when it is read live; its Secret has `secrets`
/// key.
fn gate(
    cached: &Pod,
    live: Option<&Pod>,
    secrets: &str,
    claims: &[&str],
    rivals: &Rivals,
) -> (Act, SeiNodeStatus) {
    let (mut subject, mut status, mut seen) = resumed();
    subject.created = Timestamp::from_second(1_000).unwrap();
    seen.stateful_set = Some(examples::workload());
    seen.service = Some(examples::headless());
    seen.pods = vec![cached.clone()];
    seen.gate = Some(Ok(Health::NotReady));
    seen.rivals = rivals.clone();
    status.children = None;
    status.claims = Vec::new();
    for held in claims {
        let before = exclusive::read(&status.claims);
        status.claims = exclusive::with(&before, &Resource::SigningKey(key(held)), Hold::Held);
    }
    let mut findings = KeyFindings::default();
    for _ in 0..20 {
        let decision = decide(&subject, &status, &seen);
        status = decision.status;
        match decision.act {
            Act::Store => {}
            Act::Fetch(Query::Keys) => {
                found(&mut seen, key(secrets));
                let check = seen.keys.take().map(|check| KeyCheck {
                    pod: Some("1".into()),
                    seid_id: cached.seid_id.clone(),
                    ..check
                });
                seen.keys = check.map(|check| findings.note(check, &exclusive::read(&status.claims)));
            }
            Act::Fetch(Query::Task(id)) => seen.report = Some((id, Ok(TaskReport::Unknown))),
            Act::Fetch(Query::Pod) => seen.live_pod = Some(live.cloned()),
            Act::Fetch(Query::Rivals(wanted)) => seen.live_rivals = Some((wanted, rivals.clone())),
            act => return (act, status),
        }
    }
    panic!("a decision without end: {status:#?}");
}

fn opens(act: &Act) -> bool {
    matches!(act, Act::Perform(Effect::Submit(submission)) if submission.task == TaskType::MarkReady)
}

#[test]
fn a_gate_opens_on_a_copy_of_the_held_key_alone() {
    let copied = |text: &str| KeySource::Copy(file_of(text));
    for (source, secrets, claims, expected) in [
        (copied(KEY), KEY, &[KEY][..], None),
        (copied(OTHER_KEY), KEY, &[KEY], Some("SigningKeyChanged")),
        (copied(OTHER_KEY), OTHER_KEY, &[KEY], Some("SigningKeyChanged")),
        (copied(KEY), OTHER_KEY, &[KEY], Some("SigningKeyChanged")),
        (KeySource::Copy(None), KEY, &[KEY], Some("SigningKeyUnknown")),
        // What the earlier operator made.
        (KeySource::Secret, KEY, &[KEY], None),
        (KeySource::Secret, OTHER_KEY, &[KEY], Some("SigningKeyUnknown")),
        (KeySource::Secret, KEY, &[KEY, OTHER_KEY], Some("SigningKeyUnknown")),
    ] {
        let pod = pod_with(source);
        let (act, status) = gate(&pod, Some(&pod), secrets, claims, &Rivals::default());
        assert_eq!(opens(&act), expected.is_none(), "{source:?} {secrets} {claims:?}: {act:?}");
        let reason = expected.unwrap_or("SigningKeyValidated");
        assert_eq!(condition(&status, "SigningKeyReady").1, reason, "{source:?} {secrets} {claims:?}");
    }
}

#[test]
fn a_gate_opens_when_the_pod_is_there_as_it_was_seen() {
    let seen = pod_with(KeySource::Copy(file_of(KEY)));
    let live = |change: fn(&mut Pod)| {
        let mut pod = seen.clone();
        change(&mut pod);
        Some(pod)
    };
    let opened = |live: Option<Pod>| opens(&gate(&seen, live.as_ref(), KEY, &[KEY], &Rivals::default()).0);
    assert!(opened(live(|pod| pod.version = "2".into())), "what changed is of no concern");
    assert!(!opened(None));
    assert!(!opened(live(|pod| pod.uid = "another".into())));
    assert!(!opened(live(|pod| pod.ip = Some([10, 0, 0, 8].into()))));
    assert!(!opened(live(|pod| pod.deletion = Deletion::Requested)));
    assert!(!opened(live(|pod| pod.key_source = KeySource::Copy(file_of(OTHER_KEY)))), "it was booted anew");
}

#[test]
fn a_pod_that_mounts_the_secret_may_have_either_of_two_keys() {
    let pod = pod_with(KeySource::Secret);
    let (_, status) = gate(&pod, Some(&pod), OTHER_KEY, &[KEY], &Rivals::default());
    let claims = exclusive::read(&status.claims);
    for text in [KEY, OTHER_KEY] {
        assert_eq!(exclusive::hold(&claims, &Resource::SigningKey(key(text))), Some(Hold::Held), "{text}");
    }
}

#[test]
fn a_key_that_the_pod_uses_no_more_is_released() {
    let pod = pod_with(KeySource::Copy(file_of(OTHER_KEY)));
    let (act, status) = gate(&pod, Some(&pod), OTHER_KEY, &[KEY, OTHER_KEY], &Rivals::default());
    assert!(opens(&act), "{act:?}");
    let only = Claim { resource: Resource::SigningKey(key(OTHER_KEY)), hold: Hold::Held };
    assert_eq!(exclusive::read(&status.claims), [only]);
}

#[test]
fn both_holders_of_a_key_keep_their_gates_shut_and_are_told() {
    for (created, age) in [(0, "older"), (2_000_000, "younger")] {
        let other = Contender {
            node: NodeRef { namespace: "sei".into(), name: "n1".into(), uid: "uid-1".into() },
            created: Timestamp::from_second(created).unwrap(),
            claims: vec![Claim { resource: Resource::SigningKey(key(KEY)), hold: Hold::Held }],
            signing: Signing::Examined,
            volume: DataVolume::None,
            pod: None,
        };
        let rivals = Rivals { nodes: vec![other], strays: Vec::new() };
        let pod = pod_with(KeySource::Copy(file_of(KEY)));
        let (act, status) = gate(&pod, Some(&pod), KEY, &[KEY], &rivals);
        assert!(matches!(act, Act::Rest(_)), "{act:?}");
        let (truth, reason, message) = condition(&status, "SigningKeyReady");
        assert_eq!((truth, reason), ("False", "InUse"));
        assert!(message.contains(&format!("SeiNode sei/n1 is {age} and holds it too")), "{message}");
    }
}

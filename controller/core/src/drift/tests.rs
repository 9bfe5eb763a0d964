//! Reasons to update a node, and changes that are none.

use std::collections::BTreeMap;

use seinode_api::spec::SeiNodeSpec;

use super::*;

/// A spec that says something about every reason, and what was recorded for it: one of each released version. A release
/// adds a file; none is ever changed, for nodes out there have such a record.
const GOLDEN: [&str; 1] = [include_str!("../../golden/baseline-0.1.0.yaml")];

const SPEC: &str = "
chainId: c
image: seid:1
fullNode: {}
";

fn spec(text: &str) -> SeiNodeSpec {
    serde_norway::from_str(text).unwrap()
}

fn spec_hashes(text: &str) -> SpecHashes {
    SpecHashes::of(&spec(text), "sei")
}

#[track_caller]
fn check(before: &str, after: &str, expected: &[Reason]) {
    assert_eq!(spec_hashes(after).drift(&spec_hashes(before).record()), expected, "{before} -> {after}");
}

#[test]
fn every_released_version_of_the_record_is_understood() {
    for golden in GOLDEN {
        let golden: Value = serde_norway::from_str(golden).unwrap();
        let spec: SeiNodeSpec = serde_json::from_value(golden["spec"].clone()).unwrap();
        let record: BTreeMap<String, String> = serde_json::from_value(golden["record"].clone()).unwrap();
        let now = SpecHashes::of(&spec, "sei");
        assert_eq!(now.drift(&record), [], "{:#?}", now.record());
        let other = record.iter().map(|(name, entry)| (name.clone(), entry.replace(':', ":x"))).collect();
        assert_eq!(record.len(), 10, "a record is whole");
        let known = Reason::ALL.iter().filter(|reason| record.contains_key(reason.as_str())).count();
        assert_eq!(now.drift(&other).len(), known, "every reason of it is compared");
    }
}

#[test]
fn each_part_is_a_reason_of_its_own() {
    let with = |rest: &str| format!("{SPEC}{rest}");
    check(SPEC, &SPEC.replace("seid:1", "seid:2"), &[Reason::Image]);
    check(SPEC, &with("sidecar: {image: s}"), &[Reason::SidecarImage]);
    check(SPEC, &with("entrypoint: {command: [seid]}"), &[Reason::Entrypoint]);
    check(SPEC, &with("sidecar: {resources: {limits: {cpu: 1}}}"), &[Reason::Resources]);
    check(SPEC, &with("podLabels: {a: b}"), &[Reason::PodLabels]);
    check(SPEC, &with("sidecar: {port: 7}"), &[Reason::SidecarPort]);
    check(SPEC, &with("overrides: {evm.http_port: '1'}"), &[Reason::Overrides]);
    check(SPEC, &with("peers: [{static: {addresses: [a]}}]"), &[Reason::Peers]);
    let made = SPEC.replace("{}", "{snapshotGeneration: {tendermint: {keepRecent: 3}}}");
    check(SPEC, &made, &[Reason::SnapshotGeneration]);
    let signer = |secret: &str| {
        format!(
            "chainId: c\nimage: i\nvalidator: {{signingKey: {{secret: {{secretName: {secret}}}}}, \
             nodeKey: {{secret: {{secretName: p2p}}}}}}"
        )
    };
    check(&signer("a"), &signer("b"), &[Reason::Keys]);
}

#[test]
fn what_means_the_same_is_no_reason() {
    let with = |rest: &str| format!("{SPEC}{rest}");
    check(SPEC, &with("sidecar: {port: 7777, image: ''}"), &[]);
    check(SPEC, &with("sidecar: {port: 0, resources: {limits: {}}}"), &[]);
    check(
        &with("sidecar: {resources: {limits: {cpu: 1, memory: 1Gi}}}"),
        &with("sidecar: {resources: {limits: {memory: 1024Mi, cpu: 1000m}}}"),
        &[],
    );
    check(SPEC, &with("podLabels: {sei.io/node: x, sei.io/component: y}"), &[]);
    check(
        &with("peers: [{label: {selector: {a: b}}}]"),
        &with("peers: [{label: {selector: {a: b}, namespace: sei}}]"),
        &[],
    );
    check(&with("entrypoint: {command: [a, b]}"), &with("entrypoint: {command: [a], args: [b]}"), &[]);
    check(SPEC, &with("paused: true\ndataVolume: {retain: true}"), &[]);
    check(SPEC, &SPEC.replace("{}", "{snapshot: {stateSync: {}}}"), &[]);
}

#[test]
fn what_a_record_lacks_or_has_in_another_version_takes_the_present_value() {
    let now = spec_hashes(&SPEC.replace("seid:1", "seid:2"));
    let record = BTreeMap::from([
        ("image".to_owned(), "99:0000".to_owned()),
        ("overrides".to_owned(), "1:0000".to_owned()),
        ("somethingElse".to_owned(), "1:0000".to_owned()),
        ("peers".to_owned(), "nonsense".to_owned()),
    ]);
    assert_eq!(now.drift(&record), [Reason::Overrides]);
    assert_eq!(now.drift(&BTreeMap::new()), []);
    let complete = now.complete(&record);
    assert_eq!(complete["overrides"], "1:0000", "what is understood stays");
    assert_eq!(complete["image"], now.record()["image"]);
    assert_eq!(complete.len(), Reason::ALL.len());
    assert_eq!(now.drift(&complete), [Reason::Overrides]);
}

#[test]
fn a_record_says_nothing_of_what_is_in_the_spec() {
    let secret = spec_hashes(&format!("{SPEC}overrides: {{tx_index.psql_conn: 'postgres://u:p4ss@h'}}"));
    assert!(secret.record().values().all(|entry| !entry.contains("p4ss") && entry.len() == 18));
}

//! Front door `Intent::parse`: what is accepted, and every rule that refuses.

use super::*;

fn parse(spec: &str) -> Result<Intent, Vec<Violation>> {
    let node = format!(
        "apiVersion: sei.io/v1alpha1\nkind: SeiNode\nmetadata: {{name: n0, namespace: sei}}\nspec:\n{spec}"
    );
    Intent::parse(&serde_norway::from_str(&node).unwrap())
}

/// Asserts that the spec breaks exactly these rules, given as `field: words of the rule`.
#[track_caller]
fn refused(spec: &str, expected: &[(&str, &str)]) {
    let found = parse(spec).unwrap_err();
    let fields: Vec<_> = found.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, expected.iter().map(|(field, _)| *field).collect::<Vec<_>>(), "{found:#?}");
    for (violation, (_, words)) in found.iter().zip(expected) {
        assert!(violation.rule.contains(words), "{violation}");
        assert!(!violation.remedy.is_empty(), "{violation}");
    }
}

const FULL: &str = "  chainId: c\n  image: i\n  fullNode: {}\n";

#[test]
fn a_plain_full_node_gets_every_default() {
    let intent = parse(FULL).unwrap();
    assert_eq!(intent.mode, Mode::FullNode { start: Start::BlockSync, snapshots: None });
    assert_eq!(intent.process, Process::Default);
    assert_eq!((intent.sidecar.image.as_str(), intent.sidecar.port), (DEFAULT_SIDECAR_IMAGE, 7777));
    assert_eq!(intent.volume, VolumeSource::Own);
}

#[test]
fn a_label_source_without_namespace_seeks_in_the_nodes_own() {
    let spec = format!(
        "{FULL}  peers: [{{label: {{selector: {{a: b}}}}}}, {{label: {{selector: {{c: d}}, namespace: far}}}}]\n"
    );
    let intent = parse(&spec).unwrap();
    let namespaces: Vec<_> = intent.label_sources().map(|(namespace, _)| namespace).collect();
    assert_eq!(namespaces, ["sei", "far"]);
}

#[test]
fn the_target_depends_on_the_spec_alone_and_not_on_the_order_of_its_members() {
    let one = parse("  chainId: c\n  image: i\n  fullNode: {}\n").unwrap();
    let same = parse("  fullNode: {}\n  image: i\n  chainId: c\n").unwrap();
    let other = parse("  chainId: c\n  image: j\n  fullNode: {}\n").unwrap();
    assert_eq!(one.target(), same.target());
    assert_ne!(one.target(), other.target());
}

#[test]
fn every_start_is_read() {
    let start = |snapshot: &str| match parse(&format!(
        "  chainId: c\n  image: i\n  fullNode: {{snapshot: {snapshot}}}\n"
    ))
    .unwrap()
    .mode
    {
        Mode::FullNode { start, .. } => start,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        start("{stateSync: {}, trustPeriod: 1h}"),
        Start::StateSync { trust_period: Some("1h".into()), backfill_blocks: None }
    );
    assert_eq!(
        start("{s3: {targetHeight: 7}, bootstrapImage: b, backfillBlocks: 9}"),
        Start::S3 {
            target_height: 7,
            bootstrap_image: Some("b".into()),
            trust_period: None,
            backfill_blocks: Some(9)
        }
    );
}

#[test]
fn every_role_of_a_validator_is_read() {
    let role = |validator: &str| match parse(&format!("  chainId: c\n  image: i\n  validator: {validator}\n"))
        .unwrap()
        .mode
    {
        Mode::Validator { role, .. } => role,
        other => panic!("{other:?}"),
    };
    assert_eq!(role("{}"), Role::Observer);
    assert_eq!(
        role("{signingKey: {secret: {secretName: s}}, nodeKey: {secret: {secretName: n}}}"),
        Role::Signer { signing_secret: "s".into(), node_secret: "n".into() }
    );
    assert!(matches!(
        role("{genesisCeremony: {chainId: c, stakingAmount: 1usei, accountBalance: 2usei, index: 0}}"),
        Role::Genesis(_)
    ));
}

#[test]
fn all_violations_are_found_at_once() {
    refused(
        "  chainId: ''\n  image: ''\n  fullNode: {snapshot: {}}\n  sidecar: {port: -5}\n  peers: [{}]\n",
        &[
            ("spec.chainId", "empty"),
            ("spec.image", "empty"),
            ("spec.fullNode.snapshot", "exactly one of s3 and stateSync"),
            ("spec.peers[0]", "exactly one of ec2Tags"),
            ("spec.sidecar.port", "not between 1 and 65535"),
        ],
    );
}

#[test]
fn a_node_has_exactly_one_mode() {
    refused("  chainId: c\n  image: i\n", &[("spec", "exactly one of fullNode")]);
    refused(&format!("{FULL}  archive: {{}}\n"), &[("spec", "exactly one of fullNode")]);
}

#[test]
fn what_belongs_together_must_come_together() {
    let full = |rest: &str| format!("  chainId: c\n  image: i\n  fullNode: {rest}\n");
    refused(
        &full("{snapshot: {stateSync: {}, bootstrapImage: b}}"),
        &[("spec.fullNode.snapshot.bootstrapImage", "s3 is not set")],
    );
    refused(
        &full("{snapshot: {s3: {targetHeight: 0}}}"),
        &[("spec.fullNode.snapshot.s3.targetHeight", "not a height")],
    );
    refused(
        &full("{snapshotGeneration: {}}"),
        &[("spec.fullNode.snapshotGeneration.tendermint", "says nothing")],
    );
    refused(
        &full("{snapshotGeneration: {tendermint: {keepRecent: 1, publish: {}}}}"),
        &[("spec.fullNode.snapshotGeneration.tendermint.keepRecent", "second newest")],
    );
    refused(&format!("{FULL}  entrypoint: {{command: []}}\n"), &[("spec.entrypoint.command", "empty")]);
    refused(
        &format!("{FULL}  dataVolume: {{import: {{pvcName: ''}}}}\n"),
        &[("spec.dataVolume.import.pvcName", "empty")],
    );
}

#[test]
fn a_replayer_needs_s3_and_peers() {
    refused(
        "  chainId: c\n  image: i\n  replayer: {snapshot: {stateSync: {}}, resultExport: {}}\n",
        &[
            ("spec.replayer.snapshot", "S3 snapshot"),
            ("spec.peers", "needs peers"),
            ("spec.replayer.resultExport.shadowResult", "says nothing"),
        ],
    );
}

#[test]
fn keys_come_in_pairs_from_two_secrets_and_not_in_a_ceremony() {
    let validator = |rest: &str| format!("  chainId: c\n  image: i\n  validator: {rest}\n");
    let key = |name: &str| format!("{{secret: {{secretName: {name}}}}}");
    let ceremony = "genesisCeremony: {chainId: c, stakingAmount: 1usei, accountBalance: 2usei, index: 0}";
    refused(&validator(&format!("{{signingKey: {}}}", key("a"))), &[("spec.validator", "go together")]);
    refused(&validator(&format!("{{nodeKey: {}}}", key("a"))), &[("spec.validator", "go together")]);
    refused(
        &validator(&format!("{{signingKey: {0}, nodeKey: {0}}}", key("a"))),
        &[("spec.validator", "same Secret")],
    );
    refused(
        &validator(&format!("{{signingKey: {}, nodeKey: {}, {ceremony}}}", key("a"), key("b"))),
        &[("spec.validator", "makes its own keys")],
    );
    refused(
        &validator("{signingKey: {}, nodeKey: {secret: {secretName: b}}}"),
        &[("spec.validator.signingKey.secret", "no source")],
    );
    refused(
        &validator("{genesisCeremony: {chainId: '', stakingAmount: '', accountBalance: 1usei, index: 0}}"),
        &[
            ("spec.validator.genesisCeremony.chainId", "empty"),
            ("spec.validator.genesisCeremony.stakingAmount", "empty"),
        ],
    );
}

#[test]
fn the_limits_of_the_schema_hold_here_too() {
    let full = |rest: &str| format!("{FULL}  {rest}\n");
    for (spec, field, words) in [
        (
            full("sidecar: {resources: {claims: [{request: a}]}}"),
            "spec.sidecar.resources.claims[0].name",
            "empty",
        ),
        (
            full("sidecar: {resources: {limits: {memory: lots}}}"),
            "spec.sidecar.resources.limits.memory",
            "lots",
        ),
        (full("peers: [{ec2Tags: {region: '', tags: {a: b}}}]"), "spec.peers[0].ec2Tags.region", "empty"),
        (full("peers: [{ec2Tags: {region: r, tags: {}}}]"), "spec.peers[0].ec2Tags.tags", "empty"),
        (full("peers: [{static: {addresses: []}}]"), "spec.peers[0].static.addresses", "empty"),
        (full("peers: [{label: {selector: {}}}]"), "spec.peers[0].label.selector", "empty"),
        (full("dataVolume: {import: {pvcName: A}}"), "spec.dataVolume.import.pvcName", "lower-case"),
        (full("dataVolume: {retain: true, import: {pvcName: a}}"), "spec.dataVolume.retain", "imported"),
    ] {
        refused(&spec, &[(field, words)]);
    }
}

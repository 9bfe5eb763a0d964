use serde_json::{Value, json};

use crate::{
    endpoint::Endpoint,
    tests::fixtures::{Call, creation, deletion, fields, set, update},
    verdict::Verdict,
};

fn mutate(call: &Call) -> Verdict {
    call.verdict(Endpoint::MutateStatefulSet)
}

fn validate(call: &Call) -> Verdict {
    call.verdict(Endpoint::ValidateStatefulSet)
}

fn rolling() -> Value {
    json!({ "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "partition": 0 } } })
}

#[test]
fn a_new_set_becomes_on_delete_with_a_longer_grace_period() {
    let call = creation(set(rolling()));
    let mut expected = set(json!({}));
    expected["spec"]["template"]["metadata"]["annotations"] =
        json!({ "karpenter.sh/do-not-disrupt": "true" });
    expected["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = json!(120);
    assert_eq!(call.mutated(Endpoint::MutateStatefulSet), expected);
    let verdict = mutate(&call);
    assert_eq!(
        verdict.patch.fields(),
        ["updateStrategy", "rollingUpdate", "doNotDisrupt", "terminationGracePeriodSeconds"]
    );
    assert_eq!(verdict.warnings.len(), 2, "{verdict:#?}");
}

#[test]
fn values_that_a_user_wrote_stay() {
    let mut object = set(json!({}));
    object["spec"]["template"]["metadata"]["annotations"] = json!({ "karpenter.sh/do-not-disrupt": "false" });
    object["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = json!(31);
    assert_eq!(mutate(&creation(object)), Verdict::default());
}

#[test]
fn an_old_set_becomes_on_delete_and_keeps_its_template() {
    let edited = |mut object: Value| {
        object["spec"]["template"]["spec"]["x"] = json!(1);
        object
    };
    let call = update(set(rolling()), edited(set(rolling())));
    assert_eq!(call.mutated(Endpoint::MutateStatefulSet), edited(set(json!({}))));
    // The way back is left as it is, for validation to deny.
    assert_eq!(mutate(&update(set(json!({})), set(rolling()))), Verdict::default());
}

#[test]
fn hard_rules_hold_for_changes_and_trap_nobody() {
    let three = || set(json!({ "replicas": 3 }));
    let ordinals = |start: i32| set(json!({ "ordinals": { "start": start } }));
    let strange = || set(json!({ "updateStrategy": { "type": "Recreate" } }));
    let none = Vec::<&str>::new;
    for (call, denied) in [
        (creation(set(json!({}))), none()),
        (creation(set(rolling())), vec!["spec.updateStrategy.type"]),
        (creation(strange()), vec!["spec.updateStrategy.type"]),
        (creation(three()), vec!["spec.replicas"]),
        (update(set(json!({})), set(rolling())), vec!["spec.updateStrategy.type"]),
        (update(set(json!({})), strange()), vec!["spec.updateStrategy.type"]),
        (update(set(rolling()), set(rolling())), none()),
        (update(set(json!({})), three()), vec!["spec.replicas"]),
        (update(three(), three()), none()),
        (update(three(), set(json!({ "replicas": 2 }))), vec!["spec.replicas"]),
        (update(three(), set(json!({}))), none()),
        (update(set(json!({})), set(json!({ "replicas": 0 }))), none()),
        (creation(ordinals(1)), vec!["spec.ordinals.start"]),
        (update(set(json!({})), ordinals(1)), vec!["spec.ordinals.start"]),
        (update(ordinals(1), ordinals(2)), vec!["spec.ordinals.start"]),
        (update(ordinals(1), ordinals(1)), none()),
        (update(ordinals(1), ordinals(0)), none()),
        (creation(ordinals(0)), none()),
    ] {
        let verdict = validate(&call);
        assert_eq!(fields(&verdict), denied, "{call:#?}");
        assert!(verdict.violations.iter().all(|it| it.rule.contains("SeiNode a")), "{verdict:#?}");
    }
}

#[test]
fn an_owned_set_keeps_its_label_and_owner() {
    let mut unlabelled = set(json!({}));
    unlabelled["metadata"]["labels"] = json!({ "x": "y" });
    let mut renamed = set(json!({}));
    renamed["metadata"]["labels"]["sei.io/node"] = json!("b");
    let mut orphan = set(json!({}));
    orphan["metadata"]["ownerReferences"] = json!([]);
    let mut free = unlabelled.clone();
    free["metadata"]["ownerReferences"] = json!([]);
    let (label, owner) = ("metadata.labels[sei.io/node]", "metadata.ownerReferences");
    for (after, denied) in [
        (&unlabelled, vec![label]),
        (&renamed, vec![label]),
        (&orphan, vec![owner]),
        (&free, vec![label, owner]),
    ] {
        assert_eq!(fields(&validate(&update(set(json!({})), after.clone()))), denied, "{after:#}");
    }
    assert_eq!(fields(&validate(&update(orphan, free))), Vec::<&str>::new(), "an orphan may lose its label");
}

#[test]
fn edits_that_will_be_reverted_are_warned_of() {
    let mut restarted = set(json!({}));
    restarted["spec"]["template"]["metadata"]["annotations"] =
        json!({ "kubectl.kubernetes.io/restartedAt": "now" });
    let mut changed = restarted.clone();
    changed["spec"]["template"]["metadata"]["annotations"]["mine"] = json!("x");
    let mut annotated = set(json!({}));
    annotated["metadata"]["annotations"] = json!({ "a": "b" });
    for (old, after, warning) in [
        (set(json!({})), changed, Some("the operator will revert spec.template: edit SeiNode a instead")),
        // It is carried out.
        (set(json!({})), restarted, None),
        (set(json!({})), annotated, None),
        // These the operator leaves as they are.
        (set(json!({})), set(json!({ "minReadySeconds": 5, "revisionHistoryLimit": 2 })), None),
        (
            set(json!({})),
            set(json!({ "replicas": 0 })),
            Some("SeiNode a stays stopped until spec.replicas is 1 again"),
        ),
        (set(json!({ "replicas": 0 })), set(json!({})), None),
        (set(rolling()), set(json!({})), None),
    ] {
        let verdict = validate(&update(old, after));
        assert!(verdict.violations.is_empty(), "{verdict:#?}");
        assert_eq!(verdict.warnings.len(), usize::from(warning.is_some()), "{warning:?}: {verdict:#?}");
        assert!(
            verdict.warnings.iter().all(|it| it.starts_with(warning.unwrap_or_default())),
            "{verdict:#?}"
        );
    }
    let verdict = deletion(set(json!({}))).verdict(Endpoint::WarnStatefulSetDeletion);
    assert!(verdict.warnings[0].contains("creates this StatefulSet again for SeiNode a"), "{verdict:#?}");
}

/// A set that is a node's by one of its three labels only, and wants three rolling pods.
fn by(label: &str) -> Value {
    let mut object = set(rolling());
    object["spec"]["replicas"] = json!(3);
    for place in ["/metadata/labels", "/spec/selector/matchLabels", "/spec/template/metadata/labels"] {
        let labels = if place == label { json!({ "sei.io/node": "a" }) } else { json!({ "app": "x" }) };
        *object.pointer_mut(place).unwrap() = labels;
    }
    object
}

#[test]
fn a_set_is_recognised_by_any_of_its_labels() {
    for (label, denied) in [
        ("/metadata/labels", vec![]),
        ("/spec/selector/matchLabels", vec![]),
        ("/spec/template/metadata/labels", vec!["spec.selector.matchLabels[sei.io/node]"]),
        ("none", vec![]),
    ] {
        let rules = if label == "none" { vec![] } else { vec!["spec.updateStrategy.type", "spec.replicas"] };
        let verdict = validate(&creation(by(label)));
        assert_eq!(fields(&verdict), [rules, denied].concat(), "{label}");
        assert_eq!(mutate(&creation(by(label))) == Verdict::default(), label == "none", "{label}");
    }
    // The label of the set can be taken off an orphan; its selector stays, and the rules with it.
    let mut orphan = set(json!({}));
    orphan["metadata"]["ownerReferences"] = json!([]);
    let mut unlabelled = orphan.clone();
    unlabelled["metadata"]["labels"] = json!({});
    assert_eq!(fields(&validate(&update(orphan, unlabelled.clone()))), Vec::<&str>::new());
    let mut scaled = unlabelled.clone();
    scaled["spec"]["replicas"] = json!(2);
    assert_eq!(fields(&validate(&update(unlabelled, scaled))), ["spec.replicas"]);
}

#[test]
fn a_pod_label_of_a_node_needs_the_selector_of_the_node() {
    let foreign = by("none");
    let mut labelled = foreign.clone();
    labelled["spec"]["template"]["metadata"]["labels"]["sei.io/node"] = json!("a");
    let field = "spec.selector.matchLabels[sei.io/node]";
    assert!(fields(&validate(&update(foreign, labelled.clone()))).contains(&field));
    let mut expressed = labelled.clone();
    expressed["spec"]["selector"] =
        json!({ "matchExpressions": [{ "key": "sei.io/node", "operator": "In", "values": ["a"] }] });
    assert!(!fields(&validate(&creation(expressed))).contains(&field));
    let mut renamed = labelled.clone();
    renamed["spec"]["template"]["metadata"]["labels"]["sei.io/node"] = json!("b");
    assert!(fields(&validate(&update(labelled.clone(), renamed))).contains(&field));
    // One that has it already is not trapped.
    assert_eq!(fields(&validate(&update(labelled.clone(), labelled))), Vec::<&str>::new());
}

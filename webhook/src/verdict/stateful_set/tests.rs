use serde_json::{Value, json};

use super::*;
use crate::{
    endpoint::Endpoint,
    tests::given::{creation, fields, mutated, set, update},
};

fn rolling() -> Value {
    json!({ "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "partition": 0 } } })
}

#[test]
fn a_new_set_is_made_on_delete_and_its_pods_get_time_and_rest() {
    let request = creation(set(rolling()));
    let mut expected = set(json!({}));
    expected["spec"]["template"]["metadata"]["annotations"] =
        json!({ "karpenter.sh/do-not-disrupt": "true" });
    expected["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = json!(120);
    assert_eq!(mutated(Endpoint::MutateStatefulSet, &request), expected);
    let verdict = mutate(&request);
    assert_eq!(
        verdict.patch.fields(),
        ["updateStrategy", "rollingUpdate", "doNotDisrupt", "terminationGracePeriodSeconds"]
    );
    assert_eq!(verdict.warnings.len(), 2, "{verdict:#?}");
}

#[test]
fn a_persons_own_values_stay() {
    let mut object = set(json!({}));
    object["spec"]["template"]["metadata"]["annotations"] = json!({ "karpenter.sh/do-not-disrupt": "false" });
    object["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = json!(31);
    assert_eq!(mutate(&creation(object)), Verdict::default());
}

#[test]
fn an_old_set_is_migrated_and_its_template_is_never_touched() {
    let edited = |mut object: Value| {
        object["spec"]["template"]["spec"]["x"] = json!(1);
        object
    };
    let request = update(set(rolling()), edited(set(rolling())));
    assert_eq!(mutated(Endpoint::MutateStatefulSet, &request), edited(set(json!({}))));
    // The way back is left as it is, for others to refuse.
    assert_eq!(mutate(&update(set(json!({})), set(rolling()))), Verdict::default());
}

#[test]
fn the_hard_rules_hold_for_what_changes_and_trap_nobody() {
    let three = || set(json!({ "replicas": 3 }));
    let strange = || set(json!({ "updateStrategy": { "type": "Recreate" } }));
    let none = Vec::<&str>::new;
    for (request, refused) in [
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
    ] {
        let verdict = validate(&request);
        assert_eq!(fields(&verdict), refused, "{request:#?}");
        assert!(verdict.violations.iter().all(|it| it.rule.contains("SeiNode a")), "{verdict:#?}");
    }
}

#[test]
fn nobody_slips_out_of_the_guard_of_a_set_that_is_owned() {
    let mut unlabelled = set(json!({}));
    unlabelled["metadata"]["labels"] = json!({ "x": "y" });
    let mut renamed = set(json!({}));
    renamed["metadata"]["labels"]["sei.io/node"] = json!("b");
    let mut orphan = set(json!({}));
    orphan["metadata"]["ownerReferences"] = json!([]);
    let mut free = unlabelled.clone();
    free["metadata"]["ownerReferences"] = json!([]);
    let (label, owner) = ("metadata.labels[sei.io/node]", "metadata.ownerReferences");
    for (after, refused) in [
        (&unlabelled, vec![label]),
        (&renamed, vec![label]),
        (&orphan, vec![owner]),
        (&free, vec![label, owner]),
    ] {
        assert_eq!(fields(&validate(&update(set(json!({})), after.clone()))), refused, "{after:#}");
    }
    assert_eq!(fields(&validate(&update(orphan, free))), Vec::<&str>::new(), "an orphan is let go");
}

#[test]
fn an_edit_is_warned_that_it_will_be_put_back_and_a_stop_is_honoured() {
    let mut restarted = set(json!({}));
    restarted["spec"]["template"]["metadata"]["annotations"] =
        json!({ "kubectl.kubernetes.io/restartedAt": "now" });
    let mut annotated = set(json!({}));
    annotated["metadata"]["annotations"] = json!({ "a": "b" });
    for (old, after, words) in [
        (set(json!({})), restarted, Some("managed by SeiNode a: edit that; this will be put back")),
        (set(json!({})), annotated, None),
        (
            set(json!({})),
            set(json!({ "replicas": 0 })),
            Some("SeiNode a stays stopped until this is 1 again"),
        ),
        (set(json!({ "replicas": 0 })), set(json!({})), None),
        (set(rolling()), set(json!({})), None),
    ] {
        let verdict = validate(&update(old, after));
        assert!(verdict.violations.is_empty(), "{verdict:#?}");
        assert_eq!(verdict.warnings.len(), usize::from(words.is_some()), "{words:?}: {verdict:#?}");
        assert!(verdict.warnings.iter().all(|it| it.starts_with(words.unwrap_or_default())), "{verdict:#?}");
    }
    let verdict = deletion(&crate::tests::given::deletion(set(json!({}))));
    assert!(verdict.warnings[0].contains("SeiNode a will have this StatefulSet made again"), "{verdict:#?}");
}

//! Front doors `creation` and `change`: which changes are refused, and that all others are not.

use super::*;

fn node(name: &str, rest: &str) -> SeiNode {
    let text = format!(
        "apiVersion: sei.io/v1alpha1\nkind: SeiNode\nmetadata: {{name: '{name}', namespace: sei}}\nspec: {{chainId: c, \
         image: i, {rest}}}"
    );
    serde_norway::from_str(&text).unwrap()
}

fn fields(found: &[Violation]) -> Vec<&str> {
    found.iter().map(|violation| violation.field.as_str()).collect()
}

#[test]
fn what_would_swap_data_or_keys_under_a_node_is_refused() {
    let keys = |a: &str, b: &str| {
        format!(
            "validator: {{signingKey: {{secret: {{secretName: {a}}}}}, nodeKey: {{secret: {{secretName: {b}}}}}}}"
        )
    };
    let import = "fullNode: {}, dataVolume: {import: {pvcName: a}}";
    for (before, after, refused) in [
        ("fullNode: {}", "archive: {}", vec!["spec"]),
        ("fullNode: {}", "fullNode: {}, archive: {}", vec!["spec"]),
        (import, "fullNode: {}", vec!["spec.dataVolume"]),
        (import, "fullNode: {}, dataVolume: {}", vec!["spec.dataVolume"]),
        (import, "fullNode: {}, dataVolume: {import: {pvcName: b}}", vec!["spec.dataVolume.import.pvcName"]),
        ("fullNode: {}", import, vec!["spec.dataVolume.import"]),
        ("fullNode: {}, dataVolume: {retain: true}", import, vec!["spec.dataVolume.import"]),
        (&keys("a", "b"), "validator: {}", vec!["spec.validator"]),
        (&keys("a", "b"), "fullNode: {}", vec!["spec"]),
        (
            &keys("a", "b"),
            &keys("c", "d"),
            vec!["spec.validator.signingKey.secret.secretName", "spec.validator.nodeKey.secret.secretName"],
        ),
        ("fullNode: {}", "fullNode: {}, sidecar: {port: 0}", vec!["spec.sidecar.port"]),
        // What is allowed.
        ("validator: {}", &keys("a", "b"), vec![]),
        ("fullNode: {}", "fullNode: {}, dataVolume: {retain: true}, paused: true", vec![]),
        ("fullNode: {}, dataVolume: {retain: true}", "fullNode: {}", vec![]),
        ("fullNode: {}, sidecar: {port: 0}", "fullNode: {}, sidecar: {port: 0, image: x}", vec![]),
        (import, import, vec![]),
    ] {
        let found = change(&node("a", before), &node("a", after));
        assert_eq!(fields(&found), refused, "{before} -> {after}: {found:#?}");
    }
    let mut other = node("a", "fullNode: {}");
    other.spec.chain_id = "d".into();
    assert_eq!(fields(&change(&node("a", "fullNode: {}"), &other)), ["spec.chainId"]);
}

#[test]
fn a_new_node_has_a_name_that_its_pods_can_carry() {
    let long = "a".repeat(53);
    for (name, refused) in [("a", false), ("rpc-0", false), (&long[..52], false), ("", false)]
        .into_iter()
        .chain([(long.as_str(), true), ("0a", true), ("a-", true), ("a.b", true), ("A", true)])
    {
        let found = creation(&node(name, "fullNode: {}"));
        assert_eq!(fields(&found), if refused { vec!["metadata.name"] } else { vec![] }, "{name}");
    }
    assert_eq!(fields(&creation(&node("a", "fullNode: {}, sidecar: {port: 0}"))), ["spec.sidecar.port"]);
}

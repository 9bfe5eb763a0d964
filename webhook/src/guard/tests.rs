//! The chart's policies have the rules and the messages of this crate.

use super::*;

const POLICY: &str = include_str!("../../../charts/seinode-operator/templates/policy.yaml");

#[test]
fn a_message_expression_is_the_violation_of_a_node() {
    let message = ONE_REPLICA.message_expression();
    let text = message.replace("' + variables.node + '", "rpc-0");
    assert_eq!(text, format!("'{}'", ONE_REPLICA.broken_by("rpc-0")));
}

#[test]
fn messages_need_no_escape_in_cel_and_yaml() {
    for rule in [ON_DELETE, ONE_REPLICA, FIRST_ORDINAL, SELECTOR_FITS, LABEL_STAYS, OWNER_STAYS] {
        let text = rule.broken_by("{node}").to_string();
        assert!(!text.contains(['\'', '\\', '\n', '"']), "{text}");
    }
}

#[test]
fn the_policies_of_the_chart_have_the_same_rules_and_messages() {
    // The template folds long lines: compare the text without the folds.
    let template = POLICY.split_whitespace().collect::<Vec<_>>().join(" ");
    for (name, expected) in [
        ("ON_DELETE.message_expression()", ON_DELETE.message_expression()),
        ("ONE_REPLICA.message_expression()", ONE_REPLICA.message_expression()),
        ("FIRST_ORDINAL.message_expression()", FIRST_ORDINAL.message_expression()),
        ("SELECTOR_FITS.message_expression()", SELECTOR_FITS.message_expression()),
        ("LABEL_STAYS.message_expression()", LABEL_STAYS.message_expression()),
        ("OWNER_STAYS.message_expression()", OWNER_STAYS.message_expression()),
        ("IS_ON_DELETE", IS_ON_DELETE.to_owned()),
        ("HAS_FIRST_ORDINAL", HAS_FIRST_ORDINAL.to_owned()),
        ("HAS_SELECTOR", HAS_SELECTOR.to_owned()),
        ("HAS_ONE_REPLICA", HAS_ONE_REPLICA.to_owned()),
        ("NODE_OF_SET", NODE_OF_SET.to_owned()),
        ("IS_SCALE_OF_NODE", IS_SCALE_OF_NODE.to_owned()),
        ("NODE_OF_SCALE", NODE_OF_SCALE.to_owned()),
    ] {
        assert!(template.contains(&expected), "templates/policy.yaml lacks {name}; add:\n{expected}");
    }
    assert_eq!(
        template.matches(&ONE_REPLICA.message_expression()).count(),
        2,
        "once for sets, once for scale"
    );
}

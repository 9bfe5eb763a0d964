//! The chart's policies have the rules and the words of this crate.

use super::*;

const POLICY: &str = include_str!("../../../charts/seinode-operator/templates/policy.yaml");

#[test]
fn a_message_is_the_violation_with_a_variable_for_the_node() {
    let message = ONE_REPLICA.message_expression();
    let said = message.replace("' + variables.node + '", "rpc-0");
    assert_eq!(said, format!("'{}'", ONE_REPLICA.broken_by("rpc-0")));
}

#[test]
fn the_words_can_stand_between_quotes_of_cel_and_yaml() {
    for rule in [ON_DELETE, ONE_REPLICA, LABEL_STAYS, OWNER_STAYS] {
        let text = rule.broken_by("{node}").to_string();
        assert!(!text.contains(['\'', '\\', '\n', '"']), "{text}");
    }
}

#[test]
fn the_policies_of_the_chart_are_these_rules_in_these_words() {
    // The template folds long lines; what counts is the text without the folds.
    let template = POLICY.split_whitespace().collect::<Vec<_>>().join(" ");
    for (what, wanted) in [
        ("ON_DELETE.message_expression()", ON_DELETE.message_expression()),
        ("ONE_REPLICA.message_expression()", ONE_REPLICA.message_expression()),
        ("IS_ON_DELETE", IS_ON_DELETE.to_owned()),
        ("HAS_ONE_REPLICA", HAS_ONE_REPLICA.to_owned()),
        ("NODE_OF_SET", NODE_OF_SET.to_owned()),
        ("IS_SCALE_OF_NODE", IS_SCALE_OF_NODE.to_owned()),
        ("NODE_OF_SCALE", NODE_OF_SCALE.to_owned()),
    ] {
        assert!(template.contains(&wanted), "templates/policy.yaml lacks {what}; write there:\n{wanted}");
    }
    assert_eq!(
        template.matches(&ONE_REPLICA.message_expression()).count(),
        2,
        "once for sets, once for scale"
    );
}

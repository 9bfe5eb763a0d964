//! The table of cases against our CRD: each rule and each limit lets in what it should and refuses what it
//! should, in words that name the field.

use std::sync::Arc;

use scenario::scenario;
use serde_json::Value;

use super::{
    demands::demands,
    nodes::{Answer, Cause, Nodes, Run, name},
    table::{Case, cases},
};
use crate::kit::Kit;

#[scenario]
async fn every_rule_has_an_accept_and_a_refuse_case(kit: Arc<Kit>) {
    let own = kit.namespace().await;
    let (client, namespace) = (&own.client, own.name.as_str());
    let nodes = Nodes::shared(client, namespace);
    let mut causes = Vec::new();
    for case in cases() {
        let (accepted, refused) = play(&nodes, &case).await;
        let object = accepted.unwrap_or_else(|causes| panic!("{}: refused: {causes:#?}", case.label));
        assert!(holds(&object, &case.accept), "{}: not stored as it was sent: {object:#}", case.label);
        causes.extend(refused_as_expected(&case, refused));
    }
    let unheard: Vec<_> = demands()
        .into_iter()
        .filter(|demand| {
            !causes.iter().any(|(field, message)| *field == demand.field && message.contains(&demand.says))
        })
        .collect();
    assert!(unheard.is_empty(), "no case of cases.yaml was refused with these: {unheard:#?}");
}

/// Answers of the API server to `accept` and to `refuse`.
pub async fn play(nodes: &Nodes, case: &Case) -> (Answer, Answer) {
    let Some(stored) = &case.stored else {
        return (nodes.create(&case.accept, Run::Dry).await, nodes.create(&case.refuse, Run::Dry).await);
    };
    let stored = nodes.create(stored, Run::Real).await;
    let stored = stored.unwrap_or_else(|causes| panic!("{}: `stored` was refused: {causes:#?}", case.label));
    let name = name(&stored);
    (nodes.change(name, &case.accept, Run::Dry).await, nodes.change(name, &case.refuse, Run::Dry).await)
}

/// Asserts that a rejection has the message of the case and names no other field.
pub fn refused_as_expected(case: &Case, answer: Answer) -> Vec<Cause> {
    let causes = answer.expect_err(&case.label);
    let hit = causes.iter().any(|(field, message)| *field == case.field && message.contains(&case.says));
    let beside = causes.iter().any(|(field, _)| !field.starts_with(&case.at));
    assert!(hit && !beside, "{}: another refusal: {causes:#?}", case.label);
    causes
}

/// True if the object has all that was sent. Null means absent.
fn holds(object: &Value, sent: &Value) -> bool {
    match sent {
        Value::Object(members) => members.iter().all(|(name, value)| holds(&object[name], value)),
        _ => object == sent,
    }
}

//! The table of cases against our CRD: each rule and each limit lets in what it should and refuses what it
//! should, in words that name the field.

use kube::Client;
use serde_json::Value;

use super::{
    demands::demands,
    nodes::{Cause, Nodes, Run, name},
    table::{Case, cases},
};

pub async fn every_rule_has_an_accept_and_a_refuse_case(client: &Client, namespace: &str) {
    let nodes = Nodes::new(client, namespace, "sei.io");
    let mut said = Vec::new();
    for case in cases() {
        said.extend(play(&nodes, &case).await);
    }
    let silent: Vec<_> = demands()
        .into_iter()
        .filter(|demand| {
            !said.iter().any(|(field, message)| *field == demand.field && message.contains(&demand.says))
        })
        .collect();
    assert!(silent.is_empty(), "no case of cases.yaml was refused with these: {silent:#?}");
}

/// Plays a case; the causes of the refusal.
async fn play(nodes: &Nodes, case: &Case) -> Vec<Cause> {
    let (accepted, refused) = match &case.stored {
        None => (nodes.create(&case.accept, Run::Dry).await, nodes.create(&case.refuse, Run::Dry).await),
        Some(stored) => {
            nodes.create(stored, Run::Real).await.unwrap_or_else(|causes| panic!("{}: {causes:#?}", case.label));
            let (name, dry) = (name(stored), Run::Dry);
            (nodes.change(name, &case.accept, dry).await, nodes.change(name, &case.refuse, dry).await)
        }
    };
    match accepted {
        Ok(object) => assert!(holds(&object, &case.accept), "{}: not stored as it was sent: {object:#}", case.label),
        Err(causes) => panic!("{}: what should be let in was refused: {causes:#?}", case.label),
    }
    refused_as_expected(case, refused)
}

/// Asserts that a refusal says what the case wants it to, and nothing about other places.
pub fn refused_as_expected(case: &Case, answer: Result<Value, Vec<Cause>>) -> Vec<Cause> {
    let causes = answer.expect_err(&case.label);
    let hit = causes.iter().any(|(field, message)| *field == case.field && message.contains(&case.says));
    assert!(hit, "{}: another refusal: {causes:#?}", case.label);
    causes
}

/// Whether the object has what was sent; it may have more. Null means absent.
fn holds(object: &Value, sent: &Value) -> bool {
    match sent {
        Value::Object(members) => members.iter().all(|(name, value)| holds(&object[name], value)),
        _ => object == sent,
    }
}

//! Checks of an installed release by dry runs, and the evaluation of the responses. Pure.

use serde_json::{Value, json};

use crate::cli::Guard;

/// One check: an object, and the response that it should get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// A good SeiNode is taken; with webhooks it comes back with its labels.
    Node {
        /// Set where webhooks label it.
        labelled: bool,
    },
    /// A SeiNode with a misspelt key is refused.
    WrongNode,
    /// A StatefulSet of a node with two replicas is refused.
    TwoReplicas,
    /// A StatefulSet of a node comes back as OnDelete.
    MadeOnDelete,
}

/// Response of the API server.
#[derive(Debug, Clone, PartialEq)]
pub enum Response {
    /// The object as it would be stored.
    Accepted(Value),
    /// The API server refused it.
    Refused {
        /// The status of HTTP.
        code: u16,
        /// Its reason.
        words: String,
    },
    /// No response came.
    Missing(String),
}

/// Failure of a check and its remedy. Each is a sentence without its full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The observation.
    pub why: String,
    /// The remedy.
    pub remedy: String,
}

/// A kind of objects.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Its API group.
    pub group: &'static str,
    /// The version that is asked for.
    pub version: &'static str,
    /// Its name.
    pub kind: &'static str,
}

const SEI_NODE: Kind = Kind { group: "sei.io", version: "v1alpha1", kind: "SeiNode" };
const STATEFUL_SET: Kind = Kind { group: "apps", version: "v1", kind: "StatefulSet" };

/// The name of the objects; they are never stored.
const NAME: &str = "seinode-operator-selftest";
const NOBODY_ASKED: &str = "so no webhook was asked";
const LOOK: &str = "See whether a pod of the operator is ready and why not (kubectl describe pods, /readyz?verbose), and \
                    whether its webhook configurations are there and select this namespace";

/// The checks of a release with these guards.
pub fn of(guards: &[Guard]) -> Vec<Check> {
    let webhooks = guards.contains(&Guard::Webhooks);
    let mut checks = vec![Check::Node { labelled: webhooks }];
    if webhooks {
        checks.extend([Check::WrongNode, Check::MadeOnDelete]);
    }
    if !guards.is_empty() {
        checks.push(Check::TwoReplicas);
    }
    checks
}

impl Check {
    /// The claim that the check verifies.
    pub fn claim(self) -> &'static str {
        match self {
            Self::Node { labelled: true } => "a SeiNode is taken and labelled",
            Self::Node { labelled: false } => "a SeiNode is taken",
            Self::WrongNode => "a SeiNode with a misspelt key is refused",
            Self::TwoReplicas => "a StatefulSet of a node with two replicas is refused",
            Self::MadeOnDelete => "a StatefulSet of a node is made OnDelete",
        }
    }

    /// The kind of the object.
    pub fn kind(self) -> Kind {
        match self {
            Self::Node { .. } | Self::WrongNode => SEI_NODE,
            Self::TwoReplicas | Self::MadeOnDelete => STATEFUL_SET,
        }
    }

    /// The object.
    pub fn object(self) -> Value {
        match self {
            Self::Node { .. } => node(json!({})),
            Self::WrongNode => node(json!({"evm.http_prot": "8545"})),
            // With nothing else that the policy refuses first.
            Self::TwoReplicas => set(2, "OnDelete"),
            Self::MadeOnDelete => set(1, "RollingUpdate"),
        }
    }

    /// Evaluates a response: a description of it, or a failure.
    ///
    /// # Errors
    /// When it is not the expected response.
    pub fn evaluate(self, response: &Response) -> Result<String, Failure> {
        match (self, response) {
            (_, Response::Missing(why)) => Err(failure(
                format!("the API server did not response ({why})"),
                "See whether it can be reached",
            )),
            (_, Response::Refused { code: 401 | 403, words }) if words.contains("cannot create resource") => {
                Err(failure(
                    words.clone(),
                    "Grant the account of this test the right to create it, as the chart does",
                ))
            }
            (_, Response::Refused { code: 404, .. }) => Err(failure(
                format!("the API server knows no {}", self.kind().kind),
                "Install the chart seinode-crds",
            )),
            (_, Response::Refused { words, .. }) if words.contains("failed calling webhook") => {
                Err(failure(format!("the API server cannot call the operator ({words})"), LOOK))
            }
            (Self::Node { labelled: false }, Response::Accepted(_)) => Ok("it is".to_owned()),
            (Self::Node { labelled: true }, Response::Accepted(object)) => {
                let chain = object.pointer("/metadata/labels/sei.io~1chain").and_then(Value::as_str);
                chain.map(|chain| format!("sei.io/chain is {chain}")).ok_or_else(|| {
                    failure(format!("it came back without the label sei.io/chain, {NOBODY_ASKED}"), LOOK)
                })
            }
            (Self::MadeOnDelete, Response::Accepted(object)) => {
                match object.pointer("/spec/updateStrategy/type").and_then(Value::as_str) {
                    Some("OnDelete") => Ok("it is".to_owned()),
                    other => Err(failure(
                        format!("it is still {}, {NOBODY_ASKED}", other.unwrap_or("nothing")),
                        LOOK,
                    )),
                }
            }
            // The policy's words: nobody changed it before.
            (Self::MadeOnDelete, Response::Refused { words, .. })
                if words.contains("spec.updateStrategy") =>
            {
                Err(failure(format!("it is still RollingUpdate, {NOBODY_ASKED} ({words})"), LOOK))
            }
            // Others may refuse it too, for reasons of their own: a quota, another webhook.
            (Self::WrongNode, Response::Refused { words, .. }) if words.contains("spec.overrides") => {
                Ok(words.clone())
            }
            (Self::TwoReplicas, Response::Refused { words, .. }) if words.contains("spec.replicas") => {
                Ok(words.clone())
            }
            (Self::WrongNode, Response::Accepted(_)) => {
                Err(failure(format!("it would have been taken, {NOBODY_ASKED}"), LOOK))
            }
            (Self::TwoReplicas, Response::Accepted(_)) => Err(failure(
                "it would have been taken: nothing keeps a node from getting a second pod, which would run with its keys",
                "See whether the ValidatingAdmissionPolicies and the webhook configurations of the release are there",
            )),
            (_, Response::Refused { words, .. }) => {
                Err(failure(format!("it would have been refused ({words})"), "See who refuses it, and why"))
            }
        }
    }
}

pub(super) fn failure(why: impl Into<String>, remedy: impl Into<String>) -> Failure {
    Failure { why: why.into(), remedy: remedy.into() }
}

#[expect(clippy::needless_pass_by_value, reason = "it becomes a part of the object")]
fn node(overrides: Value) -> Value {
    json!({
        "apiVersion": "sei.io/v1alpha1", "kind": SEI_NODE.kind, "metadata": {"name": NAME},
        "spec": {"chainId": "selftest", "image": "example.com/seid:v1", "fullNode": {}, "overrides": overrides},
    })
}

fn set(replicas: u8, strategy: &str) -> Value {
    let labels = json!({"sei.io/node": NAME});
    json!({
        "apiVersion": "apps/v1", "kind": STATEFUL_SET.kind, "metadata": {"name": NAME, "labels": labels},
        "spec": {
            "replicas": replicas, "serviceName": NAME, "selector": {"matchLabels": labels},
            "updateStrategy": {"type": strategy},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "seid", "image": "example.com/seid:v1"}]},
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_follows_from_the_guards_that_are_installed() {
        let node = |labelled| Check::Node { labelled };
        assert_eq!(of(&[]), [node(false)]);
        assert_eq!(of(&[Guard::Policy]), [node(false), Check::TwoReplicas]);
        let all = [node(true), Check::WrongNode, Check::MadeOnDelete, Check::TwoReplicas];
        assert_eq!(of(&[Guard::Webhooks]), all);
        assert_eq!(of(&[Guard::Webhooks, Guard::Policy]), all);
    }

    #[test]
    fn an_response_is_good_or_says_what_helps() {
        let taken = |object| Response::Accepted(object);
        let refused = |code, words: &str| Response::Refused { code, words: words.to_owned() };
        let labelled = json!({"metadata": {"labels": {"sei.io/chain": "c"}}});
        let with = |strategy: &str| json!({"spec": {"updateStrategy": {"type": strategy}}});
        let node = Check::Node { labelled: true };
        for (check, response, good) in [
            (node, taken(labelled), true),
            (node, taken(json!({})), false),
            (Check::Node { labelled: false }, taken(json!({})), true),
            (Check::WrongNode, refused(422, "spec.overrides"), true),
            (Check::WrongNode, taken(json!({})), false),
            (Check::WrongNode, refused(500, "failed calling webhook \"vseinode.sei.io\""), false),
            (Check::MadeOnDelete, taken(with("OnDelete")), true),
            (Check::MadeOnDelete, taken(with("RollingUpdate")), false),
            (Check::MadeOnDelete, refused(422, "no"), false),
            (Check::TwoReplicas, refused(422, "spec.replicas"), true),
            (Check::TwoReplicas, taken(json!({})), false),
            (Check::TwoReplicas, refused(403, "exceeded quota"), false),
            (Check::WrongNode, refused(422, "denied by another webhook"), false),
            (Check::TwoReplicas, refused(403, "a cannot create resource \"statefulsets\""), false),
            (node, refused(404, "not found"), false),
            (node, Response::Missing("timeout".to_owned()), false),
        ] {
            let evaluated = check.evaluate(&response);
            assert_eq!(evaluated.is_ok(), good, "{check:?} {response:?}: {evaluated:?}");
            assert!(evaluated.is_ok() || evaluated.is_err_and(|failure| !failure.remedy.is_empty()));
        }
    }
}

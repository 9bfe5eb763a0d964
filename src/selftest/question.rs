//! What an API server is asked, and what its answers mean. Pure.

use serde_json::{Value, json};

use crate::cli::Guard;

/// One question: an object, and what ought to become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// A good SeiNode is taken; with webhooks it comes back with its labels.
    Node {
        /// Whether webhooks are to label it.
        labelled: bool,
    },
    /// A SeiNode with a misspelt key is refused.
    WrongNode,
    /// A StatefulSet of a node with two replicas is refused.
    TwoReplicas,
    /// A StatefulSet of a node comes back as OnDelete.
    MadeOnDelete,
}

/// What the API server said.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The object as it would be stored.
    Taken(Value),
    /// It would not.
    Refused {
        /// The status of HTTP.
        code: u16,
        /// Its reason.
        words: String,
    },
    /// There was no answer.
    Unheard(String),
}

/// What is not as it should be, and what helps. Each is the part of a sentence without its stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// What was seen.
    pub why: String,
    /// What to do.
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

/// The name of what is asked about; it never comes to exist.
const NAME: &str = "seinode-operator-selftest";
const NOBODY_ASKED: &str = "so no webhook was asked";
const LOOK: &str = "See whether a pod of the operator is ready and why not (kubectl describe pods, /readyz?verbose), and \
                    whether its webhook configurations are there and select this namespace";

/// What is asked of a cluster with these guards.
pub fn of(guards: &[Guard]) -> Vec<Question> {
    let webhooks = guards.contains(&Guard::Webhooks);
    let mut questions = vec![Question::Node { labelled: webhooks }];
    if webhooks {
        questions.extend([Question::WrongNode, Question::MadeOnDelete]);
    }
    if !guards.is_empty() {
        questions.push(Question::TwoReplicas);
    }
    questions
}

impl Question {
    /// What ought to be so.
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
            Self::TwoReplicas => set(2),
            Self::MadeOnDelete => set(1),
        }
    }

    /// What an answer means: words that tell of it, or a complaint.
    ///
    /// # Errors
    /// When it is another answer than it should be.
    pub fn judge(self, answer: &Answer) -> Result<String, Complaint> {
        match (self, answer) {
            (_, Answer::Unheard(why)) => Err(complaint(
                format!("the API server did not answer ({why})"),
                "See whether it can be reached",
            )),
            (_, Answer::Refused { code: 401 | 403, words }) if words.contains("cannot create resource") => {
                Err(complaint(
                    words.clone(),
                    "Grant the account of this test the right to create it, as the chart does",
                ))
            }
            (_, Answer::Refused { code: 404, .. }) => Err(complaint(
                format!("the API server knows no {}", self.kind().kind),
                "Install the chart seinode-crds",
            )),
            (_, Answer::Refused { words, .. }) if words.contains("failed calling webhook") => {
                Err(complaint(format!("the API server cannot call the operator ({words})"), LOOK))
            }
            (Self::Node { labelled: false }, Answer::Taken(_)) => Ok("it is".to_owned()),
            (Self::Node { labelled: true }, Answer::Taken(object)) => {
                let chain = object["metadata"]["labels"]["sei.io/chain"].as_str();
                chain.map(|chain| format!("sei.io/chain is {chain}")).ok_or_else(|| {
                    complaint(format!("it came back without the label sei.io/chain, {NOBODY_ASKED}"), LOOK)
                })
            }
            (Self::MadeOnDelete, Answer::Taken(object)) => {
                match object["spec"]["updateStrategy"]["type"].as_str() {
                    Some("OnDelete") => Ok("it is".to_owned()),
                    other => Err(complaint(
                        format!("it is still {}, {NOBODY_ASKED}", other.unwrap_or("nothing")),
                        LOOK,
                    )),
                }
            }
            // The policy's words: nobody changed it before.
            (Self::MadeOnDelete, Answer::Refused { words, .. }) if words.contains("spec.updateStrategy") => {
                Err(complaint(format!("it is still RollingUpdate, {NOBODY_ASKED} ({words})"), LOOK))
            }
            (Self::WrongNode | Self::TwoReplicas, Answer::Refused { words, .. }) => Ok(words.clone()),
            (Self::WrongNode, Answer::Taken(_)) => {
                Err(complaint(format!("it would have been taken, {NOBODY_ASKED}"), LOOK))
            }
            (Self::TwoReplicas, Answer::Taken(_)) => Err(complaint(
                "it would have been taken: nothing keeps a node from getting a second pod, which would run with its keys",
                "See whether the ValidatingAdmissionPolicies and the webhook configurations of the release are there",
            )),
            (Self::Node { .. } | Self::MadeOnDelete, Answer::Refused { words, .. }) => {
                Err(complaint(format!("it would have been refused ({words})"), "See who refuses it, and why"))
            }
        }
    }
}

pub(super) fn complaint(why: impl Into<String>, remedy: impl Into<String>) -> Complaint {
    Complaint { why: why.into(), remedy: remedy.into() }
}

#[expect(clippy::needless_pass_by_value, reason = "it becomes a part of the object")]
fn node(overrides: Value) -> Value {
    json!({
        "apiVersion": "sei.io/v1alpha1", "kind": SEI_NODE.kind, "metadata": {"name": NAME},
        "spec": {"chainId": "selftest", "image": "example.com/seid:v1", "fullNode": {}, "overrides": overrides},
    })
}

fn set(replicas: u8) -> Value {
    let labels = json!({"sei.io/node": NAME});
    json!({
        "apiVersion": "apps/v1", "kind": STATEFUL_SET.kind, "metadata": {"name": NAME, "labels": labels},
        "spec": {
            "replicas": replicas, "serviceName": NAME, "selector": {"matchLabels": labels},
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
        let node = |labelled| Question::Node { labelled };
        assert_eq!(of(&[]), [node(false)]);
        assert_eq!(of(&[Guard::Policy]), [node(false), Question::TwoReplicas]);
        let all = [node(true), Question::WrongNode, Question::MadeOnDelete, Question::TwoReplicas];
        assert_eq!(of(&[Guard::Webhooks]), all);
        assert_eq!(of(&[Guard::Webhooks, Guard::Policy]), all);
    }

    #[test]
    fn an_answer_is_good_or_says_what_helps() {
        let taken = |object| Answer::Taken(object);
        let refused = |code, words: &str| Answer::Refused { code, words: words.to_owned() };
        let labelled = json!({"metadata": {"labels": {"sei.io/chain": "c"}}});
        let with = |strategy: &str| json!({"spec": {"updateStrategy": {"type": strategy}}});
        let node = Question::Node { labelled: true };
        for (question, answer, good) in [
            (node, taken(labelled), true),
            (node, taken(json!({})), false),
            (Question::Node { labelled: false }, taken(json!({})), true),
            (Question::WrongNode, refused(422, "spec.overrides"), true),
            (Question::WrongNode, taken(json!({})), false),
            (Question::WrongNode, refused(500, "failed calling webhook \"vseinode.sei.io\""), false),
            (Question::MadeOnDelete, taken(with("OnDelete")), true),
            (Question::MadeOnDelete, taken(with("RollingUpdate")), false),
            (Question::MadeOnDelete, refused(422, "no"), false),
            (Question::TwoReplicas, refused(422, "spec.replicas"), true),
            (Question::TwoReplicas, taken(json!({})), false),
            (Question::TwoReplicas, refused(403, "a cannot create resource \"statefulsets\""), false),
            (node, refused(404, "not found"), false),
            (node, Answer::Unheard("timeout".to_owned()), false),
        ] {
            let judged = question.judge(&answer);
            assert_eq!(judged.is_ok(), good, "{question:?} {answer:?}: {judged:?}");
            assert!(judged.is_ok() || judged.is_err_and(|complaint| !complaint.remedy.is_empty()));
        }
    }
}

//! What an API server asks.

use seinode_api::SeiNode;
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use crate::endpoint::Endpoint;

/// One request, as far as verdicts need it. Its objects are raw JSON, which keeps what this version does not know; where
/// they are only looked at, they may be read straight into their type.
#[derive(Clone, Debug, PartialEq)]
pub struct Request<T = Value> {
    /// Identity of the request; the answer repeats it.
    pub uid: String,
    /// What is to be done.
    pub operation: Operation,
    /// Name of the object. Empty when the API server is to make one.
    pub name: String,
    /// The object as it would be stored; null for a deletion.
    pub object: T,
    /// The object as it is stored; null for a creation.
    pub old: T,
    /// Whether nothing is stored in the end.
    pub dry_run: bool,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Operation {
    /// A new object.
    Create,
    /// Another version of an object that exists.
    Update,
    /// An object goes.
    Delete,
    /// A connection, as by `kubectl exec`; no endpoint asks for it.
    Connect,
}

impl Operation {
    /// As it is written in a review.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        }
    }
}

/// Why a body is no request for an endpoint.
#[derive(Debug, Error)]
pub(super) enum Problem {
    /// Not JSON, or without what every review has.
    #[error("the body is no AdmissionReview: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Something else, or another version of it.
    #[error("the body is {kind} of {version}: send AdmissionReview of admission.k8s.io/v1")]
    Stranger {
        /// Its kind.
        kind: String,
        /// Its apiVersion.
        version: String,
    },
    /// Its answer could not be told from others.
    #[error("request.uid is empty: the answer has to repeat it")]
    Nameless,
    /// A question for another endpoint.
    #[error(
        "the request is about {asked}, and {path} judges {judged}: correct `rules` of the webhook's entry"
    )]
    Misdirected {
        /// What it is about.
        asked: String,
        /// Where it was sent.
        path: &'static str,
        /// What is judged there.
        judged: String,
    },
    /// Nothing to judge.
    #[error("request.{field} is no object, which a {operation} has to have")]
    Empty {
        /// The member that is missing.
        field: &'static str,
        /// What is to be done.
        operation: &'static str,
    },
}

/// What the objects of a request are read as.
pub trait Object: for<'de> Deserialize<'de> + Default {
    /// Whether there is an object at all.
    fn is_there(&self) -> bool;
}

impl Object for Value {
    fn is_there(&self) -> bool {
        self.is_object()
    }
}

impl Object for Option<Box<SeiNode>> {
    fn is_there(&self) -> bool {
        self.is_some()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound = "T: Object")]
struct Review<T> {
    kind: String,
    api_version: String,
    request: Option<Asked<T>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound = "T: Object")]
struct Asked<T> {
    uid: String,
    resource: Resource,
    sub_resource: Option<String>,
    operation: Operation,
    #[serde(default)]
    name: String,
    #[serde(default)]
    object: T,
    #[serde(default)]
    old_object: T,
    dry_run: Option<bool>,
}

#[derive(Deserialize)]
struct Resource {
    #[serde(default)]
    group: String,
    resource: String,
}

impl<T: Object> Request<T> {
    /// Reads a body that was sent to an endpoint.
    pub(super) fn read(endpoint: Endpoint, body: &[u8]) -> Result<Self, Problem> {
        let Review::<T> { kind, api_version, request } = serde_json::from_slice(body)?;
        if kind != "AdmissionReview" || api_version != "admission.k8s.io/v1" {
            return Err(Problem::Stranger { kind, version: api_version });
        }
        let Some(asked) = request else {
            return Err(Problem::Malformed(serde::de::Error::missing_field("request")));
        };
        if asked.uid.is_empty() {
            return Err(Problem::Nameless);
        }
        let judged = endpoint.resource();
        let Resource { group, resource } = &asked.resource;
        let subject = (group.as_str(), resource.as_str(), asked.sub_resource.as_deref().unwrap_or_default());
        if subject != judged {
            return Err(Problem::Misdirected {
                asked: written(subject),
                path: endpoint.path(),
                judged: written(judged),
            });
        }
        let operation = asked.operation;
        let (new, old) = match operation {
            Operation::Create => (true, false),
            Operation::Update => (true, true),
            Operation::Delete => (false, true),
            Operation::Connect => (false, false),
        };
        for (field, needed, value) in [("object", new, &asked.object), ("oldObject", old, &asked.old_object)]
        {
            if needed && !value.is_there() {
                return Err(Problem::Empty { field, operation: operation.as_str() });
            }
        }
        Ok(Self {
            uid: asked.uid,
            operation,
            name: asked.name,
            object: asked.object,
            old: asked.old_object,
            dry_run: asked.dry_run.unwrap_or(false),
        })
    }
}

fn written((group, resource, subresource): (&str, &str, &str)) -> String {
    match subresource {
        "" => format!("{resource}.{group}"),
        sub => format!("{resource}.{group}/{sub}"),
    }
}

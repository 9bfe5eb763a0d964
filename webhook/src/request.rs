//! The request of an API server, read from an `AdmissionReview`.

use std::borrow::Cow;

use serde::Deserialize;
use thiserror::Error;

use crate::{endpoint::Endpoint, view::View};

/// The longest `uid` in bytes. API servers send a UUID.
const UID: usize = 128;

/// One request, as far as verdicts need it. Its objects stay where they are in the body.
#[derive(Clone, Debug, PartialEq)]
pub struct Request<'a> {
    /// Identity of the request; the response repeats it.
    pub uid: Cow<'a, str>,
    /// The operation that is requested.
    pub operation: Operation,
    /// Name of the object. Empty when the API server is to make one.
    pub name: Cow<'a, str>,
    /// The object as it would be stored; null for a deletion.
    pub object: View<'a>,
    /// The object as it is stored; null for a creation.
    pub old: View<'a>,
    /// `true` when nothing is stored in the end.
    pub dry_run: bool,
}

/// An operation on an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Operation {
    /// Create an object.
    Create,
    /// Replace an object by another version of it.
    Update,
    /// Delete an object.
    Delete,
    /// Connect to an object, as `kubectl exec` does; no endpoint receives it.
    Connect,
}

impl Operation {
    /// The spelling in a review.
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

/// Reasons why a body is not a request for an endpoint.
#[derive(Debug, Error)]
pub(super) enum Problem {
    /// Not JSON, or without a member that every review has.
    #[error("the body is not an AdmissionReview: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Another kind, or another version.
    #[error("the body is {kind} of {version}: send AdmissionReview of admission.k8s.io/v1")]
    OtherKind {
        /// Its kind.
        kind: String,
        /// Its apiVersion.
        version: String,
    },
    /// A response could not be told from others.
    #[error("request.uid must have 1 to {UID} bytes: the response has to repeat it")]
    BadUid,
    /// A request for another endpoint.
    #[error(
        "the request is about {requested}, and {path} validates {expected}: correct `rules` of the webhook's entry"
    )]
    Misdirected {
        /// The resource that it is about.
        requested: String,
        /// The path that it was sent to.
        path: &'static str,
        /// The resource that is validated there.
        expected: String,
    },
    /// Nothing to validate.
    #[error("request.{field} is not an object, which a {operation} must have")]
    Missing {
        /// The member that is missing.
        field: &'static str,
        /// The operation.
        operation: &'static str,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Review<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    api_version: Cow<'a, str>,
    #[serde(borrow)]
    request: Option<Body<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(borrow)]
    uid: Cow<'a, str>,
    #[serde(borrow)]
    resource: Resource<'a>,
    #[serde(borrow, default)]
    sub_resource: Option<Cow<'a, str>>,
    operation: Operation,
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    object: View<'a>,
    #[serde(borrow, default)]
    old_object: View<'a>,
    dry_run: Option<bool>,
}

#[derive(Deserialize)]
struct Resource<'a> {
    #[serde(borrow, default)]
    group: Cow<'a, str>,
    #[serde(borrow)]
    resource: Cow<'a, str>,
}

impl<'a> Request<'a> {
    /// Reads a body that was sent to an endpoint.
    pub(super) fn read(endpoint: Endpoint, body: &'a [u8]) -> Result<Self, Problem> {
        let Review { kind, api_version, request } = serde_json::from_slice(body)?;
        if kind != "AdmissionReview" || api_version != "admission.k8s.io/v1" {
            return Err(Problem::OtherKind { kind: kind.into(), version: api_version.into() });
        }
        let Some(request) = request else {
            return Err(Problem::Malformed(serde::de::Error::missing_field("request")));
        };
        if request.uid.is_empty() || request.uid.len() > UID {
            return Err(Problem::BadUid);
        }
        let expected = endpoint.resource();
        let Resource { group, resource } = &request.resource;
        let requested = (&**group, &**resource, request.sub_resource.as_deref().unwrap_or_default());
        if requested != expected {
            return Err(Problem::Misdirected {
                requested: display(requested),
                path: endpoint.path(),
                expected: display(expected),
            });
        }
        let operation = request.operation;
        let (new, old) = match operation {
            Operation::Create => (true, false),
            Operation::Update => (true, true),
            Operation::Delete => (false, true),
            Operation::Connect => (false, false),
        };
        for (field, needed, value) in
            [("object", new, request.object), ("oldObject", old, request.old_object)]
        {
            if needed && !value.is_object() {
                return Err(Problem::Missing { field, operation: operation.as_str() });
            }
        }
        Ok(Self {
            uid: request.uid,
            operation,
            name: request.name,
            object: request.object,
            old: request.old_object,
            dry_run: request.dry_run.unwrap_or(false),
        })
    }
}

fn display((group, resource, subresource): (&str, &str, &str)) -> String {
    match subresource {
        "" => format!("{resource}.{group}"),
        sub => format!("{resource}.{group}/{sub}"),
    }
}

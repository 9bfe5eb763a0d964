//! An answer before it is put on the wire, and the shapes of answers that the contract knows.

use http::StatusCode;
use serde::Serialize;
use serde_json::json;

use crate::route::Misrouted;

/// Status, headers and body of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) content_type: Option<&'static str>,
    /// Header `Allow`.
    pub(crate) allow: Option<&'static str>,
    pub(crate) body: String,
}

impl Reply {
    /// No body and so no content type.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self { status, content_type: None, allow: None, body: String::new() }
    }

    /// A JSON document and the line end that the original's encoder adds.
    pub(crate) fn json(status: StatusCode, document: &impl Serialize) -> Self {
        match serde_json::to_string(document) {
            Ok(body) => Self::typed(status, "application/json", format!("{body}\n")),
            Err(error) => Self::text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
        }
    }

    /// The contract's form of an error.
    pub(crate) fn error(status: StatusCode, message: &str) -> Self {
        Self::json(status, &json!({ "error": message }))
    }

    /// Plain text, as the original's router writes it.
    pub(crate) fn text(status: StatusCode, body: impl Into<String>) -> Self {
        Self::typed(status, "text/plain; charset=utf-8", body)
    }

    /// A body of another content type.
    pub(crate) fn typed(status: StatusCode, content_type: &'static str, body: impl Into<String>) -> Self {
        Self { status, content_type: Some(content_type), allow: None, body: body.into() }
    }
}

impl From<Misrouted> for Reply {
    fn from(misrouted: Misrouted) -> Self {
        match misrouted {
            Misrouted::UnknownPath => Self::text(StatusCode::NOT_FOUND, "404 page not found\n"),
            Misrouted::WrongMethod(allow) => Self {
                allow: Some(allow),
                ..Self::text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed\n")
            },
        }
    }
}

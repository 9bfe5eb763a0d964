//! Errors on the way to the API server or to a file, in words for log lines and readiness. kube's own messages may quote
//! what they could not read; these never do.

use std::path::PathBuf;

use crate::{configuration::Configuration, issue::Unissued};

/// Reason why the certificates are not in order at the moment. All of it is retried.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused.
    #[error("{what}: {message}{}", remedy(*.code))]
    Refused {
        /// The request.
        what: String,
        /// Its HTTP status.
        code: u16,
        /// Its message.
        message: String,
    },
    /// No answer, or none that can be read.
    #[error("{what}: the API server cannot be reached")]
    Unreachable {
        /// The request.
        what: String,
    },
    /// A certificate could not be made.
    #[error(transparent)]
    Unissued(#[from] Unissued),
    /// Somebody else writes the bundle too.
    #[error(
        "{0}: its caBundle is overwritten again and again; whoever does it must leave that field to the operator"
    )]
    Contested(Configuration),
    /// The authority is made anew over and over.
    #[error(
        "the authority had to be made anew again and again: do all clocks show the same time, and who changes the Secret?"
    )]
    Disputed,
    /// Two replicas are in each other's way for longer than chance explains.
    #[error("others change the same objects at the same time")]
    Unsettled,
    /// A file.
    #[error("{}: {why}", .path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// Its defect.
        why: String,
    },
}

fn remedy(code: u16) -> &'static str {
    match code {
        401 | 403 => " (grant the operator this right)",
        _ => "",
    }
}

impl Error {
    /// Reads an error that came of asking for `what`.
    pub(crate) fn of(error: &kube::Error, what: impl Into<String>) -> Self {
        let what = what.into();
        match error {
            kube::Error::Api(status) => {
                Self::Refused { what, code: status.code, message: status.message.clone() }
            }
            _ => Self::Unreachable { what },
        }
    }
}

/// The HTTP status of an answer by which the API server itself refused. An admission webhook may deny with any status, which
/// says nothing of the object then; the API server begins its message.
pub(crate) fn code(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => {
            let denied = |(_, behind): (&str, &str)| behind.contains("denied the request");
            let is_denial = status.message.split_once("admission webhook \"").is_some_and(denied);
            (!is_denial).then_some(status.code)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn a_denial_is_no_lost_race_whatever_its_code() {
        let answer = |message: &str| {
            code(&kube::Error::Api(Box::new(Status {
                code: 409,
                message: message.into(),
                ..Status::default()
            })))
        };
        assert_eq!(answer("the object has been modified"), Some(409));
        assert_eq!(answer(r#"admission webhook "w.example.com" denied the request: no"#), None);
    }
}

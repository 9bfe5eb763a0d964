//! Reads the API server's record of requests, so that a test can count who asked for what.

use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;

/// A request that the API server has answered, or in the case of a watch begun or ended to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The user, such as `limited` or `system:serviceaccount:<namespace>:<name>`.
    pub user: String,
    /// The program that asked, as it called itself; empty when it did not.
    pub user_agent: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verb: String,
    /// The API group; empty for the core group.
    pub group: String,
    /// Plural, such as `pods`; empty for a request that names none, such as `/version`.
    pub resource: String,
    /// Such as `status`; empty for the object itself.
    pub subresource: String,
    /// Empty for cluster-wide requests.
    pub namespace: String,
    /// Empty for lists, watches and creations without a name.
    pub name: String,
    /// UID to which the deletion of a pod was limited.
    pub uid: Option<String>,
    /// Stage of the request that the record describes.
    pub stage: Stage,
    /// The HTTP status.
    pub code: u16,
    /// Time at which the request came in.
    pub received: Timestamp,
}

/// At which moment of a request its record was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Stage {
    /// It came in. Our policy leaves these out.
    RequestReceived,
    /// A watch has been answered and runs from now on.
    ResponseStarted,
    /// The answer is complete: for a watch, it has ended.
    ResponseComplete,
    /// The API server failed while answering.
    Panic,
}

/// Why the record cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The file cannot be read.
    #[error("cannot read the audit log: {0}")]
    Read(#[from] std::io::Error),
    /// A line is not what the API server writes.
    #[error("line {line} of the audit log: {source}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// The problem.
        source: serde_json::Error,
    },
}

/// Every record at `path` of a request that came in at or after `since`, in the order of the file.
///
/// # Errors
/// When the file cannot be read or is not an audit log.
pub fn requests(path: &Path, since: Timestamp) -> Result<Vec<Request>, AuditError> {
    parse(&std::fs::read_to_string(path)?, since)
}

fn parse(text: &str, since: Timestamp) -> Result<Vec<Request>, AuditError> {
    // A last line without an end is still being written.
    let complete = text.rsplit_once('\n').map_or("", |(complete, _)| complete);
    let mut requests = Vec::new();
    for (index, line) in complete.lines().enumerate() {
        let record: Record =
            serde_json::from_str(line).map_err(|source| AuditError::Line { line: index + 1, source })?;
        if record.request_received_timestamp >= since {
            requests.push(record.into());
        }
    }
    Ok(requests)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    stage: Stage,
    verb: String,
    user: User,
    #[serde(default)]
    user_agent: String,
    #[serde(default)]
    object_ref: Object,
    #[serde(default)]
    request_object: Body,
    #[serde(default)]
    response_status: Status,
    request_received_timestamp: Timestamp,
}

#[derive(Deserialize)]
struct User {
    username: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Object {
    api_group: String,
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    preconditions: Preconditions,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Preconditions {
    uid: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    code: u16,
}

impl From<Record> for Request {
    fn from(record: Record) -> Self {
        let Record {
            stage,
            verb,
            user,
            user_agent,
            object_ref,
            request_object,
            response_status,
            request_received_timestamp,
        } = record;
        let Object { api_group, resource, subresource, namespace, name } = object_ref;
        Self {
            user: user.username,
            user_agent,
            verb,
            group: api_group,
            resource,
            subresource,
            namespace,
            name,
            uid: request_object.preconditions.uid,
            stage,
            code: response_status.code,
            received: request_received_timestamp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Written by kube-apiserver 1.34.4; shortened.
    const LOG: &str = concat!(
        r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","stage":"ResponseComplete","requestURI":"/readyz","verb":"get","user":{"username":"devcluster","groups":["system:masters"]},"sourceIPs":["127.0.0.1"],"userAgent":"devcluster","responseStatus":{"metadata":{},"code":200},"requestReceivedTimestamp":"2026-11-21T02:00:00.000001Z","stageTimestamp":"2026-11-21T02:00:00.100000Z"}"#,
        "\n",
        r#"{"kind":"Event","level":"Metadata","stage":"ResponseStarted","requestURI":"/api/v1/pods?watch=true","verb":"watch","user":{"username":"limited"},"objectRef":{"resource":"pods","apiVersion":"v1"},"responseStatus":{"metadata":{},"code":200},"requestReceivedTimestamp":"2026-11-21T02:00:01.000000Z"}"#,
        "\n",
        r#"{"kind":"Event","level":"Metadata","stage":"ResponseComplete","verb":"patch","user":{"username":"limited"},"userAgent":"operator/0.1","objectRef":{"resource":"widgets","namespace":"n","name":"a","apiGroup":"example.com","apiVersion":"v1alpha1","subresource":"status"},"responseStatus":{"metadata":{},"code":409},"requestReceivedTimestamp":"2026-11-21T02:00:02.000000Z"}"#,
        "\n",
    );

    fn since(time: &str) -> Timestamp {
        time.parse().unwrap()
    }

    #[test]
    fn reads_who_did_what_with_which_result() {
        let requests = parse(LOG, since("2026-11-21T02:00:00Z")).unwrap();
        assert_eq!(requests.len(), 3);
        assert_eq!((requests[0].resource.as_str(), requests[0].user.as_str()), ("", "devcluster"));
        assert_eq!((requests[1].stage, requests[1].user_agent.as_str()), (Stage::ResponseStarted, ""));
        let expected = Request {
            user: "limited".to_owned(),
            user_agent: "operator/0.1".to_owned(),
            verb: "patch".to_owned(),
            group: "example.com".to_owned(),
            resource: "widgets".to_owned(),
            subresource: "status".to_owned(),
            namespace: "n".to_owned(),
            name: "a".to_owned(),
            uid: None,
            stage: Stage::ResponseComplete,
            code: 409,
            received: since("2026-11-21T02:00:02Z"),
        };
        assert_eq!(requests[2], expected);
    }

    #[test]
    fn leaves_out_what_came_in_before() {
        let verbs = |from| {
            let requests = parse(LOG, since(from)).unwrap();
            requests.into_iter().map(|request| request.verb).collect::<Vec<_>>()
        };
        assert_eq!(verbs("2026-11-21T02:00:01Z"), ["watch", "patch"]);
        assert_eq!(verbs("2026-11-21T02:00:03Z"), Vec::<String>::new());
    }

    #[test]
    fn passes_over_a_line_that_is_still_being_written_but_not_over_a_wrong_one() {
        let unfinished = format!("{LOG}{{\"stage\":\"Resp");
        assert_eq!(parse(&unfinished, since("2026-11-21T02:00:00Z")).unwrap().len(), 3);
        let wrong = format!("{LOG}{{}}\n");
        let error = parse(&wrong, since("2026-11-21T02:00:00Z")).unwrap_err().to_string();
        assert!(error.starts_with("line 4 of the audit log"), "{error}");
    }
}

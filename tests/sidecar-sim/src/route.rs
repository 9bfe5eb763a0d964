//! From method and path to an endpoint of the contract. Pure.

use crate::behaviour::Endpoint;

/// Why a request reaches no endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misrouted {
    /// The sidecar has no such path.
    UnknownPath,
    /// It has the path, but only for these methods, written as in the header `Allow`.
    WrongMethod(&'static str),
}

/// The endpoint, and the task id in the path; empty where the path has none.
pub(crate) fn route<'a>(method: &str, path: &'a str) -> Result<(Endpoint, &'a str), Misrouted> {
    let is_get = matches!(method, "GET" | "HEAD");
    let get_only = |endpoint| match is_get {
        true => Ok((endpoint, "")),
        false => Err(Misrouted::WrongMethod("GET, HEAD")),
    };
    match path.strip_prefix("/v0/").ok_or(Misrouted::UnknownPath)? {
        "healthz" => get_only(Endpoint::Healthz),
        "livez" => get_only(Endpoint::Livez),
        "status" => get_only(Endpoint::Status),
        "metrics" => get_only(Endpoint::Metrics),
        "node-id" => get_only(Endpoint::NodeId),
        "tasks" => match method {
            "POST" => Ok((Endpoint::SubmitTask, "")),
            _ if is_get => Ok((Endpoint::ListTasks, "")),
            _ => Err(Misrouted::WrongMethod("GET, HEAD, POST")),
        },
        other => match other.strip_prefix("tasks/") {
            Some(id) if !id.is_empty() && !id.contains('/') => match method {
                "DELETE" => Ok((Endpoint::RemoveTask, id)),
                _ if is_get => Ok((Endpoint::ReadTask, id)),
                _ => Err(Misrouted::WrongMethod("DELETE, GET, HEAD")),
            },
            _ => Err(Misrouted::UnknownPath),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_is_routed() {
        for (method, path, expected) in [
            ("GET", "/v0/healthz", Ok((Endpoint::Healthz, ""))),
            ("HEAD", "/v0/livez", Ok((Endpoint::Livez, ""))),
            ("GET", "/v0/status", Ok((Endpoint::Status, ""))),
            ("GET", "/v0/metrics", Ok((Endpoint::Metrics, ""))),
            ("GET", "/v0/node-id", Ok((Endpoint::NodeId, ""))),
            ("POST", "/v0/tasks", Ok((Endpoint::SubmitTask, ""))),
            ("GET", "/v0/tasks", Ok((Endpoint::ListTasks, ""))),
            ("GET", "/v0/tasks/1", Ok((Endpoint::ReadTask, "1"))),
            ("DELETE", "/v0/tasks/1", Ok((Endpoint::RemoveTask, "1"))),
            ("POST", "/v0/healthz", Err(Misrouted::WrongMethod("GET, HEAD"))),
            ("DELETE", "/v0/tasks", Err(Misrouted::WrongMethod("GET, HEAD, POST"))),
            ("PUT", "/v0/tasks/1", Err(Misrouted::WrongMethod("DELETE, GET, HEAD"))),
            ("GET", "/v0/tasks/", Err(Misrouted::UnknownPath)),
            ("GET", "/v0/tasks/1/2", Err(Misrouted::UnknownPath)),
            ("GET", "/v0/nothing", Err(Misrouted::UnknownPath)),
            ("GET", "/healthz", Err(Misrouted::UnknownPath)),
            ("GET", "/", Err(Misrouted::UnknownPath)),
        ] {
            assert_eq!(route(method, path), expected, "{method} {path}");
        }
    }
}

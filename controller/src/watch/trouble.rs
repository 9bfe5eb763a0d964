//! Trouble of a watch, in words that say what to do.

use kube::{core::Status, runtime::watcher};

/// Says what is wrong with the watch of a kind.
pub(crate) fn say(error: &watcher::Error, plural: &str) -> String {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => client(error, plural),
        watcher::Error::WatchError(status) => answer(status, plural),
        watcher::Error::NoResourceVersion => format!("the API server cannot watch {plural}"),
    }
}

fn client(error: &kube::Error, plural: &str) -> String {
    match error {
        kube::Error::Api(status) => answer(status, plural),
        kube::Error::Auth(_) => {
            format!("cannot watch {plural}: the credentials of the kubeconfig do not work")
        }
        error => format!("cannot watch {plural}: the API server cannot be reached ({})", root(error)),
    }
}

fn answer(status: &Status, plural: &str) -> String {
    match status.code {
        404 if plural == "seinodes" => "the CustomResourceDefinition seinodes.sei.io is not installed: \
             run `seinode-operator crds | kubectl apply --server-side -f -`"
            .to_owned(),
        401 => format!("cannot watch {plural}: the API server does not know these credentials (401)"),
        403 => format!(
            "the operator may not list and watch {plural}: grant it both verbs in its ClusterRole ({})",
            status.message
        ),
        410 => format!("the watch of {plural} fell behind and lists anew"),
        code => format!("the API server refuses to watch {plural}: {} ({code})", status.message),
    }
}

/// The innermost cause: the outer ones only say that a request failed.
fn root(error: &kube::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: u16, plural: &str, words: &str) {
        let status = Status { code, message: "server's words".into(), ..Status::default() };
        let error = watcher::Error::InitialListFailed(kube::Error::Api(Box::new(status)));
        assert!(say(&error, plural).contains(words), "{}", say(&error, plural));
    }

    #[test]
    fn every_trouble_says_what_to_do() {
        check(404, "seinodes", "seinode-operator crds | kubectl apply");
        check(403, "pods", "may not list and watch pods: grant it both verbs");
        check(403, "pods", "server's words");
        check(401, "pods", "credentials");
        check(410, "pods", "lists anew");
        check(500, "pods", "server's words (500)");
    }
}

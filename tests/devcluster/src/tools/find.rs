//! Looks for tools that are on this machine already: in `KUBEBUILDER_ASSETS`, in a store of setup-envtest, on `PATH`.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::version::fits;
use super::{Tool, Version, envtest};
use crate::progress::Event;

/// A program that has not reported its version by then never will.
const REPLY_TIMEOUT: Duration = Duration::from_secs(20);

/// A binary with the name of a tool, and the version that it reports.
#[derive(Debug)]
pub(super) struct Candidate {
    path: PathBuf,
    version: Result<Version, String>,
}

/// The candidates for each of these tools, best first.
pub(super) async fn candidates(wanted: &[Tool]) -> Vec<Vec<Candidate>> {
    let mut directories: Vec<PathBuf> = std::env::var_os("KUBEBUILDER_ASSETS")
        .filter(|assets| !assets.is_empty())
        .map(PathBuf::from)
        .into_iter()
        .chain(envtest::directories())
        .chain(std::env::var_os("PATH").iter().flat_map(std::env::split_paths))
        .filter_map(|directory| directory.canonicalize().ok())
        .collect();
    // On many systems /bin is a link to /usr/bin.
    let mut seen = BTreeSet::new();
    directories.retain(|directory| seen.insert(directory.clone()));
    // At the same time: a Go program of that size takes a while to say its version.
    futures::future::join_all(wanted.iter().map(|&tool| {
        let called = |name: &'static str| directories.iter().map(move |directory| directory.join(name));
        let paths = names(tool).into_iter().flat_map(called).filter(|path| path.is_file());
        futures::future::join_all(paths.map(move |path| async move {
            let version = version_of(tool, &path).await;
            Candidate { path, version }
        }))
    }))
    .await
}

/// Names under which its binary may be installed: both majors of Helm have the same.
fn names(tool: Tool) -> Vec<&'static str> {
    match tool {
        Tool::Helm3 => vec![tool.name(), Tool::Helm.name()],
        other => vec![other.name()],
    }
}

/// The first candidate whose version fits; or for each of them why it does not.
pub(super) fn choose(tool: Tool, candidates: Vec<Candidate>) -> Result<PathBuf, Vec<Event>> {
    let mut rejected = Vec::new();
    for Candidate { path, version } in candidates {
        match version.and_then(|version| fits(tool, version)) {
            Ok(()) => return Ok(path),
            Err(reason) => rejected.push(Event::ToolRejected { tool, path, reason }),
        }
    }
    Err(rejected)
}

/// The version that the program at `path` reports, or the reason why it reports none.
pub(super) async fn version_of(tool: Tool, path: &Path) -> Result<Version, String> {
    let arguments: &[&str] = match tool {
        Tool::Kubectl => &["version", "--client"],
        Tool::Helm | Tool::Helm3 => &["version", "--short"],
        Tool::CoreDns => &["-version"],
        Tool::Etcd
        | Tool::Apiserver
        | Tool::ControllerManager
        | Tool::Scheduler
        | Tool::Promtool
        | Tool::Promql
        | Tool::Kubelet
        | Tool::KubeProxy => &["--version"],
    };
    let mut command = tokio::process::Command::new(path);
    command.args(arguments).stdin(std::process::Stdio::null()).kill_on_drop(true);
    let reply = async {
        loop {
            match command.output().await {
                // Another thread that is just starting a program still holds the file open for writing.
                Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                reply => return reply,
            }
        }
    };
    let reply = tokio::time::timeout(REPLY_TIMEOUT, reply)
        .await
        .map_err(|_| format!("it does not report its version within {} s", REPLY_TIMEOUT.as_secs()))?
        .map_err(|error| format!("it does not run: {error}"))?;
    let text = String::from_utf8_lossy(&reply.stdout);
    Version::find(&text).ok_or_else(|| format!("it does not report its version ({})", reply.status))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(path: &str, version: Result<u32, &str>) -> Candidate {
        let version = version.map(|minor| Version { major: 1, minor, patch: 0 }).map_err(str::to_owned);
        Candidate { path: path.into(), version }
    }

    #[test]
    fn the_first_that_fits_wins() {
        let candidates =
            vec![candidate("/old/a", Ok(31)), candidate("/good/a", Ok(34)), candidate("/later/a", Ok(34))];
        assert_eq!(choose(Tool::Apiserver, candidates).unwrap(), PathBuf::from("/good/a"));
    }

    #[test]
    fn when_none_fits_each_has_a_reason() {
        let candidates =
            vec![candidate("/old/a", Ok(31)), candidate("/broken/a", Err("it does not run: no"))];
        let reasons: Vec<String> =
            choose(Tool::Apiserver, candidates).unwrap_err().iter().map(Event::to_string).collect();
        assert_eq!(reasons.len(), 2, "{reasons:?}");
        assert!(reasons[0].contains("/old/a") && reasons[0].contains("1.31.0"), "{reasons:?}");
        assert!(reasons[1].contains("/broken/a") && reasons[1].contains("does not run"), "{reasons:?}");
    }
}

//! Looks for tools that a newcomer has already.

use std::path::{Path, PathBuf};

use super::version::fits;
use super::{Tool, Version};
use crate::progress::{Event, Progress};

/// A binary with the name of a tool, and the version that it says it is.
#[derive(Debug)]
pub(super) struct Candidate {
    path: PathBuf,
    version: Result<Version, String>,
}

/// For every tool in the order of [`Tool::ALL`]: what is in `KUBEBUILDER_ASSETS` and on `PATH`, best first.
pub(super) async fn candidates() -> Vec<Vec<Candidate>> {
    let directories: Vec<PathBuf> = std::env::var_os("KUBEBUILDER_ASSETS")
        .filter(|assets| !assets.is_empty())
        .map(PathBuf::from)
        .into_iter()
        .chain(std::env::var_os("PATH").iter().flat_map(std::env::split_paths))
        .collect();
    // At the same time: a Go program of that size takes a while to say its version.
    futures::future::join_all(Tool::ALL.map(|tool| {
        let paths =
            directories.iter().map(|directory| directory.join(tool.name())).filter(|path| path.is_file());
        futures::future::join_all(paths.map(move |path| async move {
            let version = ask(tool, &path).await;
            Candidate { path, version }
        }))
    }))
    .await
}

/// The first candidate whose version fits; says why the ones before it do not.
pub(super) fn choose(tool: Tool, candidates: Vec<Candidate>, progress: &Progress) -> Option<PathBuf> {
    candidates.into_iter().find_map(|Candidate { path, version }| {
        match version.and_then(|version| fits(tool, version)) {
            Ok(()) => Some(path),
            Err(reason) => {
                progress.report(&Event::ToolRejected { tool, path, reason });
                None
            }
        }
    })
}

async fn ask(tool: Tool, path: &Path) -> Result<Version, String> {
    let arguments: &[&str] = if tool == Tool::Kubectl { &["version", "--client"] } else { &["--version"] };
    let answer = tokio::process::Command::new(path)
        .args(arguments)
        .stdin(std::process::Stdio::null())
        .output()
        .await
        .map_err(|error| format!("it does not run: {error}"))?;
    let text = String::from_utf8_lossy(&answer.stdout);
    Version::find(&text).ok_or_else(|| format!("it does not tell its version ({})", answer.status))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn the_first_that_fits_wins_and_the_others_are_told_why_not() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let listener = Arc::clone(&told);
        let progress = Progress::new(move |event| listener.lock().unwrap().push(event.to_string()));
        let candidate =
            |path: &str, version: Result<Version, String>| Candidate { path: path.into(), version };
        let version = |minor| Ok(Version { major: 1, minor, patch: 0 });
        let candidates = vec![
            candidate("/old/kube-apiserver", version(31)),
            candidate("/broken/kube-apiserver", Err("it does not run: no".to_owned())),
            candidate("/good/kube-apiserver", version(34)),
            candidate("/later/kube-apiserver", version(34)),
        ];
        assert_eq!(choose(Tool::Apiserver, candidates, &progress), Some("/good/kube-apiserver".into()));
        let told = told.lock().unwrap();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("/old/kube-apiserver") && told[0].contains("1.31.0"), "{told:?}");
        assert!(told[1].contains("/broken/kube-apiserver") && told[1].contains("does not run"), "{told:?}");
    }
}

//! The files of `examples/`, applied with kubectl as a user does.

use std::process::Output;

use anyhow::{Context as _, bail};
use devcluster::Cluster;
use seinode_api::SeiNode;
use serde::Deserialize as _;
use xtask::cargo::checkout;

/// The namespace that the examples are in.
pub(crate) const NAMESPACE: &str = "sei-demo";
/// Arguments of `kubectl` that apply the examples.
pub(crate) const COMMAND: [&str; 4] = ["apply", "--server-side", "-f", "examples/"];

/// Text of a command of kubectl in the namespace of the examples.
pub(crate) fn typed(words: &[&str]) -> String {
    let quoted = |word: &&str| if word.contains('{') { format!("'{word}'") } else { (*word).to_owned() };
    let words: Vec<_> = words.iter().map(quoted).collect();
    format!("kubectl {} -n {NAMESPACE}", words.join(" "))
}

/// The names of the SeiNodes in the examples, in the order in which they are applied.
///
/// # Errors
/// When a file cannot be read or is not YAML.
pub(crate) fn nodes() -> anyhow::Result<Vec<String>> {
    let directory = checkout().join("examples");
    let mut files: Vec<_> = std::fs::read_dir(&directory)
        .and_then(Iterator::collect::<std::io::Result<Vec<_>>>)
        .with_context(|| format!("cannot read {}", directory.display()))?
        .into_iter()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    let mut names = Vec::new();
    for file in files {
        let text =
            std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        names.extend(nodes_in(&text).with_context(|| format!("cannot read {}", file.display()))?);
    }
    Ok(names)
}

/// Runs kubectl in the checkout, with these arguments.
///
/// # Errors
/// When it does not run.
pub(crate) async fn kubectl(cluster: &Cluster, words: &[&str]) -> std::io::Result<Output> {
    let mut kubectl = tokio::process::Command::from(cluster.kubectl());
    kubectl.args(words).current_dir(checkout()).kill_on_drop(true).output().await
}

/// Applies the examples.
///
/// # Errors
/// When kubectl does not run, or something is rejected; the message is kubectl's.
pub(crate) async fn apply(cluster: &Cluster) -> anyhow::Result<()> {
    let answer = kubectl(cluster, &COMMAND).await?;
    if !answer.status.success() {
        bail!("`kubectl {}` failed:\n{}", COMMAND.join(" "), String::from_utf8_lossy(&answer.stderr).trim());
    }
    Ok(())
}

fn nodes_in(text: &str) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for document in serde_norway::Deserializer::from_str(text) {
        let object = serde_json::Value::deserialize(document)?;
        if object["kind"] == "SeiNode" {
            let node: SeiNode = serde_json::from_value(object)?;
            names.extend(node.metadata.name);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_are_three_nodes() {
        assert_eq!(nodes().unwrap(), ["sentry-0", "rpc-0", "trace-0"]);
    }
}

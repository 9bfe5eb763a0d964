//! Builds the operator of this checkout with cargo.
//!
//! Cargo runs as a child like everything else here: its output goes to a log, whose last line is the step's progress,
//! and it ends with us.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};
use devcluster::{Guard, Keep};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use xtask::cargo::{self, OPERATOR};

use crate::demo::screen::Voice;

/// Poll interval of the log.
const GLANCE: Duration = Duration::from_millis(200);
/// Lines of a failed build in the error.
const TAIL: usize = 40;

/// Builds the operator.
///
/// # Errors
/// When cargo cannot be started, or the build fails.
pub(crate) async fn operator(guard: &Guard, voice: &Voice) -> anyhow::Result<PathBuf> {
    let scratch = guard.scratch(Keep::No).context("cannot make a directory for cargo's log")?;
    let log = scratch.path().join("cargo.log");
    let cargo = guard.spawn("cargo build", cargo(), &log)?;
    let status = loop {
        if let Ok(status) = tokio::time::timeout(GLANCE, cargo.wait()).await {
            break status;
        }
        if let Some(line) = for_people(&read(&log)).last() {
            voice.now(line.trim());
        }
    };
    let log = read(&log);
    if !status.success() {
        let lines: Vec<&str> = for_people(&log).collect();
        let end = lines[lines.len().saturating_sub(TAIL)..].join("\n");
        bail!("the operator of this checkout does not build ({status}):\n{end}");
    }
    cargo::built(&log).context("cargo built the operator without saying where it is")
}

/// The resource definition that `binary` prints for users to install.
///
/// # Errors
/// When it does not run, or prints something else.
pub(crate) async fn definition(binary: &Path) -> anyhow::Result<CustomResourceDefinition> {
    let answer = tokio::process::Command::new(binary).arg("crds").kill_on_drop(true).output().await?;
    if !answer.status.success() {
        bail!("`{OPERATOR} crds` failed: {}", String::from_utf8_lossy(&answer.stderr));
    }
    let yaml = String::from_utf8(answer.stdout)?;
    serde_norway::from_str(&yaml).with_context(|| format!("`{OPERATOR} crds` printed no resource definition"))
}

fn cargo() -> Command {
    let mut command = cargo::build();
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    command
}

fn read(log: &Path) -> String {
    std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// The lines for people; those for machines are objects of JSON.
fn for_people(log: &str) -> impl Iterator<Item = &str> {
    log.lines().filter(|line| !line.starts_with('{') && !line.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = r#"   Compiling seinode-core v0.1.0
{"reason":"compiler-artifact","target":{"name":"seinode_core"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"seinode-operator"},"executable":"/t/debug/seinode-operator"}
    Finished `dev` profile
"#;

    #[test]
    fn messages_for_machines_are_left_out() {
        assert_eq!(for_people(LOG).last().unwrap().trim(), "Finished `dev` profile");
    }
}

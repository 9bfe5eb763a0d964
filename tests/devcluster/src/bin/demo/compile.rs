//! Builds the operator of this checkout, with cargo, and says where the binary is.
//!
//! Cargo runs as a child like everything else here: its output goes to a log, of which the last line is what the
//! step is at, and it ends with us.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};
use devcluster::{Guard, Keep};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

use crate::screen::Voice;

const BINARY: &str = "seinode-operator";
/// How often the log is looked at.
const GLANCE: Duration = Duration::from_millis(200);
/// How many lines of a failed build are shown.
const TAIL: usize = 40;

/// The checkout that this program was built from.
pub(crate) fn checkout() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package).to_owned()
}

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
        if let Some(line) = told(&read(&log)).last() {
            voice.now(line.trim());
        }
    };
    let log = read(&log);
    if !status.success() {
        let lines: Vec<&str> = told(&log).collect();
        let end = lines[lines.len().saturating_sub(TAIL)..].join("\n");
        bail!("the operator of this checkout does not build ({status}):\n{end}");
    }
    built(&log).context("cargo built the operator without saying where it is")
}

/// The resource definition that `binary` prints for users to install.
///
/// # Errors
/// When it does not run, or prints something else.
pub(crate) async fn definition(binary: &Path) -> anyhow::Result<CustomResourceDefinition> {
    let answer = tokio::process::Command::new(binary).arg("crds").kill_on_drop(true).output().await?;
    if !answer.status.success() {
        bail!("`{BINARY} crds` failed: {}", String::from_utf8_lossy(&answer.stderr));
    }
    let yaml = String::from_utf8(answer.stdout)?;
    serde_norway::from_str(&yaml).with_context(|| format!("`{BINARY} crds` printed no resource definition"))
}

fn cargo() -> Command {
    // Cargo tells what it started which cargo it is; a program started by hand takes the one on PATH.
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .current_dir(checkout())
        .args(["build", "--package", BINARY, "--bin", BINARY, "--color=never"])
        // Where the binary is depends on the user's configuration, so cargo has to say it.
        .arg("--message-format=json-render-diagnostics");
    // `cargo run` describes our package to us in these. Build scripts watch them: ring, and with it everything that
    // speaks TLS, would be built anew by each of the two cargos in turn.
    for (name, _) in std::env::vars_os().filter(|(name, _)| describes_a_package(&name.to_string_lossy())) {
        command.env_remove(name);
    }
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    command
}

fn describes_a_package(variable: &str) -> bool {
    variable.starts_with("CARGO_PKG_") || variable.starts_with("CARGO_MANIFEST_")
}

fn read(log: &Path) -> String {
    std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// The lines for people; those for machines are objects of JSON.
fn told(log: &str) -> impl Iterator<Item = &str> {
    log.lines().filter(|line| !line.starts_with('{') && !line.trim().is_empty())
}

/// Where cargo says that the operator's binary is.
fn built(log: &str) -> Option<PathBuf> {
    let messages = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    messages
        .filter(|message| message["reason"] == "compiler-artifact" && message["target"]["name"] == BINARY)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
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
    fn what_cargo_tells_people_and_machines_is_told_apart() {
        assert_eq!(told(LOG).last().unwrap().trim(), "Finished `dev` profile");
        assert_eq!(built(LOG), Some(PathBuf::from("/t/debug/seinode-operator")));
        assert_eq!(built("error: no\n"), None);
    }

    #[test]
    fn the_checkout_has_the_workspace_and_the_examples() {
        assert!(checkout().join("Cargo.lock").is_file());
        assert!(checkout().join("examples").is_dir());
    }
}

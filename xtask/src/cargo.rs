//! Cargo, which builds the operator of this checkout.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The program, and its package.
pub const OPERATOR: &str = "seinode-operator";

/// The checkout that this program was built from.
#[must_use]
pub fn checkout() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}

/// Has cargo build the operator. What it prints for machines is for [`built`]; the rest is for people.
#[must_use]
pub fn build() -> Command {
    // Cargo tells what it started which cargo it is; a program started by hand takes the one on PATH.
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(checkout())
        .args(["build", "--package", OPERATOR, "--bin", OPERATOR, "--color=never"])
        // Where the binary is depends on the user's configuration, so cargo has to say it.
        .arg("--message-format=json-render-diagnostics");
    // `cargo run` and `cargo test` describe our package to us in these. Build scripts watch them: ring, and with it everything
    // that speaks TLS, would be built anew by each of the two cargos in turn.
    for (name, _) in std::env::vars_os().filter(|(name, _)| describes_a_package(&name.to_string_lossy())) {
        cargo.env_remove(name);
    }
    cargo
}

fn describes_a_package(variable: &str) -> bool {
    variable.starts_with("CARGO_PKG_") || variable.starts_with("CARGO_MANIFEST_")
}

/// Path of the operator in cargo's messages.
#[must_use]
pub fn built(messages: &str) -> Option<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    messages
        .filter(|message| message["reason"] == "compiler-artifact" && message["target"]["name"] == OPERATOR)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_is_read_from_cargos_messages() {
        let messages = r#"   Compiling seinode-core v0.1.0
{"reason":"compiler-artifact","target":{"name":"seinode_core"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"seinode-operator"},"executable":"/t/debug/seinode-operator"}
    Finished `dev` profile
"#;
        assert_eq!(built(messages), Some(PathBuf::from("/t/debug/seinode-operator")));
        assert_eq!(built("error: no\n"), None);
    }

    #[test]
    fn the_checkout_has_the_workspace_and_the_examples() {
        assert!(checkout().join("Cargo.lock").is_file());
        assert!(checkout().join("examples").is_dir());
    }
}

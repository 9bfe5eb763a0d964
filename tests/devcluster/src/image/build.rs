//! Builds the operator of this checkout so that it depends on nothing of the machine that it will run on.
//!
//! It is linked statically against musl, so its image needs no other file. Paths of the machine that builds it are cut out
//! of it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The program, and its package.
const OPERATOR: &str = "seinode-operator";

/// Why a program could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Rust's standard library for static programs is not installed.
    #[error("Rust cannot make static programs here; install what it needs: rustup target add {triple}")]
    NoTarget {
        /// The target.
        triple: String,
    },
    /// There is no C compiler for static programs.
    #[error(
        "there is no {compiler}, and some crates have parts in C; install it: apt-get install musl-tools, or \
         name another compiler in {variable}"
    )]
    NoCompiler {
        /// The compiler that was looked for.
        compiler: String,
        /// What chooses it.
        variable: String,
    },
    /// A program that is needed for a build does not run.
    #[error("cannot run {program}: {source}")]
    Run {
        /// The program.
        program: String,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// The build failed.
    #[error("building the operator failed:\n{0}")]
    Failed(String),
    /// Cargo built something else.
    #[error("cargo built the operator without saying where it is")]
    Nowhere,
}

/// How many lines of a failed build an error shows.
const TAIL: usize = 40;

/// Builds the operator as it is shipped and says where it is. Takes minutes, and blocks until then.
///
/// # Errors
/// When something is missing on this machine, or it does not compile.
pub fn build() -> Result<PathBuf, BuildError> {
    let triple = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    let variable = format!("CC_{}", triple.replace('-', "_"));
    let compiler = std::env::var(&variable).unwrap_or_else(|_| "musl-gcc".to_owned());
    look_for_the_target(&triple)?;
    if run(Command::new(&compiler).arg("--version")).is_err() {
        return Err(BuildError::NoCompiler { compiler, variable });
    }
    let output = run(cargo(&triple).env(variable, compiler))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = said.lines().collect();
        return Err(BuildError::Failed(lines[lines.len().saturating_sub(TAIL)..].join("\n")));
    }
    built(&String::from_utf8_lossy(&output.stdout)).ok_or(BuildError::Nowhere)
}

/// A static program needs Rust's own part for it.
fn look_for_the_target(triple: &str) -> Result<(), BuildError> {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let output = run(rustc.current_dir(checkout()).args(["--print", "target-libdir", "--target", triple]))?;
    let directory = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() && Path::new(&directory).is_dir() {
        return Ok(());
    }
    Err(BuildError::NoTarget { triple: triple.to_owned() })
}

fn cargo(triple: &str) -> Command {
    // Cargo tells what it started which cargo it is; a program started by hand takes the one on PATH.
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(checkout())
        .args(["build", "--locked", "--profile=image", "--target", triple])
        .args(["--package", OPERATOR, "--bin", OPERATOR])
        .args(["--color=never", "--message-format=json-render-diagnostics"])
        .env("CARGO_ENCODED_RUSTFLAGS", flags());
    // `cargo run` and `cargo test` describe our package to us in these. Build scripts watch them, and would run anew.
    let describes = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars_os().filter(|(name, _)| describes(&name.to_string_lossy())) {
        cargo.env_remove(name);
    }
    cargo
}

/// Two machines, or two directories, are to make the same program.
fn flags() -> String {
    let home = |name: &str, fallback: &str| {
        std::env::var(name)
            .ok()
            .or_else(|| std::env::var("HOME").ok().map(|home| format!("{home}/{fallback}")))
    };
    let places = [
        (Some(checkout().display().to_string()), "/src"),
        (home("CARGO_HOME", ".cargo"), "/cargo"),
        (home("RUSTUP_HOME", ".rustup"), "/rustup"),
    ];
    let flags =
        places.into_iter().filter_map(|(from, to)| Some(format!("--remap-path-prefix={}={to}", from?)));
    // The separator of this variable.
    flags.collect::<Vec<_>>().join("\u{1f}")
}

/// The checkout that this program was built from.
fn checkout() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package).to_owned()
}

fn run(command: &mut Command) -> Result<Output, BuildError> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).output().map_err(|source| BuildError::Run { program, source })
}

/// Where cargo says that the operator is.
fn built(told: &str) -> Option<PathBuf> {
    let messages = told.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    messages
        .filter(|message| message["reason"] == "compiler-artifact" && message["target"]["name"] == OPERATOR)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operator_is_where_cargo_says() {
        let told = r#"{"reason":"compiler-artifact","target":{"name":"seinode_core"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"seinode-operator"},"executable":"/t/seinode-operator"}
"#;
        assert_eq!(built(told), Some(PathBuf::from("/t/seinode-operator")));
        assert_eq!(built("error: no\n"), None);
    }

    #[test]
    fn what_is_missing_is_said_with_what_helps() {
        let told = look_for_the_target("no-such-target").unwrap_err().to_string();
        assert!(told.contains("rustup target add no-such-target"), "{told}");
    }
}

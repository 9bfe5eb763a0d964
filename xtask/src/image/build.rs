//! Builds the operator of this checkout so that it depends on nothing of the machine that it will run on.
//!
//! It is linked statically against musl, so its image needs no other file. Paths of the machine that builds it are cut out
//! of it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::cargo::{self, checkout};

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
        /// Variable that selects it.
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

/// Lines of a failed build in an error.
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
        let message = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = message.lines().collect();
        return Err(BuildError::Failed(lines[lines.len().saturating_sub(TAIL)..].join("\n")));
    }
    cargo::built(&String::from_utf8_lossy(&output.stdout)).ok_or(BuildError::Nowhere)
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
    let mut cargo = cargo::build();
    cargo.args(["--locked", "--profile=image", "--target", triple]).env("CARGO_ENCODED_RUSTFLAGS", flags());
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

fn run(command: &mut Command) -> Result<Output, BuildError> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).output().map_err(|source| BuildError::Run { program, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_target_is_reported_with_its_remedy() {
        let message = look_for_the_target("no-such-target").unwrap_err().to_string();
        assert!(message.contains("rustup target add no-such-target"), "{message}");
    }
}

//! Builds programs of this checkout without a dependency on anything of the machine that they will run on.
//!
//! They are linked statically against musl, so an image of one needs no other file. Paths of the machine that builds
//! are cut out of them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// How a program is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// As it is shipped. Takes minutes.
    Release,
    /// Quickly, for programs that only tests run.
    Dev,
}

/// A program of this checkout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its package.
    pub package: &'static str,
    /// The programs of it.
    pub programs: &'static [&'static str],
    /// How they are compiled.
    pub profile: Profile,
}

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
    #[error("building {package} failed:\n{said}")]
    Failed {
        /// The package.
        package: &'static str,
        /// The end of what cargo said.
        said: String,
    },
    /// Cargo built something else.
    #[error("cargo built {package} without saying where {program} is")]
    Nowhere {
        /// The package.
        package: &'static str,
        /// The program.
        program: &'static str,
    },
}

/// How many lines of a failed build an error shows.
const TAIL: usize = 40;

/// Builds programs and says where they are, in the order in which they were asked for. It blocks until they are built.
///
/// # Errors
/// When something is missing on this machine, or they do not compile.
pub fn build(target: Target) -> Result<Vec<PathBuf>, BuildError> {
    let triple = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    let variable = format!("CC_{}", triple.replace('-', "_"));
    let compiler = std::env::var(&variable).unwrap_or_else(|_| "musl-gcc".to_owned());
    look_for_the_target(&triple)?;
    if run(Command::new(&compiler).arg("--version")).is_err() {
        return Err(BuildError::NoCompiler { compiler, variable });
    }
    let mut cargo = cargo(target, &triple);
    let output = run(cargo.env(variable, compiler))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = said.lines().collect();
        let said = lines[lines.len().saturating_sub(TAIL)..].join("\n");
        return Err(BuildError::Failed { package: target.package, said });
    }
    let told = String::from_utf8_lossy(&output.stdout);
    let place = |program| {
        built(&told, program).ok_or(BuildError::Nowhere { package: target.package, program })
    };
    target.programs.iter().copied().map(place).collect()
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

fn cargo(target: Target, triple: &str) -> Command {
    // Cargo tells what it started which cargo it is; a program started by hand takes the one on PATH.
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(checkout())
        .args(["build", "--locked", "--target", triple, "--package", target.package])
        .args(["--color=never", "--message-format=json-render-diagnostics"])
        .args(target.programs.iter().flat_map(|program| ["--bin", program]))
        .env("CARGO_ENCODED_RUSTFLAGS", flags());
    if target.profile == Profile::Release {
        cargo.arg("--release");
    }
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
        std::env::var(name).ok().or_else(|| std::env::var("HOME").ok().map(|home| format!("{home}/{fallback}")))
    };
    let places = [
        (Some(checkout().display().to_string()), "/src"),
        (home("CARGO_HOME", ".cargo"), "/cargo"),
        (home("RUSTUP_HOME", ".rustup"), "/rustup"),
    ];
    let flags = places.into_iter().filter_map(|(from, to)| Some(format!("--remap-path-prefix={}={to}", from?)));
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

/// Where cargo says that a program is.
fn built(told: &str, program: &str) -> Option<PathBuf> {
    let messages = told.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    messages
        .filter(|message| message["reason"] == "compiler-artifact" && message["target"]["name"] == program)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_where_cargo_says() {
        let told = r#"{"reason":"compiler-artifact","target":{"name":"a"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"a"},"executable":"/t/a"}
"#;
        assert_eq!(built(told, "a"), Some(PathBuf::from("/t/a")));
        assert_eq!(built(told, "b"), None);
    }

    #[test]
    fn what_is_missing_is_said_with_what_helps() {
        let told = look_for_the_target("no-such-target").unwrap_err().to_string();
        assert!(told.contains("rustup target add no-such-target"), "{told}");
    }
}

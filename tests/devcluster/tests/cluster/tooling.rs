//! Finding, downloading and building the tools, with a `go` that only pretends to build and a local server of release
//! files.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use devcluster::tools::Tool;
use scenario::{Failed, scenario};
use tempfile::TempDir;

// The control plane is released for Linux only.
#[cfg(target_os = "linux")]
#[path = "tooling/download.rs"]
mod download;
#[cfg(target_os = "linux")]
#[path = "tooling/server.rs"]
mod server;

/// Answers like Go 1.26, counts what it is told to build in the file `builds`, and takes its time. Uses only what the shell
/// itself can do: nothing else is on PATH.
const GO: &str = r#"#!/bin/sh
case "$1" in
env) echo go1.26.8 ;;
build)
    i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done
    for package in "$@"; do
        case "$package" in
        -*|/*) ;;
        *.*/*/*)
            echo "${package##*/}" >> "${0%/*}/builds"
            echo "CGO_ENABLED=$CGO_ENABLED GOFLAGS=$GOFLAGS $*" > "$3${package##*/}" ;;
        esac
    done ;;
esac
"#;

#[scenario]
fn without_go_the_error_names_the_remedies() -> Result<(), Failed> {
    let stderr = failure(&tools(&sandbox(None)?).output()?);
    assert!(stderr.contains("no `go` on PATH") && stderr.contains("Go 1.26.0 or newer"), "{stderr}");
    assert!(stderr.contains("https://go.dev/dl/") && stderr.contains("KUBEBUILDER_ASSETS"), "{stderr}");
    Ok(())
}

#[scenario]
fn an_old_go_is_told_from_a_new_one() -> Result<(), Failed> {
    let stderr = failure(&tools(&sandbox(Some("#!/bin/sh\necho go1.20.3\n"))?).output()?);
    assert!(stderr.contains("Go 1.26.0 or newer") && stderr.contains("`go` reports: go1.20.3"), "{stderr}");
    let refusing = "#!/bin/sh\necho 'go.mod requires go >= 1.26 (running go 1.24)' >&2\nexit 1\n";
    let stderr = failure(&tools(&sandbox(Some(refusing))?).output()?);
    assert!(stderr.contains("running go 1.24"), "{stderr}");
    Ok(())
}

#[scenario]
fn a_failed_build_shows_why() -> Result<(), Failed> {
    let broken = "#!/bin/sh\n[ $1 = env ] && echo go1.26.8 && exit\necho no space left on device\nexit 1\n";
    let sandbox = sandbox(Some(broken))?;
    // The second time nothing that was left behind is taken for a tool.
    for _ in 0..2 {
        let stderr = failure(&tools(&sandbox).output()?);
        assert!(
            stderr.contains("building etcd failed") && stderr.contains("no space left on device"),
            "{stderr}"
        );
    }
    Ok(())
}

#[scenario]
fn two_processes_build_each_tool_once() -> Result<(), Failed> {
    let sandbox = sandbox(Some(GO))?;
    let both: Vec<_> = (0..2).map(|_| tools(&sandbox).spawn()).collect::<Result<_, _>>()?;
    for process in both {
        let output = process.wait_with_output()?;
        assert_eq!(paths(&output).len(), Tool::CONTROL_PLANE.len(), "{output:?}");
    }
    assert_eq!(built(&sandbox).len(), Tool::CONTROL_PLANE.len());
    Ok(())
}

#[scenario]
fn the_second_run_builds_nothing() -> Result<(), Failed> {
    let sandbox = sandbox(Some(GO))?;
    let output = tools(&sandbox).output()?;
    let (first, builds) = (paths(&output), built(&sandbox).len());
    assert_eq!(builds, Tool::CONTROL_PLANE.len(), "{output:?}");
    assert_eq!(paths(&tools(&sandbox).output()?), first);
    assert_eq!(built(&sandbox).len(), builds, "built again");
    let recorded = fs::read_to_string(&first[0])?;
    assert!(
        recorded.starts_with("CGO_ENABLED=0 GOFLAGS=-mod=readonly -buildvcs=false -trimpath build"),
        "{recorded}"
    );
    assert!(first.iter().all(|path| !path.to_string_lossy().contains("unfinished")), "{first:?}");
    Ok(())
}

#[scenario]
fn one_build_makes_all_programs_of_a_module() -> Result<(), Failed> {
    let sandbox = sandbox(Some(GO))?;
    let output = tools(&sandbox).output()?;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let builds = stderr.lines().filter(|line| line.starts_with("devcluster: built kube")).count();
    assert_eq!(builds, 1, "{stderr}");
    assert!(stderr.contains("to be built, in about") && stderr.contains("etcd (40 s)"), "{stderr}");
    Ok(())
}

#[scenario]
fn a_setup_envtest_store_is_used() -> Result<(), Failed> {
    let sandbox = sandbox(Some(GO))?;
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let os = std::env::consts::OS;
    let data = if cfg!(target_os = "macos") {
        "Library/Application Support/io.kubebuilder.envtest"
    } else {
        ".local/share/kubebuilder-envtest"
    };
    let store = |version: &str| sandbox.path().join(data).join(format!("k8s/{version}-{os}-{arch}"));
    for version in ["1.34.1", "1.31.0"] {
        program(&store(version).join("kube-apiserver"), &format!("echo Kubernetes v{version}"))?;
        program(&store(version).join("kubectl"), &format!("echo Client Version: v{version}"))?;
    }
    program(&store("1.34.1").join("etcd"), "echo etcd Version: 3.6.4")?;
    let assets = sandbox.path().join("assets");
    program(&assets.join("kubectl"), "echo Client Version: v1.34.0")?;
    program(&sandbox.path().join("bin/etcd"), "echo etcd Version: 3.6.5")?;

    let output = tools(&sandbox).env("HOME", sandbox.path()).env("KUBEBUILDER_ASSETS", &assets).output()?;
    let paths = paths(&output);
    for expected in
        [store("1.34.1").join("kube-apiserver"), store("1.34.1").join("etcd"), assets.join("kubectl")]
    {
        assert!(paths.contains(&expected.canonicalize()?), "{expected:?} is not in {paths:?}");
    }
    let built = built(&sandbox);
    assert!(built.contains(&"kube-scheduler".to_owned()), "{built:?}");
    assert!(!built.contains(&"kube-apiserver".to_owned()), "{built:?}");
    Ok(())
}

#[scenario]
fn a_program_of_another_version_is_ignored() -> Result<(), Failed> {
    let sandbox = sandbox(Some(GO))?;
    program(&sandbox.path().join("bin/kube-scheduler"), "echo Kubernetes v1.31.2")?;
    let output = tools(&sandbox).output()?;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        stderr.contains("kube-scheduler: ignoring") && stderr.contains("it is 1.31.2, wanted 1.34"),
        "{stderr}"
    );
    assert!(built(&sandbox).contains(&"kube-scheduler".to_owned()), "{stderr}");
    Ok(())
}

/// A directory with a `go`, a cache, and nothing else.
fn sandbox(go: Option<&str>) -> Result<TempDir, Failed> {
    let sandbox = tempfile::tempdir()?;
    fs::create_dir(sandbox.path().join("bin"))?;
    if let Some(script) = go {
        write_program(&sandbox.path().join("bin/go"), script)?;
    }
    Ok(sandbox)
}

/// Makes a program that runs one command of the shell.
fn program(path: &Path, command: &str) -> Result<(), Failed> {
    write_program(path, &format!("#!/bin/sh\n{command}\n"))
}

fn write_program(path: &Path, script: &str) -> Result<(), Failed> {
    fs::create_dir_all(path.parent().ok_or("a program lies in a directory")?)?;
    fs::write(path, script)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// `devcluster tools` in the sandbox, without a network.
fn tools(sandbox: &TempDir) -> Command {
    let mut command = devcluster(sandbox, "off");
    command.arg("tools");
    command
}

fn devcluster(sandbox: &TempDir, mirror: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_devcluster"));
    command
        .env_clear()
        .env("PATH", sandbox.path().join("bin"))
        .env("SEINODE_DEVCLUSTER_CACHE", sandbox.path().join("cache"))
        .env("SEINODE_DEVCLUSTER_MIRROR", mirror)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// The last word of every line of a successful run: where the tools are.
fn paths(output: &Output) -> Vec<PathBuf> {
    assert!(output.status.success(), "{output:?}");
    let stdout = String::from_utf8_lossy(&output.stdout);
    stdout.lines().filter_map(|line| line.split_whitespace().last()).map(PathBuf::from).collect()
}

/// Names of the programs that were built, once for each time.
fn built(sandbox: &TempDir) -> Vec<String> {
    let builds = fs::read_to_string(sandbox.path().join("bin/builds")).unwrap_or_default();
    builds.lines().map(str::to_owned).collect()
}

fn failure(output: &Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

//! Finding and building the tools, with a `go` that only pretends to build.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use libtest_mimic::{Failed, Trial};
use tempfile::TempDir;

/// Answers like Go 1.26, counts what it is told to build in the file `builds`, and takes its time. Only what the shell
/// itself can do: nothing else is on PATH.
const GO: &str = r#"#!/bin/sh
case "$1" in
env) echo go1.26.8 ;;
build)
    echo "$3" >> "${0%/*}/builds"
    i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done
    echo "CGO_ENABLED=$CGO_ENABLED GOFLAGS=$GOFLAGS $*" > "$3" ;;
esac
"#;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("without_go_it_is_said_what_to_do", without_go),
        Trial::test("an_old_go_is_told_from_a_new_one", old_go),
        Trial::test("a_failed_build_shows_why", failed_build),
        Trial::test("two_processes_build_each_tool_once", two_processes),
        Trial::test("the_second_run_builds_nothing", second_run),
    ]
}

/// etcd, four programs of Kubernetes, kubectl and helm.
const TOOLS: usize = 7;

fn without_go() -> Result<(), Failed> {
    let said = complaint(&tools(&room(None)?).output()?);
    assert!(said.contains("no `go` on PATH") && said.contains("Go 1.26.0 or newer"), "{said}");
    assert!(said.contains("https://go.dev/dl/") && said.contains("KUBEBUILDER_ASSETS"), "{said}");
    Ok(())
}

fn old_go() -> Result<(), Failed> {
    let said = complaint(&tools(&room(Some("#!/bin/sh\necho go1.20.3\n"))?).output()?);
    assert!(said.contains("Go 1.26.0 or newer") && said.contains("`go` says: go1.20.3"), "{said}");
    let refusing = "#!/bin/sh\necho 'go.mod requires go >= 1.26 (running go 1.24)' >&2\nexit 1\n";
    let said = complaint(&tools(&room(Some(refusing))?).output()?);
    assert!(said.contains("running go 1.24"), "{said}");
    Ok(())
}

fn failed_build() -> Result<(), Failed> {
    let broken = "#!/bin/sh\n[ $1 = env ] && echo go1.26.8 && exit\necho no space left on device\nexit 1\n";
    let room = room(Some(broken))?;
    let said = complaint(&tools(&room).output()?);
    assert!(said.contains("building etcd failed") && said.contains("no space left on device"), "{said}");
    let said = complaint(&tools(&room).output()?);
    assert!(said.contains("building etcd failed"), "what was not built is taken for a tool: {said}");
    Ok(())
}

fn two_processes() -> Result<(), Failed> {
    let room = room(Some(GO))?;
    let both: Vec<_> = (0..2).map(|_| tools(&room).spawn()).collect::<Result<_, _>>()?;
    for process in both {
        let output = process.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(said.lines().count(), TOOLS, "{said}");
    }
    assert_eq!(built(room.path()).len(), TOOLS);
    Ok(())
}

fn second_run() -> Result<(), Failed> {
    let room = room(Some(GO))?;
    assert!(tools(&room).output()?.status.success());
    assert_eq!(built(room.path()).len(), TOOLS);
    let output = tools(&room).output()?;
    assert_eq!(built(room.path()).len(), TOOLS, "built again");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let etcd = said.lines().find_map(|line| line.strip_prefix("etcd ")).expect("a path").trim();
    let recorded = fs::read_to_string(etcd)?;
    assert!(
        recorded.starts_with("CGO_ENABLED=0 GOFLAGS=-mod=readonly -buildvcs=false -trimpath build"),
        "{recorded}"
    );
    assert!(!etcd.contains("building"), "{etcd}");
    Ok(())
}

/// A directory with a `go`, a cache, and nothing else.
fn room(go: Option<&str>) -> Result<TempDir, Failed> {
    let room = tempfile::tempdir()?;
    fs::create_dir(room.path().join("bin"))?;
    if let Some(script) = go {
        let path = room.path().join("bin/go");
        fs::write(&path, script)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(room)
}

fn tools(room: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_devcluster"));
    command
        .arg("tools")
        .env_clear()
        .env("PATH", room.path().join("bin"))
        .env("SEINODE_DEVCLUSTER_CACHE", room.path().join("cache"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Names of the built outputs.
fn built(room: &Path) -> Vec<String> {
    let builds = fs::read_to_string(room.join("bin/builds")).unwrap_or_default();
    builds.lines().map(str::to_owned).collect()
}

fn complaint(output: &Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

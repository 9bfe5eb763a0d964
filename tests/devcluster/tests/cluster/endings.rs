//! However a program ends, what it started ends with it.
//!
//! For that this binary runs itself once more in a *role*: as a program that starts something, tells what, and then
//! ends in one of several ways.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use devcluster::{Cluster, Guard, Keep, Options};
use scenario::{Failed, scenario};

use crate::real_node;

const ROLE: &str = "DEVCLUSTER_TEST_ROLE";
/// The watchdog gives processes a second after SIGTERM.
const GONE_WITHIN: Duration = Duration::from_secs(5);
/// Poll interval.
const GLANCE: Duration = Duration::from_millis(20);

/// The role that this process is to play, if it is not the test itself.
pub fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

#[scenario]
fn a_watchdog_that_is_told_to_go_stays_until_the_end() -> Result<(), Failed> {
    ends("waits", signal_watchdog_and_kill, 9)
}

#[scenario]
fn a_killed_owner_leaves_nothing() -> Result<(), Failed> {
    ends("waits", |owner, _| owner.kill().expect("killed"), 9)
}

#[scenario]
fn an_interrupted_owner_leaves_nothing() -> Result<(), Failed> {
    ends("waits", |owner, _| signal(owner.id(), "INT"), 2)
}

#[scenario]
fn a_terminated_owner_leaves_nothing() -> Result<(), Failed> {
    ends("waits", |owner, _| signal(owner.id(), "TERM"), 15)
}

#[scenario]
fn a_panicking_owner_leaves_nothing() -> Result<(), Failed> {
    ends("panics", |_, _| (), 0)
}

#[scenario]
fn an_exiting_owner_leaves_nothing() -> Result<(), Failed> {
    ends("exits", |_, _| (), 0)
}

#[scenario]
fn a_killed_owner_of_a_cluster_leaves_nothing() -> Result<(), Failed> {
    ends("cluster", |owner, _| owner.kill().expect("killed"), 9)
}

#[scenario]
fn a_dropped_cluster_is_gone_within_three_seconds() -> Result<(), Failed> {
    ends("drops", |_, _| (), 0)
}

/// The other side: starts things, prints a line for each, then ends as the role says.
pub fn play(role: &str, guard: &Guard) -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let tell = |line: String| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{line}").and_then(|()| out.flush()).expect("written");
    };
    if [real_node::WAITS, real_node::DROPS].contains(&role) {
        return real_node::play(role, guard, tell);
    }
    let scratch = guard.scratch(if role == "keeps" { Keep::Yes } else { Keep::No }).expect("a directory");
    tell(format!("directory {}", scratch.path().display()));
    if matches!(role, "cluster" | "drops" | "fails") {
        let begin = Instant::now();
        let cluster = match runtime.block_on(Cluster::start(Options::default(), guard)) {
            Ok(cluster) => cluster,
            Err(error) => {
                tell(format!("error {}", error.to_string().replace('\n', " ")));
                return ExitCode::FAILURE;
            }
        };
        tell(format!("directory {}", cluster.dir().display()));
        for pid in descendants() {
            tell(format!("process {pid}"));
        }
        tell(format!("ready {:?}", begin.elapsed()));
        if role == "drops" {
            let (begin, directory) = (Instant::now(), cluster.dir().to_owned());
            drop(cluster);
            assert!(begin.elapsed() < Duration::from_secs(3), "the drop took {:?}", begin.elapsed());
            // The watchdog, still there, must have had nothing to do.
            assert_eq!(descendants().len(), 1);
            assert!(!directory.exists());
            return ExitCode::SUCCESS;
        }
        std::thread::park();
    }
    // One that goes when it is asked to, one that has to be killed, and one that is nobody's child.
    let mut polite = Command::new("sleep");
    polite.arg("1000");
    let mut deaf = Command::new("sh");
    deaf.args(["-c", "trap '' TERM INT; (setsid sleep 1000 &) ; while :; do sleep 1; done"]);
    let held: Vec<_> = [polite, deaf]
        .into_iter()
        .map(|command| guard.spawn("sleeper", command, &scratch.path().join("log")).expect("started"))
        .collect();
    let begin = Instant::now();
    while marked_by_us().into_iter().filter(|pid| leads_a_session(*pid)).count() == 0 {
        assert!(begin.elapsed() < GONE_WITHIN, "nobody's child was not born");
        std::thread::sleep(GLANCE);
    }
    for process in &held {
        tell(format!("process {}", process.id()));
    }
    for pid in marked_by_us() {
        tell(format!("process {pid}"));
    }
    let started: Vec<u32> = held.iter().map(devcluster::Process::id).collect();
    for pid in descendants().into_iter().filter(|pid| !started.contains(pid)) {
        tell(format!("watchdog {pid}"));
    }
    tell("ready".to_owned());
    match role {
        "panics" => panic!("as the role wants"),
        // Without any drop.
        "exits" => std::process::exit(0),
        "keeps" => ExitCode::SUCCESS,
        _ => loop {
            std::thread::park();
        },
    }
}

fn ends(role: &str, end: fn(&mut Child, &[String]), signal: i32) -> Result<(), Failed> {
    let (mut owner, lines) = start(role, |_| ());
    let processes: Vec<u32> =
        lines.iter().filter_map(|line| line.strip_prefix("process ")?.parse().ok()).collect();
    let directories: Vec<PathBuf> =
        lines.iter().filter_map(|line| line.strip_prefix("directory ")).map(PathBuf::from).collect();
    assert!(processes.len() >= 3 && !directories.is_empty(), "{lines:?}");
    end(&mut owner, &lines);
    let status = owner.wait()?;
    assert_eq!(status.signal().unwrap_or_default(), signal, "{status}");
    if role == "drops" {
        assert!(status.success(), "{status}");
    }
    let begin = Instant::now();
    loop {
        let left: Vec<&u32> = processes.iter().filter(|pid| runs(**pid)).collect();
        let there: Vec<&PathBuf> = directories.iter().filter(|directory| directory.exists()).collect();
        if left.is_empty() && there.is_empty() {
            return Ok(());
        }
        if begin.elapsed() > GONE_WITHIN {
            return Err(format!("left behind: processes {left:?}, directories {there:?}").into());
        }
        std::thread::sleep(GLANCE);
    }
}

#[scenario]
fn a_kept_directory_stays() -> Result<(), Failed> {
    let (mut owner, lines) = start("keeps", |_| ());
    assert!(owner.wait()?.success());
    let directory = lines.iter().find_map(|line| line.strip_prefix("directory ")).expect("a directory");
    assert!(Path::new(directory).join("log").exists(), "{directory}");
    std::fs::remove_dir_all(directory)?;
    Ok(())
}

#[scenario]
fn a_component_that_fails_shows_its_log() -> Result<(), Failed> {
    let assets = tempfile::tempdir()?;
    let etcd = assets.path().join("etcd");
    let script = "#!/bin/sh\n[ \"$1\" = --version ] && echo etcd Version: 3.6.0 && exit\necho the disk is on fire >&2\nexit 3\n";
    std::fs::write(&etcd, script)?;
    std::fs::set_permissions(&etcd, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let begin = Instant::now();
    let (mut owner, lines) = start("fails", |command| {
        // In front of PATH: what the surrounding test run was given must still be found.
        let before = std::env::var_os("KUBEBUILDER_ASSETS").into_iter().map(PathBuf::from);
        let after = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(before.chain(std::env::split_paths(&after))).expect("a path");
        command.env("KUBEBUILDER_ASSETS", assets.path()).env("PATH", path);
    });
    owner.wait()?;
    assert!(
        begin.elapsed() < Duration::from_secs(10),
        "the API server's patience with etcd is longer than ours"
    );
    let error = lines.iter().find_map(|line| line.strip_prefix("error ")).expect("it cannot start");
    assert!(error.contains("etcd ended") && error.contains("the disk is on fire"), "{error}");
    Ok(())
}

/// Starts this binary in `role` and waits until it has told everything.
pub fn start(role: &str, prepare: impl FnOnce(&mut Command)) -> (Child, Vec<String>) {
    // A test run in the background of a shell ignores SIGINT, and its children would as well.
    let mut command = Command::new("env");
    command
        .arg("--default-signal")
        .arg(std::env::current_exe().expect("ourselves"))
        .env(ROLE, role)
        .env_remove("DEVCLUSTER_OWNER")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    prepare(&mut command);
    let mut owner = command.spawn().expect("started");
    let mut lines = Vec::new();
    for line in BufReader::new(owner.stdout.take().expect("piped")).lines() {
        let line = line.expect("readable");
        let done = line.starts_with("ready") || line.starts_with("error");
        lines.push(line);
        if done {
            break;
        }
    }
    (owner, lines)
}

fn signal_watchdog_and_kill(owner: &mut Child, lines: &[String]) {
    let watchdog =
        lines.iter().find_map(|line| line.strip_prefix("watchdog ")?.parse().ok()).expect("there is one");
    for name in ["INT", "TERM", "HUP"] {
        signal(watchdog, name);
    }
    owner.kill().expect("killed");
}

fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &pid.to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()));
}

/// A zombie that nobody waits for runs no more.
fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Our children, the watchdog included.
fn descendants() -> Vec<u32> {
    let us = std::process::id().to_string();
    processes(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)) == Some(us.as_str()) && runs(pid)
    })
}

/// Processes that carry our mark, or a child's.
fn marked_by_us() -> Vec<u32> {
    let mark = format!("DEVCLUSTER_OWNER={}-", std::process::id());
    processes(|pid| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|pair| pair.starts_with(mark.as_bytes()))
    })
}

/// Only nobody's child does here.
fn leads_a_session(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let session = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(3)?.parse().ok());
    session == Some(pid)
}

fn processes(wanted: impl Fn(u32) -> bool) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").expect("/proc").flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(|pid| wanted(*pid)).collect()
}

//! The control group of a node: everything that runs in its pods is below it, so all of that can be found and ended.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{HostError, mounts};

/// Time limit for killed processes to be gone.
const GRACE: Duration = Duration::from_secs(5);
/// Poll interval.
const GLANCE: Duration = Duration::from_millis(20);

/// Makes a group in every hierarchy of this machine: one with version 2, one for each controller with version 1.
pub(super) fn create(group: &str) -> Result<(), HostError> {
    for directory in everywhere(group) {
        let refused = |source: std::io::Error| HostError::Refused {
            what: format!("make the control group {}", directory.display()),
            reason: source.to_string(),
        };
        std::fs::create_dir_all(&directory).map_err(refused)?;
    }
    Ok(())
}

/// Kills what is in a group, and removes the group.
pub(super) fn clear(group: &str) {
    let groups: Vec<PathBuf> = everywhere(group).into_iter().flat_map(|top| below(&top)).collect();
    let deadline = Instant::now() + GRACE;
    loop {
        let pids: Vec<Pid> = groups.iter().flat_map(|group| members(group)).collect();
        if pids.is_empty() || Instant::now() > deadline {
            break;
        }
        for pid in pids {
            let _ = kill_process(pid, Signal::KILL);
        }
        std::thread::sleep(GLANCE);
    }
    for group in &groups {
        if let Err(error) = std::fs::remove_dir(group)
            && group.exists()
        {
            tracing::warn!(%error, group = %group.display(), "a control group is left");
        }
    }
}

fn everywhere(group: &str) -> Vec<PathBuf> {
    let hierarchies = mounts::all().into_iter().filter(|mount| matches!(&*mount.kind, "cgroup" | "cgroup2"));
    hierarchies.map(|mount| mount.at.join(group.trim_start_matches('/'))).collect()
}

/// A directory with all below it, the innermost first.
fn below(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let directories = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut all: Vec<_> = directories.flat_map(|entry| below(&entry.path())).collect();
    all.push(directory.to_owned());
    all
}

fn members(group: &Path) -> Vec<Pid> {
    let text = std::fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok().and_then(Pid::from_raw)).collect()
}

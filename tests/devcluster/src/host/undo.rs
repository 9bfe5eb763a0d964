//! Reverts all recorded changes. A failure does not stop it: the rest is worth reverting too.
//!
//! Whoever calls has ended the node's own programs, kubelet, containerd and kube-proxy.

use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::changes::HostChanges;
use super::{BRIDGE, cgroups, firewall, group, mounts};

/// Directory of the sockets of containerd's shims; no setting moves it.
const SOCKETS: &str = "/run/containerd/s";
/// Directory of the kubelet's links to container logs.
const LINKS: &str = "/var/log/containers";

pub(super) fn all(changes: &HostChanges) {
    let directory = &changes.directory;
    cgroups::clear(&group(directory));
    end_shims(directory);
    unmount(directory);
    remove_sockets(directory);
    remove_links(directory);
    firewall::clear();
    // Nothing to delete is what is wanted.
    let _ = quietly(Command::new("ip").args(["link", "delete", "dev", BRIDGE]));
    for (name, value) in &changes.sysctls {
        let path = Path::new("/proc/sys").join(name);
        let now = std::fs::read_to_string(&path).unwrap_or_default();
        if now.trim() != value
            && let Err(error) = std::fs::write(&path, value)
        {
            tracing::warn!(%error, "cannot put {name} back to {value}");
        }
    }
    for path in &changes.absent {
        let _ = std::fs::remove_dir_all(path);
    }
    HostChanges::close();
}

/// One holds each pod; it is not containerd's child. The directory in its command line says whose it is.
fn end_shims(directory: &Path) {
    let wanted = directory.display().to_string();
    let Ok(processes) = std::fs::read_dir("/proc") else { return };
    for entry in processes.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw)
        else {
            continue;
        };
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line);
        let mut words = line.split('\0');
        let is_shim = words.next().is_some_and(|program| program.ends_with("containerd-shim-runc-v2"));
        if is_shim && words.any(|word| word.starts_with(&wanted)) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// The last one mounted may lie in one before it.
fn unmount(directory: &Path) {
    for mount in mounts::all().into_iter().rev().filter(|mount| mount.at.starts_with(directory)) {
        if !quietly(Command::new("umount").arg("--lazy").arg(&mount.at)) {
            tracing::warn!(mount = %mount.at.display(), "cannot unmount");
        }
    }
}

/// A shim that was killed leaves its socket; its bundle says which one.
fn remove_sockets(directory: &Path) {
    let bundles = directory.join("containerd/state/io.containerd.runtime.v2.task/k8s.io");
    for bundle in std::fs::read_dir(bundles).into_iter().flatten().flatten() {
        let address = std::fs::read_to_string(bundle.path().join("address")).unwrap_or_default();
        if let Some(socket) = address.trim().strip_prefix("unix://")
            && socket.starts_with(SOCKETS)
        {
            let _ = std::fs::remove_file(socket);
        }
    }
}

fn remove_links(directory: &Path) {
    for entry in std::fs::read_dir(LINKS).into_iter().flatten().flatten() {
        if std::fs::read_link(entry.path()).is_ok_and(|target| target.starts_with(directory)) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn quietly(command: &mut Command) -> bool {
    let done = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    done.is_ok_and(|status| status.success())
}

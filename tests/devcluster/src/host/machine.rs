//! Programs that a real node needs on its host, and conflicts that rule one out.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{BRIDGE, HostError, run};

/// Directories of the network plugins in common distributions.
const PLUGINS: [&str; 3] = ["/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"];
/// Directories of administrators' programs, which `PATH` may lack.
const SYSTEM: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// Everything that is missing on this host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a real node cannot run here: {}", .0.join("; "))]
pub struct Missing(Vec<String>);

/// The programs of a machine that a real node can run on.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Runs containers.
    pub(crate) containerd: PathBuf,
    /// Its command line.
    pub(crate) ctr: PathBuf,
    /// Starts one container.
    pub(crate) runc: PathBuf,
    /// The directory of the network plugins.
    pub(crate) plugins: PathBuf,
    /// Static shells, for images made on this machine.
    pub statics: Statics,
}

/// Static shells of a machine.
#[derive(Clone, Debug)]
pub struct Statics {
    /// busybox, of Debian's package `busybox-static`.
    pub busybox: PathBuf,
    /// bash, of Debian's package `bash-static`.
    pub bash: PathBuf,
}

impl Machine {
    /// Looks for everything.
    ///
    /// # Errors
    /// With all that is missing, and what helps.
    pub fn find() -> Result<Self, Missing> {
        let mut search = Search::default();
        let machine = Self {
            containerd: search.program("containerd", "containerd"),
            ctr: search.program("ctr", "containerd"),
            runc: search.program("runc", "runc"),
            plugins: search.plugins(),
            statics: Statics {
                busybox: search.file("/bin/busybox", "busybox-static"),
                bash: search.file("/bin/bash-static", "bash-static"),
            },
        };
        search.program("containerd-shim-runc-v2", "containerd");
        search.program("iptables-restore", "iptables");
        search.program("ip", "iproute2");
        search.program("umount", "mount");
        search.end().map(|()| machine)
    }
}

/// A search that collects what is missing.
#[derive(Default)]
struct Search {
    missing: Vec<(String, &'static str)>,
}

impl Search {
    fn program(&mut self, name: &str, package: &'static str) -> PathBuf {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let directories = std::env::split_paths(&path).chain(SYSTEM.map(PathBuf::from));
        let found = directories.map(|directory| directory.join(name)).find(|path| path.is_file());
        found.unwrap_or_else(|| self.lacks(name, package))
    }

    fn file(&mut self, path: &str, package: &'static str) -> PathBuf {
        if Path::new(path).is_file() { path.into() } else { self.lacks(path, package) }
    }

    fn plugins(&mut self) -> PathBuf {
        let complete = |directory: &PathBuf| {
            ["bridge", "host-local", "loopback"].iter().all(|name| directory.join(name).is_file())
        };
        let found = PLUGINS.map(PathBuf::from).into_iter().find(complete);
        found.unwrap_or_else(|| self.lacks("the network plugins", "containernetworking-plugins"))
    }

    fn lacks(&mut self, what: &str, package: &'static str) -> PathBuf {
        self.missing.push((what.to_owned(), package));
        PathBuf::new()
    }

    fn end(self) -> Result<(), Missing> {
        let mut reasons = Vec::new();
        if !cfg!(target_os = "linux") {
            reasons.push("it needs Linux".to_owned());
        } else if !rustix::process::geteuid().is_root() {
            reasons.push(
                "it needs root: containers, a bridge and iptables are made; run it with sudo".to_owned(),
            );
        }
        if !self.missing.is_empty() {
            let names: Vec<_> = self.missing.iter().map(|(name, _)| name.as_str()).collect();
            let mut packages: Vec<_> = self.missing.iter().map(|(_, package)| *package).collect();
            packages.sort_unstable();
            packages.dedup();
            let (names, packages) = (names.join(", "), packages.join(" "));
            reasons.push(format!("there is no {names}; on Debian and Ubuntu: apt-get install {packages}"));
        }
        if reasons.is_empty() { Ok(()) } else { Err(Missing(reasons)) }
    }
}

/// Checks that the pods' addresses and the bridge's name are free.
pub(super) fn unoccupied() -> Result<(), HostError> {
    let addresses = run(Command::new("ip").args(["-oneline", "-4", "address"]))?;
    match in_the_way(&addresses) {
        None => Ok(()),
        Some(line) => Err(HostError::Occupied { found: format!("there is a network of this kind: {line}") }),
    }
}

fn in_the_way(addresses: &str) -> Option<&str> {
    let of_ours = |line: &&str| {
        line.split_whitespace()
            .any(|word| word == BRIDGE || word.starts_with("10.88.") || word.starts_with("10.96."))
    };
    addresses.lines().find(of_ours).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said_with_the_command_that_helps() {
        let mut search = Search::default();
        search.program("no-such-program", "containerd");
        search.file("/no/such/file", "bash-static");
        search.program("no-such-other", "containerd");
        let message = search.end().unwrap_err().to_string();
        assert!(message.contains("no-such-program, /no/such/file, no-such-other"), "{message}");
        assert!(message.ends_with("apt-get install bash-static containerd"), "{message}");
    }

    #[test]
    fn another_network_with_our_addresses_is_in_the_way() {
        let ours = "7: cni-podman0    inet 10.88.0.1/16 brd 10.88.255.255 scope global cni-podman0";
        let free = "1: lo    inet 127.0.0.1/8 scope host lo\n2: eth0    inet 10.8.8.1/24 brd 10.8.8.255";
        assert_eq!(in_the_way(free), None);
        assert_eq!(in_the_way(&format!("{free}\n{ours}")), Some(ours));
    }
}

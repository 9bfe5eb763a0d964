//! Changes that a real node makes to its host, and their reversal.
//!
//! There is one such node on a machine at a time. Each change is recorded before it is made, so that
//! the owner, its watchdog or the next node on this host can revert it.
//!
//! | Changed | Put back by |
//! |---|---|
//! | a bridge with the address [`ADDRESS`], a route to the Services | deleting the bridge |
//! | rules of iptables | deleting every chain that is ours or kube-proxy's; there was none before |
//! | settings of the kernel | writing the old values |
//! | control groups, mounts | killing what is in ours, unmounting what is below our directory |
//! | directories that kubelet and containerd make where no flag moves them | deleting those that were not there |
//!
//! It must never touch what was there before: a machine that has anything of the kind is refused.

mod cgroups;
mod changes;
mod firewall;
mod machine;
mod mounts;
mod undo;

use std::fs::File;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::progress::Progress;

use changes::HostChanges;
pub(crate) use changes::release_of;
pub use machine::{Machine, Missing, Statics};
pub(crate) use mounts::kind_at;

/// The machine as its pods see it: the API server, the names and the kubelet listen there, and nowhere else.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 88, 0, 1);
/// The addresses of pods.
pub const PODS: &str = "10.88.0.0/16";
/// The addresses of Services.
pub const SERVICES: &str = "10.96.0.0/16";
/// The bridge that pods are connected to.
pub const BRIDGE: &str = "devcluster0";

/// Kernel settings that a kubelet writes on every machine, and those that the bridge needs.
const SYSCTLS: [&str; 7] = [
    "net/ipv4/ip_forward",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
];

/// Directories that kubelet, containerd and the network plugins use whatever their settings say.
const HAUNTS: [&str; 5] =
    ["/var/lib/kubelet", "/var/lib/cni", "/var/log/containers", "/var/log/pods", "/run/containerd"];

/// Why the machine cannot be made ready for a node.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// Something that is needed is not here.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// Something is here that is in the way.
    #[error("{found}; a real node would mix with it, so it runs only where there is none")]
    Occupied {
        /// The conflict.
        found: String,
    },
    /// Something could not be changed.
    #[error("cannot {what}: {reason}")]
    Refused {
        /// The attempted action.
        what: String,
        /// The reason that was given.
        reason: String,
    },
}

/// The machine, made ready for a node. Dropping it puts everything back.
#[derive(Debug)]
pub struct Host {
    machine: Machine,
    directory: PathBuf,
    lock: File,
}

impl Host {
    /// Waits until no other node runs on this machine, puts back what a dead one left, and makes the machine ready.
    ///
    /// `owner` is the mark of this process's children; `directory` is where the node may write.
    ///
    /// # Errors
    /// When something is missing or in the way, or the machine refuses a change.
    pub(crate) async fn prepare(
        owner: &str,
        directory: &Path,
        progress: &Progress,
    ) -> Result<Self, HostError> {
        let machine = Machine::find()?;
        let lock = changes::lock(progress).await?;
        if let Some(left) = HostChanges::read() {
            crate::supervisor::end_marked(&left.owner);
            undo::all(&left);
        }
        firewall::unoccupied()?;
        machine::unoccupied()?;
        let changes = HostChanges::of(owner, directory);
        changes.write()?;
        let host = Self { machine, directory: directory.to_owned(), lock };
        // From here on a failure puts everything back.
        cgroups::create(&group(directory))?;
        host.connect()?;
        Ok(host)
    }

    /// The programs of this machine.
    pub(crate) fn machine(&self) -> &Machine {
        &self.machine
    }

    /// The control group that everything in pods is in.
    pub(crate) fn group(&self) -> String {
        group(&self.directory)
    }

    fn connect(&self) -> Result<(), HostError> {
        let address = format!("{ADDRESS}/16");
        for words in [
            &["link", "add", "name", BRIDGE, "type", "bridge"][..],
            &["address", "add", &address, "dev", BRIDGE],
            &["link", "set", "dev", BRIDGE, "up"],
            // Also where there is no other route that a packet to a Service could begin with.
            &["route", "add", SERVICES, "dev", BRIDGE, "src", &ADDRESS.to_string()],
        ] {
            run(Command::new("ip").args(words))?;
        }
        write("/proc/sys/net/ipv4/ip_forward", "1")?;
        firewall::fence()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(changes) = HostChanges::read() {
            undo::all(&changes);
        }
        // Closing would do; this says what is meant.
        let _ = self.lock.unlock();
    }
}

fn group(directory: &Path) -> String {
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    // Dots end a name there.
    format!("/{}", name.replace('.', "-"))
}

fn write(path: &str, text: &str) -> Result<(), HostError> {
    let refused = |source: std::io::Error| HostError::Refused {
        what: format!("write {text} to {path}"),
        reason: source.to_string(),
    };
    std::fs::write(path, text).map_err(refused)
}

/// Runs a command of the machine; it has to succeed.
fn run(command: &mut Command) -> Result<String, HostError> {
    let words: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let refused = |reason| HostError::Refused { what: format!("run `{}`", words.join(" ")), reason };
    let output = command.stdin(Stdio::null()).output().map_err(|source| refused(source.to_string()))?;
    if !output.status.success() {
        return Err(refused(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

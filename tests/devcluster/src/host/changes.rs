//! Record of a node's changes to its host, and the lock that its owner holds.
//!
//! Both are one file in a directory that a reboot empties, as it undoes the changes. The operating system frees the lock of
//! a dead process; the entries stay until they are undone.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{HAUNTS, HostError, SYSCTLS, undo};
use crate::progress::{Event, Progress};

const PATH: &str = "/run/devcluster.json";
/// Delay between attempts to take the lock.
const GLANCE: Duration = Duration::from_secs(1);

/// State of the host before the node, and the node's owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HostChanges {
    /// The mark of the owner's processes.
    pub(super) owner: String,
    /// Directory that the node writes to.
    pub(super) directory: PathBuf,
    /// Settings of the kernel, by their path below `/proc/sys`.
    pub(super) sysctls: BTreeMap<String, String>,
    /// The [`HAUNTS`] that did not exist.
    pub(super) absent: Vec<PathBuf>,
}

impl HostChanges {
    /// Reads the current state of the host.
    pub(super) fn of(owner: &str, directory: &Path) -> Self {
        let value = |name: &str| {
            let text = std::fs::read_to_string(Path::new("/proc/sys").join(name)).ok()?;
            Some((name.to_owned(), text.trim().to_owned()))
        };
        Self {
            owner: owner.to_owned(),
            directory: directory.to_owned(),
            sysctls: SYSCTLS.into_iter().filter_map(value).collect(),
            absent: HAUNTS.map(PathBuf::from).into_iter().filter(|path| !path.exists()).collect(),
        }
    }

    /// Changes that the last node recorded and nobody reverted. An unreadable record was never completed.
    pub(super) fn read() -> Option<Self> {
        serde_json::from_slice(&std::fs::read(PATH).ok()?).ok()
    }

    pub(super) fn write(&self) -> Result<(), HostError> {
        let refused = |reason: String| HostError::Refused { what: format!("write {PATH}"), reason };
        let bytes = serde_json::to_vec(self).map_err(|error| refused(error.to_string()))?;
        std::fs::write(PATH, bytes).map_err(|error| refused(error.to_string()))
    }

    /// Marks everything as reverted.
    pub(super) fn close() {
        // Emptied, not deleted: somebody may be waiting for the lock of this very file.
        if let Err(error) = std::fs::write(PATH, "") {
            tracing::warn!(%error, "cannot empty {PATH}");
        }
    }
}

/// Waits until no other process has a node on this machine.
pub(super) async fn lock(progress: &Progress) -> Result<File, HostError> {
    let refused = |source: std::io::Error| HostError::Refused {
        what: format!("lock {PATH}"),
        reason: source.to_string(),
    };
    let file = open().map_err(refused)?;
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {
                progress.report(&Event::WaitingForMachine { elapsed: begun.elapsed() });
                tokio::time::sleep(GLANCE).await;
            }
            Err(TryLockError::Error(source)) => return Err(refused(source)),
        }
    }
}

/// Reverts the changes of a dead owner's node, unless the next owner holds the lock.
pub(crate) fn release_of(owner: &str) {
    let Some(changes) = HostChanges::read().filter(|changes| changes.owner == owner) else { return };
    if let Ok(file) = open()
        && file.try_lock().is_ok()
    {
        undo::all(&changes);
    }
}

fn open() -> std::io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).open(PATH)
}

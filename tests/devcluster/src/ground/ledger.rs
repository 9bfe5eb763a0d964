//! The ledger: what the node on this machine changed, and the lock that only its owner has.
//!
//! Both are one file in a directory that a reboot empties, as it undoes the changes. The operating system frees the lock of
//! a dead process; the entries stay until they are undone.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{GroundError, HAUNTS, SYSCTLS, undo};
use crate::progress::{Event, Progress};

const PATH: &str = "/run/seinode-devcluster.json";
/// How often a taken lock is tried again.
const GLANCE: Duration = Duration::from_secs(1);

/// What was there before, and whose the node is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ledger {
    /// The mark of the owner's processes.
    pub(super) owner: String,
    /// Where the node writes.
    pub(super) directory: PathBuf,
    /// Settings of the kernel, by their path below `/proc/sys`.
    pub(super) sysctls: BTreeMap<String, String>,
    /// Those of the [`HAUNTS`] that did not exist.
    pub(super) absent: Vec<PathBuf>,
}

impl Ledger {
    /// What is there now.
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

    /// What the last node entered and nobody has undone. What cannot be read was never written to its end.
    pub(super) fn read() -> Option<Self> {
        serde_json::from_slice(&std::fs::read(PATH).ok()?).ok()
    }

    pub(super) fn write(&self) -> Result<(), GroundError> {
        let refused = |reason: String| GroundError::Refused { what: format!("write {PATH}"), reason };
        let bytes = serde_json::to_vec(self).map_err(|error| refused(error.to_string()))?;
        std::fs::write(PATH, bytes).map_err(|error| refused(error.to_string()))
    }

    /// Everything has been undone.
    pub(super) fn close() {
        // Emptied, not deleted: somebody may be waiting for the lock of this very file.
        if let Err(error) = std::fs::write(PATH, "") {
            tracing::warn!(%error, "cannot empty {PATH}");
        }
    }
}

/// Waits until no other process has a node on this machine.
pub(super) async fn lock(progress: &Progress) -> Result<File, GroundError> {
    let refused = |source: std::io::Error| GroundError::Refused {
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

/// Undoes what the node of a dead owner left, unless the next one is at it already.
pub(crate) fn release_of(owner: &str) {
    let Some(ledger) = Ledger::read().filter(|ledger| ledger.owner == owner) else { return };
    if let Ok(file) = open()
        && file.try_lock().is_ok()
    {
        undo::all(&ledger);
    }
}

fn open() -> std::io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).open(PATH)
}

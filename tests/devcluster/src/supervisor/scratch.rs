//! A directory that goes with its owner, or stays when it was asked to.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::{Guard, inventory};

/// Fate of a directory when its owner ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// Deleted at the end.
    #[default]
    No,
    /// Left for inspection. Processes end all the same.
    Yes,
}

/// A directory of our own.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    keep: Keep,
    guard: Guard,
}

impl Scratch {
    pub(super) fn create(keep: Keep, guard: Guard) -> std::io::Result<Self> {
        let path = tempfile::Builder::new()
            .prefix("devcluster-")
            // The tokens of a cluster's users are in there.
            .permissions(Permissions::from_mode(0o700))
            .tempdir()?
            .keep();
        if keep == Keep::No {
            guard.tell(&inventory::created(&path));
        }
        Ok(Self { path, keep, guard })
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.keep == Keep::No && std::fs::remove_dir_all(&self.path).is_ok() {
            self.guard.tell(&inventory::released(&self.path));
        }
    }
}

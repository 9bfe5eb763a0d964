//! Protocol of the watchdog, and the inventory that its lines build. Pure; it kills and deletes nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The processes and directories that must not outlive the owner.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Inventory {
    /// In the order in which they were started.
    pub(super) processes: Vec<i32>,
    pub(super) directories: BTreeSet<PathBuf>,
}

/// Says that the process `pid` has been started.
pub(super) fn started(pid: u32) -> String {
    format!("+{pid}\n")
}

/// Says that the process `pid` has ended and been waited for: from now on its number may mean another one.
pub(crate) fn ended(pid: u32) -> String {
    format!("-{pid}\n")
}

/// Says that `directory` is to be deleted.
pub(super) fn created(directory: &Path) -> String {
    format!("rm {}\n", directory.display())
}

/// Says that `directory` has been deleted, or is to stay.
pub(super) fn released(directory: &Path) -> String {
    format!("keep {}\n", directory.display())
}

impl Inventory {
    /// Applies one line. An unknown line is ignored: guessing could kill a stranger.
    pub(super) fn apply(&mut self, line: &str) {
        if let Some(path) = line.strip_prefix("rm ") {
            self.directories.insert(PathBuf::from(path));
        } else if let Some(path) = line.strip_prefix("keep ") {
            self.directories.remove(Path::new(path));
        } else if let Some(pid) = line.strip_prefix('+').and_then(pid) {
            self.processes.push(pid);
        } else if let Some(pid) = line.strip_prefix('-').and_then(pid) {
            self.processes.retain(|listed| *listed != pid);
        }
    }
}

/// 0 and 1 would mean our own group and every process.
fn pid(text: &str) -> Option<i32> {
    text.parse().ok().filter(|pid| *pid > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(lines: &[&str]) -> Inventory {
        let mut inventory = Inventory::default();
        lines.iter().for_each(|line| inventory.apply(line.trim_end()));
        inventory
    }

    #[test]
    fn lists_what_was_started_and_forgets_what_ended() {
        let inventory = after(&[&started(40), &started(41), &ended(40), &created(Path::new("/tmp/a b"))]);
        assert_eq!(inventory.processes, [41]);
        assert_eq!(inventory.directories, BTreeSet::from([PathBuf::from("/tmp/a b")]));
    }

    #[test]
    fn a_released_directory_stays() {
        let inventory = after(&[&created(Path::new("/tmp/a")), &released(Path::new("/tmp/a"))]);
        assert_eq!(inventory, Inventory::default());
    }

    #[test]
    fn never_lists_a_number_that_would_mean_more_than_one_process() {
        assert_eq!(after(&["+0", "+1", "+-1", "+-40", "+", "40", "+4x"]), Inventory::default());
    }
}

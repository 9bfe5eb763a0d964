//! Mounts of this host, from `/proc/self/mountinfo`. Pure, but for the reading of that file.

use std::path::{Path, PathBuf};

/// A mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    /// Its path.
    pub(crate) at: PathBuf,
    /// The kind of file system.
    pub(crate) kind: String,
}

/// All mounts, in the order in which they were made; none where it cannot be told.
pub(crate) fn all() -> Vec<Mount> {
    std::fs::read_to_string("/proc/self/mountinfo").map(|text| parse(&text)).unwrap_or_default()
}

/// The kind of file system that a path is on.
pub(crate) fn kind_at(path: &Path) -> Option<String> {
    let mounts = all();
    let on = mounts.iter().filter(|mount| path.starts_with(&mount.at));
    // The longest; of equals the latest covers the others.
    on.max_by_key(|mount| mount.at.components().count()).map(|mount| mount.kind.clone())
}

fn parse(text: &str) -> Vec<Mount> {
    let mount = |line: &str| {
        let (before, after) = line.split_once(" - ")?;
        let at = before.split(' ').nth(4)?.replace("\\040", " ");
        Some(Mount { at: at.into(), kind: after.split(' ').next()?.to_owned() })
    };
    text.lines().filter_map(mount).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_where_and_what() {
        let text = "36 35 98:0 /mnt1 /mnt/a\\040b rw,noatime master:1 - ext3 /dev/root rw\nnonsense\n";
        assert_eq!(parse(text), [Mount { at: "/mnt/a b".into(), kind: "ext3".into() }]);
    }
}

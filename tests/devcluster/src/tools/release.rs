//! Official release files of the pinned versions: which file has a program, and the checksum that it must have. Pure.

use super::Tool;
use super::checksum::Checksum;
use super::module::module;

/// Checksums that public sources give, in the format of `sha256sum`.
const PINNED: &str = include_str!("../../tools/checksums.txt");

/// An archive that a project releases. `{version}` and `{arch}` stand for the pinned version and the architecture in the
/// spelling of Go.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ReleaseFile {
    /// The version that its programs report, without `v`.
    pub(super) version: &'static str,
    /// Host and path of its URL.
    pub(super) file: &'static str,
    /// Host and path of the checksum that is published beside it.
    pub(super) checksums: &'static str,
    /// The directory of the programs in the archive.
    pub(super) directory: &'static str,
}

/// The release file of one module for one machine.
#[derive(Clone, Debug)]
pub(super) struct Release {
    /// The version that its programs report, without `v`.
    pub(super) version: String,
    /// Host and path of its URL.
    pub(super) file: String,
    /// The checksum that it must have.
    pub(super) checksum: Source,
    directory: String,
}

/// Origin of the checksum of a release file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// This repository.
    Pinned(Checksum),
    /// The file at this host and path.
    Published(String),
}

impl Release {
    /// The release file that has `tool`, for this machine; `None` where there is none.
    pub(super) fn of(tool: Tool) -> Option<Self> {
        Self::on(tool, std::env::consts::OS, std::env::consts::ARCH)
    }

    fn on(tool: Tool, os: &str, arch: &str) -> Option<Self> {
        // Ours is in no release of anybody's.
        if tool == Tool::Promql {
            return None;
        }
        let arch = match (os, arch) {
            ("linux", "x86_64") => "amd64",
            ("linux", "aarch64") => "arm64",
            // The control plane is released for Linux only.
            _ => return None,
        };
        let ReleaseFile { version, file, checksums, directory } = module(tool).release.as_ref()?;
        let fill = |text: &str| text.replace("{version}", version).replace("{arch}", arch);
        let file = fill(file);
        let pinned = Checksum::pinned(&file);
        let checksum = pinned.map_or_else(|| Source::Published(fill(checksums)), Source::Pinned);
        Some(Self { version: (*version).to_owned(), file, checksum, directory: fill(directory) })
    }

    /// The last part of its path.
    pub(super) fn name(&self) -> &str {
        self.file.rsplit('/').next().unwrap_or(&self.file)
    }

    /// Path of `tool` in the archive.
    pub(super) fn member(&self, tool: Tool) -> String {
        // Both majors of Helm are released under one name.
        let name = if tool == Tool::Helm3 { Tool::Helm.name() } else { tool.name() };
        format!("{}/{name}", self.directory).trim_start_matches('/').to_owned()
    }
}

impl Checksum {
    fn pinned(file: &str) -> Option<Self> {
        pinned().find(|(path, _)| *path == file).and_then(|(_, digits)| Self::parse(digits))
    }
}

/// Paths and digits of the pinned checksums.
fn pinned() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = PINNED.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once("  ")).map(|(digits, path)| (path, digits))
}

#[cfg(test)]
impl Release {
    /// A release file of version 1.34.4 with its programs in `bin`.
    pub(super) fn example(file: &str, checksum: Source) -> Self {
        Self { version: "1.34.4".to_owned(), file: file.to_owned(), checksum, directory: "bin".to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINES: [&str; 2] = ["x86_64", "aarch64"];

    #[test]
    fn urls_are_those_of_the_projects() {
        let file = |tool| Release::on(tool, "linux", "x86_64").unwrap().file;
        assert_eq!(file(Tool::Scheduler), "dl.k8s.io/v1.34.4/kubernetes-server-linux-amd64.tar.gz");
        assert_eq!(
            file(Tool::Etcd),
            "github.com/etcd-io/etcd/releases/download/v3.6.16/etcd-v3.6.16-linux-amd64.tar.gz"
        );
        assert_eq!(file(Tool::Helm), "get.helm.sh/helm-v4.3.1-linux-amd64.tar.gz");
        assert_eq!(
            file(Tool::Promtool),
            "github.com/prometheus/prometheus/releases/download/v3.13.5/prometheus-3.13.5.linux-amd64.tar.gz"
        );
        let helm3 = Release::on(Tool::Helm3, "linux", "aarch64").unwrap();
        assert_eq!(helm3.file, "get.helm.sh/helm-v3.22.0-linux-arm64.tar.gz");
        assert_eq!(helm3.member(Tool::Helm3), "linux-arm64/helm");
    }

    #[test]
    fn other_systems_have_no_release_file() {
        assert!(Release::on(Tool::Etcd, "macos", "aarch64").is_none());
        assert!(Release::on(Tool::Etcd, "linux", "riscv64").is_none());
        assert!(Release::on(Tool::Promql, "linux", "x86_64").is_none());
    }

    #[test]
    fn every_pinned_checksum_is_of_a_pinned_version() {
        let files: Vec<_> = Tool::ALL
            .into_iter()
            .flat_map(|tool| MACHINES.map(|arch| Release::on(tool, "linux", arch)))
            .flatten()
            .collect();
        for (path, digits) in pinned() {
            assert!(Checksum::parse(digits).is_some(), "{path}: {digits} is not a checksum");
            let used = files.iter().any(|release| release.file == path);
            assert!(used, "checksums.txt has {path}, which no tool is downloaded from");
        }
    }

    #[test]
    fn the_kubernetes_programs_have_a_pinned_checksum() {
        for arch in MACHINES {
            let release = Release::on(Tool::Apiserver, "linux", arch).unwrap();
            assert!(matches!(release.checksum, Source::Pinned(_)), "{release:?}");
        }
    }
}

//! Versions of tools, and the rule for each tool by which a version fits. Pure.

use std::fmt;

use super::Tool;
use super::module::{COREDNS, ETCD, HELM, HELM3, KUBERNETES};

/// `major.minor.patch`; anything after that does not matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    pub(super) major: u32,
    pub(super) minor: u32,
    pub(super) patch: u32,
}

impl Version {
    /// The first version that occurs in `text`, with or without a `v`; a missing patch counts as 0.
    pub(super) fn find(text: &str) -> Option<Self> {
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').find_map(Self::parse)
    }

    fn parse(word: &str) -> Option<Self> {
        let digits = word.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        let mut parts = digits.split('.').map(|part| part.parse::<u32>().ok());
        let major = parts.next()??;
        let minor = parts.next()??;
        let patch = parts.next().flatten().unwrap_or(0);
        Some(Self { major, minor, patch })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// Accepts a `tool` of this version in place of the pinned one, or tells which version is wanted.
pub(super) fn fits(tool: Tool, version: Version) -> Result<(), String> {
    let Version { major, minor, .. } = version;
    let same_minor = |pinned: &str| {
        let pinned = Version::find(pinned).map(|pinned| (pinned.major, pinned.minor));
        (pinned == Some((major, minor)), pinned)
    };
    let (fits, wanted) = match tool {
        Tool::Apiserver | Tool::ControllerManager | Tool::Scheduler | Tool::Kubelet | Tool::KubeProxy => {
            let (fits, pinned) = same_minor(KUBERNETES.version);
            (fits, pinned.map(|(major, minor)| format!("{major}.{minor}")))
        }
        Tool::CoreDns => {
            let (fits, pinned) = same_minor(COREDNS.version);
            (fits, pinned.map(|(major, minor)| format!("{major}.{minor}")))
        }
        // The charts are for whoever has one of the two majors, so each is tried.
        Tool::Helm | Tool::Helm3 => {
            let pinned = Version::find(if tool == Tool::Helm { HELM.version } else { HELM3.version });
            let pinned = pinned.map(|pinned| pinned.major);
            (pinned == Some(major), pinned.map(|pinned| pinned.to_string()))
        }
        // Rules and their tests are the same in all of a major.
        Tool::Promtool => (major == 3, Some("3".to_owned())),
        // It is ours: nobody else has one.
        Tool::Promql => (false, None),
        // Kubernetes' skew policy for kubectl.
        Tool::Kubectl => {
            let pinned = Version::find(KUBERNETES.version);
            let fits =
                pinned.is_some_and(|pinned| pinned.major == major && pinned.minor.abs_diff(minor) <= 1);
            (fits, pinned.map(|pinned| format!("{}.{} or one minor beside it", pinned.major, pinned.minor)))
        }
        // Kubernetes 1.34 is tested with both.
        Tool::Etcd => {
            let pinned = Version::find(ETCD.version).map(|pinned| (pinned.major, pinned.minor));
            (Some((major, minor)) == pinned || (major, minor) == (3, 5), Some("3.5 or 3.6".to_owned()))
        }
    };
    if fits { Ok(()) } else { Err(format!("it is {version}, wanted {}", wanted.unwrap_or_default())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_the_output_of_the_tools() {
        let found = |text| Version::find(text).map(|version| version.to_string());
        assert_eq!(found("Kubernetes v1.34.4\n").as_deref(), Some("1.34.4"));
        assert_eq!(
            found("etcd Version: 3.6.16\nGit SHA: 1\nGo Version: go1.26.8").as_deref(),
            Some("3.6.16")
        );
        assert_eq!(
            found("Client Version: v1.33.0-alpha.2+abc\nKustomize Version: v5.7.1").as_deref(),
            Some("1.33.0")
        );
        assert_eq!(found("go1.26.8\n").as_deref(), Some("1.26.8"));
        assert_eq!(found("1.26").as_deref(), Some("1.26.0"));
        assert_eq!(found("command not found"), None);
    }

    #[test]
    fn a_version_fits_by_the_rule_of_its_tool() {
        let check = |tool, version: &str, expected: bool| {
            let version = Version::find(version).unwrap();
            assert_eq!(fits(tool, version).is_ok(), expected, "{tool} {version}");
        };
        check(Tool::Apiserver, "1.34.0", true);
        check(Tool::Apiserver, "1.33.9", false);
        check(Tool::Scheduler, "2.34.0", false);
        check(Tool::Kubectl, "1.35.1", true);
        check(Tool::Kubectl, "1.33.1", true);
        check(Tool::Kubectl, "1.32.1", false);
        check(Tool::Etcd, "3.5.21", true);
        check(Tool::Etcd, "3.6.0", true);
        check(Tool::Etcd, "3.4.30", false);
        check(Tool::Etcd, "4.6.0", false);
        check(Tool::Helm, "4.3.1", true);
        check(Tool::Helm, "3.18.1", false);
        check(Tool::Helm3, "3.18.1", true);
        check(Tool::Helm3, "4.3.1", false);
        check(Tool::Helm3, "2.17.0", false);
        check(Tool::Promtool, "3.5.0", true);
        check(Tool::Promtool, "2.53.0", false);
    }

    #[test]
    fn a_misfit_is_told_with_the_wanted_version() {
        let reason = fits(Tool::Apiserver, Version { major: 1, minor: 31, patch: 2 }).unwrap_err();
        assert_eq!(reason, "it is 1.31.2, wanted 1.34");
    }
}

//! The store of setup-envtest, where many who write operators have etcd, kube-apiserver and kubectl already.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::version::fits;
use super::{Tool, Version};

/// The directories of fitting Kubernetes versions in the default store of this machine, newest first.
pub(super) fn directories() -> Vec<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let store = store(std::env::consts::OS, variable("XDG_DATA_HOME"), variable("HOME"));
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    store.map(|store| versions(&store.join("k8s"), arch)).unwrap_or_default()
}

/// `setup-envtest use --print path` prints `STORE/k8s/VERSION-OS-ARCH`.
fn store(os: &str, data: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    let home = home.map(PathBuf::from);
    if os == "macos" {
        return Some(home?.join("Library/Application Support/io.kubebuilder.envtest"));
    }
    let data = data.map(PathBuf::from).or_else(|| Some(home?.join(".local/share")))?;
    Some(data.join("kubebuilder-envtest"))
}

fn versions(store: &Path, arch: &str) -> Vec<PathBuf> {
    let version = |path: PathBuf| {
        let name = path.file_name()?.to_str()?;
        let version = Version::find(name).filter(|_| name.ends_with(&format!("-{arch}")))?;
        fits(Tool::Apiserver, version).is_ok().then_some((version, path))
    };
    let entries = std::fs::read_dir(store).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries.filter_map(|entry| version(entry.path())).collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, path)| path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_is_where_setup_envtest_has_it() {
        let at = |path: &str| Some(OsString::from(path));
        let is = |path: &str| Some(PathBuf::from(path));
        assert_eq!(store("linux", None, at("/home/a")), is("/home/a/.local/share/kubebuilder-envtest"));
        assert_eq!(store("linux", at("/data"), at("/home/a")), is("/data/kubebuilder-envtest"));
        assert_eq!(
            store("macos", at("/data"), at("/Users/a")),
            is("/Users/a/Library/Application Support/io.kubebuilder.envtest")
        );
        assert_eq!(store("linux", None, None), None);
    }

    #[test]
    fn fitting_versions_come_newest_first() {
        let store = tempfile::tempdir().unwrap();
        for name in [
            "1.34.1-linux-amd64",
            "1.34.10-linux-amd64",
            "1.31.0-linux-amd64",
            "1.34.2-linux-arm64",
            "readme",
        ] {
            std::fs::create_dir(store.path().join(name)).unwrap();
        }
        let names: Vec<_> =
            versions(store.path(), "amd64").iter().map(|path| path.file_name().unwrap().to_owned()).collect();
        assert_eq!(names, ["1.34.10-linux-amd64", "1.34.1-linux-amd64"]);
        assert!(versions(&store.path().join("none"), "amd64").is_empty());
    }
}

//! The project as it lies on disk: its packages, as cargo knows them, and its files.
//!
//! It only reads. Cargo is asked offline and with `--locked`, so that a test changes nothing and downloads nothing.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use serde_json::Value;

/// Directories that hold nothing that people wrote.
const SKIPPED: [&str; 2] = ["target", ".git"];

/// The workspace's directory: as cargo says when it runs the test, so that a built test can judge another checkout.
pub fn root() -> &'static Path {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
    });
    &ROOT
}

/// Fails with every offence, one a line.
#[track_caller]
pub fn assert_none(rule: &str, offences: &[String]) {
    assert!(offences.is_empty(), "{rule}\n  - {}\n", offences.join("\n  - "));
}

/// Output of a cargo command.
pub fn cargo(arguments: &[&str]) -> String {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| env!("CARGO").to_owned());
    let output = Command::new(cargo)
        .args(arguments)
        .args(["--offline", "--locked"])
        .current_dir(root())
        .output()
        .expect("cargo could not be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {} failed:\n{said}", arguments.join(" "));
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

/// A package of the workspace.
pub struct Package {
    pub name: String,
    /// Its directory, relative to the workspace's; empty for the root package.
    pub directory: PathBuf,
    /// Text of its manifest.
    pub manifest: String,
    /// Packages of this workspace that it depends on.
    pub edges: Vec<Edge>,
}

/// A dependency on another package of the workspace.
pub struct Edge {
    pub to: String,
    pub kind: Kind,
}

/// Purpose of a dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The product, or the script that builds it.
    Product,
    /// Tests and examples.
    Tests,
}

/// Every package of the workspace.
pub fn packages() -> Vec<Package> {
    let text = cargo(&["metadata", "--no-deps", "--format-version=1"]);
    let metadata: Value = serde_json::from_str(&text).expect("cargo metadata prints JSON");
    metadata["packages"].as_array().expect("packages").iter().map(package).collect()
}

fn package(package: &Value) -> Package {
    let manifest = Path::new(package["manifest_path"].as_str().expect("manifest_path"));
    let directory = manifest.parent().expect("a manifest lies in a directory");
    let edges = package["dependencies"].as_array().expect("dependencies").iter();
    Package {
        name: package["name"].as_str().expect("name").to_owned(),
        directory: directory.strip_prefix(root()).expect("inside the workspace").to_owned(),
        manifest: fs::read_to_string(manifest).expect("the manifest can be read"),
        edges: edges
            .filter(|dependency| dependency["path"].is_string())
            .map(|dependency| Edge {
                to: dependency["name"].as_str().expect("name").to_owned(),
                kind: if dependency["kind"] == "dev" { Kind::Tests } else { Kind::Product },
            })
            .collect(),
    }
}

/// A text file of the project.
pub struct File {
    /// Its path relative to the workspace, with `/`.
    pub path: String,
    pub text: String,
}

/// Every file with one of these extensions, in order of their paths. `""` means those without one.
pub fn files(extensions: &[&str]) -> Vec<File> {
    let mut paths = Vec::new();
    walk(root(), &mut paths);
    let wanted = |path: &PathBuf| {
        let extension = path.extension().map(|it| it.to_string_lossy().into_owned());
        extensions.contains(&extension.unwrap_or_default().as_str())
    };
    let mut files: Vec<_> = paths.into_iter().filter(wanted).filter_map(|path| read(&path)).collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// `None` for a file that vanished meanwhile, and for one that is no text.
fn read(path: &Path) -> Option<File> {
    let text = fs::read_to_string(path).ok()?;
    let relative = path.strip_prefix(root()).expect("inside the workspace");
    Some(File { path: relative.to_string_lossy().replace('\\', "/"), text })
}

fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            if !SKIPPED.iter().any(|name| path.ends_with(name)) {
                walk(&path, found);
            }
        } else {
            found.push(path);
        }
    }
}

/// One file of the project.
pub fn file(path: &str) -> File {
    read(&root().join(path)).unwrap_or_else(|| panic!("{path} is missing"))
}

//! Releases: every place that repeats the version has the one of Cargo.toml, and whatever a build brings in from outside is
//! pinned to its content.

use super::project::{assert_none, file, files};

/// Files that repeat the version, each with a line in which `{version}` stands for it.
const VERSIONS: [(&str, &str); 8] = [
    ("Dockerfile", "ARG VERSION={version}"),
    ("charts/seinode-crds/Chart.yaml", "version: {version}"),
    ("charts/seinode-crds/Chart.yaml", "appVersion: {version}"),
    ("charts/seinode-operator/Chart.yaml", "version: {version}"),
    ("charts/seinode-operator/Chart.yaml", "appVersion: {version}"),
    ("charts/seinode-operator/Chart.yaml", "image: ghcr.io/sei-protocol/seinode-operator:{version}"),
    ("docs/install.md", "image: {repository: registry.example.com/seinode-operator, tag: {version}}"),
    ("CHANGELOG.md", "[{version}]: https://github.com/sei-protocol/seinode-operator/releases/tag/v{version}"),
];

/// The value of a line `key = "value"` in a TOML file.
fn toml(path: &str, key: &str) -> String {
    let text = file(path).text;
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(key)?.trim().strip_prefix("= \""));
    let value = lines.next().and_then(|rest| rest.strip_suffix('"'));
    value.unwrap_or_else(|| panic!("{path} has no {key}")).to_owned()
}

#[test]
fn every_version_is_that_of_cargo_toml() {
    let version = toml("Cargo.toml", "version");
    let lacks = |(path, line): &(&str, &str)| {
        let line = line.replace("{version}", &version);
        let found = file(path).text.lines().any(|other| other.trim() == line);
        (!found).then(|| {
            format!("{path} lacks the line `{line}`: Cargo.toml has the version, change it here too")
        })
    };
    let offences: Vec<_> = VERSIONS.iter().filter_map(lacks).collect();
    assert_none("A place has another version than Cargo.toml.", &offences);
}

#[test]
fn the_changelog_has_a_section_for_the_version() {
    let (changelog, version) = (file("CHANGELOG.md").text, toml("Cargo.toml", "version"));
    assert!(changelog.contains("\n## [Unreleased]\n"), "CHANGELOG.md has no section Unreleased");
    let section = format!("\n## [{version}] - ");
    assert!(changelog.contains(&section), "CHANGELOG.md has no section of {version} with its date");
}

#[test]
fn actions_are_pinned_to_a_commit() {
    let workflows =
        files(&["yml", "yaml"]).into_iter().filter(|file| file.path.starts_with(".github/workflows/"));
    let mut offences = Vec::new();
    for workflow in workflows {
        for line in workflow.text.lines() {
            let Some((_, action)) = line.split_once("uses: ") else { continue };
            if !action.starts_with("./") && !is_pinned(action) {
                let path = &workflow.path;
                offences
                    .push(format!("{path}: `{action}`: write ACTION@COMMIT # vVERSION, a tag can be moved"));
            }
        }
    }
    assert_none("A workflow runs whatever a tag points to.", &offences);
}

fn is_pinned(action: &str) -> bool {
    let commit = action.split_once('@').map_or("", |(_, commit)| commit);
    let (commit, version) = commit.split_once(" # v").unwrap_or_default();
    commit.len() == 40 && commit.bytes().all(|digit| digit.is_ascii_hexdigit()) && !version.is_empty()
}

#[test]
fn only_a_commit_with_its_version_is_pinned() {
    let commit = "3d3c42e5aac5ba805825da76410c181273ba90b1";
    assert!(is_pinned(&format!("actions/checkout@{commit} # v7.0.1")));
    for action in [
        "actions/checkout@v7".to_owned(),
        format!("actions/checkout@{commit}"),
        format!("actions/checkout@{} # v7", &commit[1..]),
        "actions/checkout".to_owned(),
    ] {
        assert!(!is_pinned(&action), "{action}");
    }
}

#[test]
fn base_images_are_pinned_and_have_our_toolchain() {
    let (dockerfile, toolchain) = (file("Dockerfile").text, toml("rust-toolchain.toml", "channel"));
    let mut offences = Vec::new();
    for image in dockerfile.lines().filter_map(|line| line.strip_prefix("FROM ")) {
        let rust = image.strip_prefix("rust:");
        if image != "scratch" && !image.contains("@sha256:") {
            offences.push(format!("Dockerfile: FROM {image}: add @sha256: and the digest of its index"));
        }
        if rust.is_some_and(|tag| !tag.starts_with(&format!("{toolchain}-"))) {
            offences.push(format!("Dockerfile: FROM {image}: rust-toolchain.toml has {toolchain}"));
        }
    }
    assert_none("The image is built from something else than was tested.", &offences);
}

#[test]
fn ci_is_the_script_that_developers_run() {
    let steps = file(".github/workflows/ci.yml").text;
    assert!(steps.contains(".ci/run"), "the workflow does not run .ci/run");
    assert!(!steps.contains("cargo "), "the workflow does more than .ci/run: put it there");
}

//! Links and paths in the documents lead to files and headings that exist.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Component, Path, PathBuf},
};

use super::{
    documents::quoted,
    project::{assert_none, files, root},
};

/// Directories that paths in documents begin with.
const ROOTS: [&str; 9] =
    ["src/", "controller/", "webhook/", "certs/", "charts/", "tests/", "xtask/", "docs/", "examples/"];

#[test]
fn relative_links_lead_somewhere() {
    let headings: BTreeMap<_, _> =
        files(&["md"]).into_iter().map(|file| (file.path.clone(), anchors(&file.text))).collect();
    let mut offences = Vec::new();
    for document in files(&["md"]) {
        for target in links(&document.text) {
            let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let here = Path::new(&document.path);
            let to =
                if path.is_empty() { here.to_owned() } else { normal(&here.with_file_name("").join(path)) };
            let to = to.to_string_lossy().into_owned();
            if !root().join(&to).exists() {
                offences.push(format!("{} links to {target}, but there is no {to}", document.path));
            } else if !anchor.is_empty() && headings.get(&to).is_some_and(|known| !known.contains(anchor)) {
                offences.push(format!("{} links to {target}, but {to} has no such heading", document.path));
            }
        }
    }
    assert_none("A link is broken.", &offences);
}

#[test]
fn paths_quoted_in_documents_exist() {
    let mut offences = Vec::new();
    for document in files(&["md"]) {
        let paths = paths(&document.text).into_iter().filter(|path| !root().join(path).exists());
        offences.extend(paths.map(|path| format!("{} names {path}, which does not exist", document.path)));
    }
    assert_none("A document names a file that is gone.", &offences);
}

/// Paths between backticks that begin with a directory of the project.
fn paths(text: &str) -> Vec<&str> {
    let begins =
        |word: &str| ROOTS.iter().any(|root| word.strip_prefix(root).is_some_and(|rest| !rest.is_empty()));
    let is_path = |word: &&str| begins(word) && !word.contains([' ', '*', '<', '{', '…']);
    prose(text).flat_map(quoted).filter(is_path).collect()
}

/// Targets of the links that stay within the project.
fn links(text: &str) -> Vec<String> {
    let parts = prose(text).flat_map(|line| line.split("](").skip(1).collect::<Vec<_>>());
    parts
        .filter_map(|rest| rest.split([')', ' ']).next())
        .filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
        .map(str::to_owned)
        .collect()
}

/// Lines outside fenced code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fence && !fenced
    })
}

/// Anchors of the headings, as code forges derive them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).filter(|line| line.starts_with('#'));
    let slug = |heading: &str| {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|it| it.is_alphanumeric() || [' ', '-', '_'].contains(it));
        kept.map(|it| if it == ' ' { '-' } else { it }).collect()
    };
    headings.map(slug).collect()
}

/// A path without `..` in the middle.
fn normal(path: &Path) -> PathBuf {
    let mut parts = Vec::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(parts.pop()),
            Component::CurDir => {}
            part => parts.push(part),
        }
    }
    parts.iter().collect()
}

#[test]
fn link_parser_finds_what_it_looks_for() {
    let text = "```\n[no](gone.md)\n```\n[yes](to.md#one-two) [out](https://x)\n";
    assert_eq!(links(text), ["to.md#one-two"]);
    assert_eq!(
        paths("`src/a.rs`, `a/src/b.rs` and `src/{a,b}` and src/c\n```\n`src/d.rs`\n```\n"),
        ["src/a.rs"]
    );
    assert!(anchors("## One: `two`\n").contains("one-two"));
    assert_eq!(normal(Path::new("docs/../README.md")), Path::new("README.md"));
}

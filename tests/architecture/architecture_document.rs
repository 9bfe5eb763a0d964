//! ARCHITECTURE.md keeps up with the code: it takes ten minutes to read, its module map covers every file of the
//! shipped packages, and each invariant names a guard that exists.

use std::collections::BTreeSet;

use super::{
    documents::quoted,
    project::{assert_none, file, files, root},
    sources::product,
};

const DOCUMENT: &str = "ARCHITECTURE.md";
/// Words that are read in some fifteen minutes at most, code and tables included.
const MOST_WORDS: usize = 4000;
/// Rows of the module map: more than that is a list of files, which `ls` shows better.
const MOST_ROWS: usize = 40;
/// Directories whose files the map covers.
const MAPPED: [&str; 6] =
    ["src/", "controller/api/src/", "controller/core/src/", "controller/src/", "webhook/src/", "certs/src/"];

#[test]
fn architecture_takes_ten_minutes_to_read() {
    let words = file(DOCUMENT).text.split_whitespace().count();
    assert!(
        words <= MOST_WORDS,
        "{DOCUMENT} has {words} words, more than {MOST_WORDS}: move details into the //! of the file they are about"
    );
}

#[test]
fn module_map_covers_every_file() {
    let text = file(DOCUMENT).text;
    let there: BTreeSet<_> = product()
        .into_iter()
        .map(|file| file.path)
        .filter(|path| MAPPED.iter().any(|directory| path.starts_with(directory)))
        .collect();
    let rows = module_map(&text);
    assert!(rows.len() > 10, "the module map was not found");
    let mut offences = map_offences(&rows, &there, |path| root().join(path).exists());
    if rows.len() > MOST_ROWS {
        offences.push(format!("the map has {} rows, more than {MOST_ROWS}: join some", rows.len()));
    }
    assert_none("The module map of ARCHITECTURE.md differs from the code.", &offences);
}

/// Files that no row covers, and paths that are gone.
fn map_offences(
    rows: &[Vec<String>],
    there: &BTreeSet<String>,
    exists: impl Fn(&str) -> bool,
) -> Vec<String> {
    let named: Vec<_> = rows.iter().flatten().collect();
    // `foo.rs` stands for `foo/` as well.
    let covers = |name: &str, path: &str| {
        let stem = name.trim_end_matches(".rs").trim_end_matches('/');
        path == name || path.strip_prefix(stem).is_some_and(|rest| rest.starts_with('/'))
    };
    let mut offences: Vec<_> = there
        .iter()
        .filter(|path| !named.iter().any(|name| covers(name, path)))
        .map(|path| format!("no row of the module map covers {path}: add it to the row it belongs to"))
        .collect();
    let gone = named.iter().filter(|name| !exists(name));
    offences.extend(gone.map(|name| format!("the module map names {name}, which is gone: take it out")));
    offences
}

/// Paths in the first column of the tables under headings that name a directory, as ``### … (`controller/src/`)``.
fn module_map(text: &str) -> Vec<Vec<String>> {
    let mut directory = None;
    let mut rows = Vec::new();
    for line in text.lines() {
        if line.starts_with('#') {
            directory = quoted(line).find(|word| word.ends_with('/'));
        } else if let (Some(directory), Some(row)) = (directory, line.strip_prefix("| `")) {
            let first = row.split('|').next().unwrap_or_default();
            let first = format!("`{first}");
            rows.push(quoted(&first).map(|name| format!("{directory}{name}")).collect());
        }
    }
    rows
}

#[test]
fn every_invariant_names_a_guard_that_exists() {
    let text = file(DOCUMENT).text;
    let section =
        text.split("\n## ").find(|section| section.starts_with("Invariants")).expect("a section Invariants");
    let rows: Vec<_> =
        section.lines().filter(|line| line.starts_with("| ") && !line.contains("| Guarded by")).collect();
    assert!(rows.len() > 10, "the table of invariants was not found");
    let mut offences = Vec::new();
    for row in rows {
        let number = row.split('|').nth(1).unwrap_or_default().trim();
        let guards = row.rsplit('|').nth(1).unwrap_or_default();
        if quoted(guards).next().is_none() {
            offences.push(format!(
                "invariant {number} has no guard: name a test, or the type or lint that holds it"
            ));
        }
        let missing = missing_tests(guards);
        offences.extend(missing.iter().map(|name| format!("invariant {number}: there is no test `{name}`")));
    }
    assert_none("An invariant in ARCHITECTURE.md is not guarded as it says.", &offences);
}

/// Quoted names of tests that no source file declares. A name with fewer than three underscores is a type or a lint.
pub fn missing_tests(text: &str) -> Vec<String> {
    let sources = files(&["rs"]);
    let exists = |name: &str| sources.iter().any(|file| file.text.contains(&format!("fn {name}(")));
    let tests = quoted(text).filter(|name| name.matches('_').count() > 2 && !name.contains([' ', '/', '.']));
    tests.filter(|name| !exists(name)).map(str::to_owned).collect()
}

#[test]
fn map_parser_finds_what_it_looks_for() {
    let rows = module_map(
        "# A map (`a/b/`)\n| File | x |\n|---|---|\n| `c.rs`, `d/` | x `f.rs` |\n# B\n| `z.rs` | |\n",
    );
    assert_eq!(rows, [["a/b/c.rs", "a/b/d/"]]);
    let there = ["a/b/c.rs", "a/b/c/x.rs", "a/b/d/y.rs", "a/b/cc.rs"].map(str::to_owned).into();
    let offences = map_offences(&rows, &there, |path| path.ends_with(".rs"));
    assert_eq!(offences.len(), 2, "{offences:?}");
    assert!(offences[0].contains("a/b/cc.rs") && offences[1].contains("a/b/d/"));
}

//! The shape of the source files: small, with a header, pure where they think, and finished.

use super::project::{File, assert_none, files, packages};

/// Longest file, without its tests.
const LONGEST: usize = 500;
/// Files that people write, by extension.
const WRITTEN: [&str; 12] = ["rs", "toml", "md", "yaml", "yml", "sh", "go", "mod", "tpl", "json", "txt", ""];

/// Words that the rooms that think may not contain. Their `clippy.toml` bans the same by type.
const IMPURE: [(&str, &str); 11] = [
    ("async fn", "the core is synchronous"),
    ("async move", "the core is synchronous"),
    (".await", "the core is synchronous"),
    ("std::fs", "the core does no I/O"),
    ("std::net::T", "the core does no I/O"),
    ("std::net::U", "the core does no I/O"),
    ("std::process", "the core does no I/O"),
    ("std::env", "settings enter as `Platform`"),
    ("std::thread", "the core is synchronous"),
    ("Instant::now", "time enters as `Now`"),
    ("SystemTime", "time enters as `Now`"),
];

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    let offences: Vec<_> = product()
        .into_iter()
        .filter_map(|file| {
            let lines = without_tests(&file.text).lines().count();
            (lines > LONGEST).then(|| {
                format!(
                    "{} has {lines} lines without its tests: split it by idea, into foo.rs and foo/",
                    file.path
                )
            })
        })
        .collect();
    assert_none("A file has more than 500 lines.", &offences);
}

#[test]
fn every_file_says_what_it_is() {
    let offences: Vec<_> = files(&["rs"])
        .into_iter()
        .filter(|file| !file.path.ends_with("/tests.rs"))
        .filter(|file| !file.text.starts_with("//! "))
        .map(|file| {
            format!(
                "{}: begin with a //! header: what it does or decides, and what it must never do",
                file.path
            )
        })
        .collect();
    assert_none("A file has no header.", &offences);
}

#[test]
fn modules_are_named_files() {
    let offences: Vec<_> = files(&["rs"])
        .into_iter()
        .filter(|file| file.path.ends_with("/mod.rs"))
        .map(|file| {
            let directory = file.path.trim_end_matches("/mod.rs");
            format!("{}: rename it to {directory}.rs, beside its directory", file.path)
        })
        .collect();
    assert_none("A module is in a mod.rs.", &offences);
}

#[test]
fn the_thinking_rooms_say_nothing_of_clocks_threads_or_io() {
    let mut offences = Vec::new();
    for file in product().into_iter().filter(thinks) {
        for (number, line) in code(&file.text) {
            for (word, reason) in IMPURE.iter().filter(|(word, _)| line.contains(word)) {
                offences.push(format!("{}:{number} says `{word}`, but {reason}", file.path));
            }
        }
    }
    assert_none("A room that must stay pure reaches for the world.", &offences);
}

#[test]
fn the_core_bans_clocks_and_random_order_by_type() {
    let bans = super::project::file("controller/core/clippy.toml").text;
    let needed = [
        "std::time::SystemTime::now",
        "std::time::Instant::now",
        "jiff::Timestamp::now",
        "std::env::var",
        "std::collections::HashMap",
        "std::collections::HashSet",
    ];
    let offences: Vec<_> = needed
        .into_iter()
        .filter(|path| !bans.contains(&format!("\"{path}\"")))
        .map(|path| {
            format!("controller/core/clippy.toml does not disallow {path}: put it back, with its reason")
        })
        .collect();
    assert_none("The core's clippy.toml lost a ban.", &offences);
}

#[test]
fn anyhow_stays_in_the_program_and_in_tests() {
    let may = |path: &str| path == "src/main.rs" || path.starts_with("tests/") || path.starts_with("xtask/");
    let offences: Vec<_> = files(&["rs"])
        .into_iter()
        .filter(|file| !may(&file.path))
        .flat_map(|file| {
            let lines: Vec<_> = code(&file.text).map(|(number, line)| (number, line.to_owned())).collect();
            lines.into_iter().filter(|(_, line)| line.contains("anyhow")).map(move |(number, _)| {
                format!("{}:{number} uses anyhow: give the library a typed error with thiserror", file.path)
            })
        })
        .collect();
    assert_none("A library hides what can go wrong.", &offences);
}

#[test]
fn nothing_is_left_for_later_and_nothing_outside_is_named() {
    // Put together here, so that this file does not contain what it seeks.
    let sought = [
        (concat!("TO", "DO"), "finish it, or file an issue and say in the text what holds today"),
        (concat!("FIX", "ME"), "mend it"),
        (concat!("phase", " 2"), "say what holds today; plans belong into issues"),
        (concat!("Phase", " 2"), "say what holds today; plans belong into issues"),
        (concat!("..", "/shared"), "the project is whole by itself: bring what it needs into it"),
        (concat!("/work", "/shared"), "the project is whole by itself: bring what it needs into it"),
    ];
    let mut offences = Vec::new();
    for file in files(&WRITTEN) {
        for (number, line) in (1..).zip(file.text.lines()) {
            for (words, remedy) in sought.iter().filter(|(words, _)| line.contains(words)) {
                offences.push(format!("{}:{number} says {words:?}: {remedy}", file.path));
            }
        }
    }
    assert_none("The project points beyond itself.", &offences);
}

/// Every source file that is no test.
pub fn product() -> Vec<File> {
    let mut directories: Vec<_> = packages().into_iter().map(|package| package.directory).collect();
    // The deepest package that holds a file is its package.
    directories.sort_by_key(|directory| std::cmp::Reverse(directory.components().count()));
    files(&["rs"])
        .into_iter()
        .filter(|file| {
            let home =
                directories.iter().find(|directory| std::path::Path::new(&file.path).starts_with(directory));
            let inside = home.and_then(|home| std::path::Path::new(&file.path).strip_prefix(home).ok());
            inside.is_some_and(|path| {
                !path.starts_with("tests") && !path.ends_with("tests.rs") && !in_tests(path)
            })
        })
        .collect()
}

/// True if a file belongs to a `tests` module: `foo/tests/world.rs`.
fn in_tests(path: &std::path::Path) -> bool {
    path.components().any(|component| component.as_os_str() == "tests")
}

fn thinks(file: &File) -> bool {
    ["controller/api/src/", "controller/core/src/"].iter().any(|room| file.path.starts_with(room))
}

/// A file up to its closing block of tests.
pub fn without_tests(text: &str) -> &str {
    text.find("#[cfg(test)]\nmod tests {").map_or(text, |at| &text[..at])
}

/// Lines that are neither comment nor test, with their numbers.
pub fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(without_tests(text).lines()).filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[test]
fn a_file_ends_for_the_counter_where_its_tests_begin() {
    let text = "fn a() {}\n// std::fs in a comment\n\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n";
    assert_eq!(without_tests(text).lines().count(), 3);
    assert_eq!(code(text).map(|(number, _)| number).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(without_tests("#[cfg(test)]\nmod tests;\n"), "#[cfg(test)]\nmod tests;\n");
}

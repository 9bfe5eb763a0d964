//! The documents keep up with the code: what people meet (flags, variables, metrics, reasons, events) is explained,
//! the map names every file, every invariant its guard, and what a comment cites can be looked up.

use std::collections::BTreeSet;

use super::{
    project::{File, assert_none, file, files},
    sources::{code, product},
};

/// What a user meets: the files that say it, what it looks like there, and the document that explains it.
struct Vocabulary {
    what: &'static str,
    sources: &'static [&'static str],
    belongs: fn(&str) -> bool,
    document: &'static str,
}

const VOCABULARIES: [Vocabulary; 7] = [
    Vocabulary {
        what: "metric",
        sources: &["controller/src/", "src/admin", "src/clients"],
        belongs: |word| {
            (word.starts_with("sei_controller_") || word.starts_with("process_")) && !word.contains(' ')
        },
        document: "docs/operations.md",
    },
    Vocabulary {
        what: "variable of a flag",
        sources: &["src/cli.rs"],
        belongs: |word| word.starts_with("SEINODE_"),
        document: "docs/reference.md",
    },
    Vocabulary {
        what: "platform variable",
        sources: &["src/variables.rs"],
        belongs: |word| word.starts_with("SEI_"),
        document: "docs/reference.md",
    },
    Vocabulary {
        what: "label, annotation or finalizer",
        sources: &["controller/api/src/names.rs"],
        belongs: |word| word.contains('/') && !word.contains(' '),
        document: "docs/operations.md",
    },
    Vocabulary {
        what: "task",
        sources: &["controller/core/src/task_type.rs"],
        belongs: |word| word.contains('-') && word.chars().all(|it| it.is_ascii_lowercase() || it == '-'),
        document: "docs/runbook.md",
    },
    Vocabulary {
        what: "reason of a condition",
        sources: &["controller/core/src/conditions/facts"],
        belongs: is_reason,
        document: "docs/runbook.md",
    },
    Vocabulary {
        what: "reason or action of an event",
        sources: &["controller/core/src/notice.rs", "controller/src/unreadable.rs"],
        belongs: is_reason,
        document: "docs/runbook.md",
    },
];

pub fn is_reason(word: &str) -> bool {
    // Values of a condition's status.
    !["True", "False", "Unknown"].contains(&word)
        && word.starts_with(|first: char| first.is_ascii_uppercase())
        && word.len() > 2
        && word.chars().all(|character| character.is_ascii_alphanumeric())
}

#[test]
fn what_people_meet_is_explained() {
    let mut offences = Vec::new();
    let product = product();
    for Vocabulary { what, sources, belongs, document } in VOCABULARIES {
        let explained = file(document).text;
        let sources =
            product.iter().filter(|file| sources.iter().any(|source| file.path.starts_with(source)));
        let words: BTreeSet<_> = sources.flat_map(literals).filter(|word| belongs(word)).collect();
        assert!(!words.is_empty(), "no {what} was found: the test looks into the wrong files");
        let missing = words.iter().filter(|word| !explained.contains(&format!("`{word}`")));
        offences
            .extend(missing.map(|word| format!("{document} does not explain the {what} `{word}`: add it")));
    }
    assert_none("A document is behind the code.", &offences);
}

/// The string literals of a file, outside its tests and comments.
pub fn literals(file: &File) -> Vec<String> {
    code(&file.text).flat_map(|(_, line)| line.split('"').skip(1).step_by(2).map(str::to_owned)).collect()
}

#[test]
fn the_code_map_names_every_file_of_the_shipped_rooms() {
    let shipped = |file: &File| {
        ["src/", "controller/", "webhook/", "certs/"].iter().any(|room| file.path.starts_with(room))
    };
    let there: BTreeSet<_> = product().into_iter().filter(shipped).map(|file| file.path).collect();
    let named = code_map(&file("ARCHITECTURE.md").text);
    let mut offences: Vec<_> = there
        .difference(&named)
        .map(|path| format!("{path} is not in the code map: add what it decides and what it must never do"))
        .collect();
    offences.extend(
        named.difference(&there).map(|path| format!("the code map names {path}, which is gone: take it out")),
    );
    assert_none("ARCHITECTURE.md, section Code map, differs from the code.", &offences);
}

/// Paths in the first column of the tables below headings that name a directory, as ``### … (`controller/src/`)``.
fn code_map(text: &str) -> BTreeSet<String> {
    let mut directory = None;
    let mut paths = BTreeSet::new();
    for line in text.lines() {
        if line.starts_with('#') {
            directory = quoted(line).find(|word| word.ends_with('/'));
        } else if let (Some(directory), Some(row)) = (directory, line.strip_prefix('|')) {
            let first = row.split('|').next().unwrap_or_default();
            paths.extend(
                quoted(first).filter(|word| word.ends_with(".rs")).map(|name| format!("{directory}{name}")),
            );
        }
    }
    paths
}

/// What stands between backticks.
pub fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_invariant_is_guarded_by_tests_that_exist() {
    let text = file("ARCHITECTURE.md").text;
    let section =
        text.split("\n## ").find(|section| section.starts_with("Invariants")).expect("a section Invariants");
    let rows: Vec<_> =
        section.lines().filter(|line| line.starts_with("| ") && !line.contains("| Guarded by")).collect();
    assert!(rows.len() > 10, "the table of invariants was not found");
    let sources = files(&["rs"]);
    let exists = |name: &str| sources.iter().any(|file| file.text.contains(&format!("fn {name}(")));
    let mut offences = Vec::new();
    for row in rows {
        let number = row.split('|').nth(1).unwrap_or_default().trim();
        let guards: Vec<_> = row.rsplit('|').nth(1).into_iter().flat_map(quoted).collect();
        if guards.is_empty() {
            offences.push(format!(
                "invariant {number} has no guard: name a test, or the type or lint that holds it"
            ));
        }
        // A test's name is a sentence; what has fewer words is a type or a lint.
        let tests = guards.into_iter().filter(|name| name.matches('_').count() > 2 && !name.contains(' '));
        offences.extend(
            tests
                .filter(|name| !exists(name))
                .map(|name| format!("invariant {number}: there is no test `{name}`")),
        );
    }
    assert_none("An invariant in ARCHITECTURE.md is not guarded as it says.", &offences);
}

#[test]
fn what_comments_cite_is_explained() {
    let explained = file("docs/contracts.md").text;
    let mut offences = Vec::new();
    for file in files(&["rs"]) {
        for (number, line) in (1..).zip(file.text.lines()).filter(|(_, line)| line.contains("//")) {
            let unknown = citations(line).filter(|name| !explained.contains(&format!("| {name} |")));
            offences.extend(unknown.map(|name| {
                format!(
                    "{}:{number} cites {name}: add a line to docs/contracts.md that says what that is",
                    file.path
                )
            }));
        }
    }
    assert_none("A comment cites what no reader of this repository can look up.", &offences);
}

/// Lessons (`W` and a number) and documents followed by a section sign, in a comment.
fn citations(line: &str) -> impl Iterator<Item = &str> {
    let words: Vec<_> = line
        .split(|it: char| it.is_whitespace() || ['(', ')', ',', ';', ':', '`', '/'].contains(&it))
        .collect();
    let lesson = |word: &&str| {
        word.strip_prefix('W')
            .map(|rest| rest.trim_end_matches('.'))
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|it| it.is_ascii_digit()))
    };
    let lessons: Vec<_> =
        words.iter().copied().filter(lesson).map(|word| word.trim_end_matches('.')).collect();
    let sections = words.windows(2).filter(|pair| pair[1].starts_with('§')).map(|pair| pair[0]);
    lessons.into_iter().chain(sections.filter(|name| !name.is_empty()).collect::<Vec<_>>())
}

#[test]
fn the_parsers_of_this_file_see_what_they_are_for() {
    let text = "# A map (`a/b/`)\n| `c.rs`, `d/e.rs` | x `f.rs` |\n";
    assert_eq!(code_map(text).into_iter().collect::<Vec<_>>(), ["a/b/c.rs", "a/b/d/e.rs"]);
    let cited: Vec<_> = citations("/// It is so (W37, plans-tasks-sidecar §3.1); Worse").collect();
    assert_eq!(cited, ["W37", "plans-tasks-sidecar"]);
    assert!(is_reason("PodReady") && !is_reason("pod") && !is_reason("A b"));
}

#[test]
fn every_weakness_of_the_original_has_its_row_and_its_tests_exist() {
    let text = file("docs/weaknesses.md").text;
    let rows: Vec<_> = text.lines().filter(|line| line.starts_with("| W")).collect();
    let sources = files(&["rs"]);
    let exists = |name: &str| sources.iter().any(|file| file.text.contains(&format!("fn {name}(")));
    let mut offences: Vec<_> = (1..=42)
        .filter(|number| !rows.iter().any(|row| row.starts_with(&format!("| W{number} |"))))
        .map(|number| format!("W{number} has no row"))
        .collect();
    for row in rows {
        let held: Vec<_> = row.rsplit('|').nth(1).into_iter().flat_map(quoted).collect();
        if held.is_empty() && !["Open", "The sidecar's"].iter().any(|word| row.contains(word)) {
            offences.push(format!("nothing holds {row}"));
        }
        let missing = held.into_iter().filter(|name| name.matches('_').count() > 2 && !exists(name));
        offences.extend(missing.map(|name| format!("there is no test `{name}`")));
    }
    assert_none("docs/weaknesses.md is behind the code.", &offences);
}

//! User documents keep up with the code: every flag, variable, metric, label, task, reason and event is explained, and
//! the glossary names types that exist.

use std::collections::BTreeSet;

use super::{
    project::{File, assert_none, file, files},
    sources::{code, product},
};

/// One kind of word that users meet, and the document that explains it.
struct Vocabulary {
    kind: &'static str,
    /// Beginnings of the paths of the files whose string literals are read.
    sources: &'static [&'static str],
    belongs: fn(&str) -> bool,
    document: &'static str,
}

const VOCABULARIES: [Vocabulary; 7] = [
    Vocabulary {
        kind: "metric",
        sources: &["controller/src/", "src/admin", "src/clients"],
        belongs: |word| {
            (word.starts_with("sei_controller_") || word.starts_with("process_")) && !word.contains(' ')
        },
        document: "docs/operations.md",
    },
    Vocabulary {
        kind: "variable of a flag",
        sources: &["src/cli.rs"],
        belongs: |word| word.starts_with("SEINODE_"),
        document: "docs/reference.md",
    },
    Vocabulary {
        kind: "platform variable",
        sources: &["src/variables.rs"],
        belongs: |word| word.starts_with("SEI_"),
        document: "docs/reference.md",
    },
    Vocabulary {
        kind: "label, annotation or finalizer",
        sources: &["controller/api/src/names.rs"],
        belongs: |word| word.contains('/') && !word.contains(' '),
        document: "docs/operations.md",
    },
    Vocabulary {
        kind: "task",
        sources: &["controller/core/src/task_type.rs"],
        belongs: |word| word.contains('-') && word.chars().all(|it| it.is_ascii_lowercase() || it == '-'),
        document: "docs/runbook.md",
    },
    Vocabulary {
        kind: "reason of a condition",
        sources: &["controller/core/src/conditions"],
        belongs: is_reason,
        document: "docs/runbook.md",
    },
    Vocabulary {
        kind: "reason or action of an event",
        sources: &["controller/core/src/events.rs", "controller/src/unreadable.rs"],
        belongs: is_reason,
        document: "docs/runbook.md",
    },
];

/// Tells whether a literal has the form of a reason: CamelCase, and not the status of a condition.
pub fn is_reason(word: &str) -> bool {
    !["True", "False", "Unknown"].contains(&word)
        && word.starts_with(|first: char| first.is_ascii_uppercase())
        && word.len() > 2
        && word.chars().all(|character| character.is_ascii_alphanumeric())
}

#[test]
fn documents_explain_every_word_that_users_meet() {
    let mut offences = Vec::new();
    let product = product();
    for Vocabulary { kind, sources, belongs, document } in VOCABULARIES {
        let explained = file(document).text;
        let mut words = BTreeSet::new();
        for source in sources {
            let sources = product.iter().filter(|file| file.path.starts_with(source));
            let found: BTreeSet<_> = sources.flat_map(literals).filter(|word| belongs(word)).collect();
            assert!(!found.is_empty(), "no {kind} was found in {source}: the test reads the wrong file");
            words.extend(found);
        }
        let missing = words.iter().filter(|word| !explained.contains(&format!("`{word}`")));
        offences
            .extend(missing.map(|word| format!("{document} does not explain the {kind} `{word}`: add it")));
    }
    assert_none("A document is behind the code.", &offences);
}

/// String literals of a file, outside its tests and comments.
pub fn literals(file: &File) -> Vec<String> {
    code(&file.text).flat_map(|(_, line)| line.split('"').skip(1).step_by(2).map(str::to_owned)).collect()
}

/// Words between backticks.
pub fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn glossary_has_each_word_once_and_real_types() {
    let text = file("docs/glossary.md").text;
    let sources = files(&["rs"]);
    let declared = |name: &str| {
        let ends = |rest: &str| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_');
        let declares = |line: &str, keyword: &str| {
            line.split_once(&format!("{keyword} {name}")).is_some_and(|(_, rest)| ends(rest))
        };
        sources.iter().any(|file| {
            file.text.lines().any(|line| ["struct", "enum", "trait"].iter().any(|it| declares(line, it)))
        })
    };
    let offences = glossary_offences(&text, declared);
    assert!(text.matches("| **").count() > 20, "the words were not found");
    assert_none("docs/glossary.md is behind the code.", &offences);
}

/// Words that are explained twice, and types in the third column that nothing declares.
fn glossary_offences(text: &str, declared: impl Fn(&str) -> bool) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut offences = Vec::new();
    for row in text.lines().filter(|line| line.starts_with("| **")) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        if !seen.insert(cells[1]) {
            offences.push(format!("{} has two meanings: keep one", cells[1]));
        }
        let types = cells.get(3).into_iter().flat_map(|cell| quoted(cell));
        offences
            .extend(types.filter(|name| !declared(name)).map(|name| format!("there is no type `{name}`")));
    }
    offences
}

#[test]
fn document_parsers_find_what_they_look_for() {
    assert!(is_reason("PodReady") && !is_reason("pod") && !is_reason("A b") && !is_reason("True"));
    assert_eq!(quoted("a `b` and `c`").collect::<Vec<_>>(), ["b", "c"]);
    let text = "| **a** | x | `A` |\n| **a** | y | `B` |\n| **b** | `z` |\n";
    assert_eq!(glossary_offences(text, |name| name == "A").len(), 2);
}

//! Comments cite what every reader can look up: weaknesses of the original operator by number, and public sources.

use super::{
    architecture_document::missing_tests,
    documents::quoted,
    project::{assert_none, file, files},
};

const WEAKNESSES: &str = "docs/weaknesses.md";
const SOURCES: &str = "docs/contracts.md";

#[test]
fn comments_cite_what_readers_can_look_up() {
    let weaknesses = file(WEAKNESSES).text;
    let sources = file(SOURCES).text;
    let mut offences = Vec::new();
    for file in files(&["rs"]) {
        for (number, line) in (1..).zip(file.text.lines()).filter(|(_, line)| line.contains("//")) {
            let path = &file.path;
            let unknown = lessons(line).filter(|name| !weaknesses.contains(&format!("| {name} |")));
            offences.extend(
                unknown.map(|name| format!("{path}:{number} cites {name}: {WEAKNESSES} has no such row")),
            );
            let unknown = documents(line).filter(|name| !sources.contains(&format!("| {name} |")));
            offences.extend(unknown.map(|name| {
                format!("{path}:{number} cites {name}: cite a public source, and add it to {SOURCES}")
            }));
        }
    }
    assert_none("A comment cites what no reader of this repository can look up.", &offences);
}

fn words(line: &str) -> Vec<&str> {
    let ends = |it: char| it.is_whitespace() || ['(', ')', ',', ';', ':', '`', '/'].contains(&it);
    line.split(ends).filter(|word| !word.is_empty()).collect()
}

/// Weaknesses: `W` and a number.
fn lessons(line: &str) -> impl Iterator<Item = &str> {
    let words = words(line).into_iter().map(|word| word.trim_end_matches('.'));
    words.filter(|word| {
        let number = word.strip_prefix('W').unwrap_or_default();
        !number.is_empty() && number.bytes().all(|it| it.is_ascii_digit())
    })
}

/// Documents that are cited with a section sign, as `RFC 8032`; of one without a space its name.
fn documents(line: &str) -> impl Iterator<Item = String> {
    let words = words(line);
    let found: Vec<_> = (1..words.len())
        .filter(|&at| words[at].starts_with('§') && !words[at - 1].starts_with('§'))
        .map(|at| match at.checked_sub(2).map(|before| words[before]) {
            Some("RFC") => format!("RFC {}", words[at - 1]),
            _ => words[at - 1].to_owned(),
        })
        .collect();
    found.into_iter()
}

#[test]
fn every_weakness_has_its_row_and_existing_tests() {
    let text = file(WEAKNESSES).text;
    let rows: Vec<_> = text.lines().filter(|line| line.starts_with("| W")).collect();
    let mut offences: Vec<_> = (1..=42)
        .filter(|number| !rows.iter().any(|row| row.starts_with(&format!("| W{number} |"))))
        .map(|number| format!("W{number} has no row"))
        .collect();
    for row in rows {
        let held = row.rsplit('|').nth(1).unwrap_or_default();
        if quoted(held).next().is_none() && !row.contains("The sidecar's") {
            offences.push(format!("nothing holds {row}"));
        }
        offences.extend(missing_tests(held).iter().map(|name| format!("there is no test `{name}`")));
    }
    assert_none("docs/weaknesses.md is behind the code.", &offences);
}

#[test]
fn citation_parser_finds_what_it_looks_for() {
    let line = "It is so (W37, some-notes §3.1, RFC 8032 §7.1, §7.2); Worse W 3 W.";
    assert_eq!(lessons(line).collect::<Vec<_>>(), ["W37"]);
    assert_eq!(documents(line).collect::<Vec<_>>(), ["some-notes", "RFC 8032"]);
}

//! Doc comments open with the thing they describe: a noun phrase or a verb, not a free relative clause.

use super::project::files;

/// Openings of free relative clauses, which name nothing.
const OPENINGS: [&str; 22] = [
    "What",
    "Who",
    "Whose",
    "Whom",
    "Whoever",
    "Whatever",
    "Whether",
    "Which",
    "So many",
    "So much",
    "So long",
    "So far",
    "So often",
    "How many",
    "How much",
    "How long",
    "How far",
    "How often",
    "One that",
    "One who",
    "That which",
    "Those",
];
/// Share of doc comments, in percent, that may open so.
const SHARE: usize = 3;

#[test]
fn doc_comments_open_with_the_thing() {
    let (mut all, mut offences) = (0, Vec::new());
    for file in files(&["rs"]) {
        for (number, opening) in openings(&file.text) {
            all += 1;
            if is_free_relative(opening) {
                offences.push(format!("{}:{number} {opening}", file.path));
            }
        }
    }
    assert!(
        offences.len() * 100 <= all * SHARE,
        "{} of {all} doc comments open with a free relative clause, and {SHARE} % may: begin with a noun or a verb\n  - {}\n",
        offences.len(),
        offences.join("\n  - ")
    );
}

/// The first line of each doc comment, with its number.
fn openings(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut inside = false;
    (1..).zip(text.lines()).filter_map(move |(number, line)| {
        let line = line.trim_start();
        let words = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
        let opens = words.is_some() && !inside;
        inside = words.is_some();
        words.filter(|_| opens).map(|words| (number, words.trim()))
    })
}

fn is_free_relative(opening: &str) -> bool {
    OPENINGS.iter().any(|words| {
        let rest = opening.strip_prefix(words);
        rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '\''))
    })
}

#[test]
fn openings_are_recognised() {
    let text = "//! What this is.\n//! Who cares.\nfn a() {}\n    /// Deletes it.\n    /// Which one.\n    pub b: u8,\n";
    assert_eq!(openings(text).collect::<Vec<_>>(), [(1, "What this is."), (4, "Deletes it.")]);
    for (opening, expected) in [
        ("Whether it runs.", true),
        ("So many of them.", true),
        ("How long it takes.", true),
        ("Those that stay.", true),
        ("Whole seconds.", false),
        ("Whatsoever", false),
        ("Somebody's lock.", false),
        ("Howl of the wind.", false),
    ] {
        assert_eq!(is_free_relative(opening), expected, "{opening}");
    }
}

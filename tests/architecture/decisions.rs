//! Decision records: complete, numbered without gaps, in the index, and there when a text cites one.

use super::project::{File, assert_none, file, files};

const DIRECTORY: &str = "docs/decisions/";
const INDEX: &str = "docs/decisions/README.md";
/// Sections of a record, in their order.
const SECTIONS: [&str; 3] = ["Context", "Decision", "Consequences"];

/// Every record, in the order of its number.
fn records() -> Vec<File> {
    let mut records = files(&["md"]);
    records.retain(|file| file.path.starts_with(DIRECTORY) && file.path != INDEX);
    records
}

#[test]
fn decision_records_are_complete_and_indexed() {
    let index = file(INDEX).text;
    let records = records();
    assert!(records.len() > 30, "the records were not found");
    let offences: Vec<_> =
        (1..).zip(&records).flat_map(|(number, record)| check(number, record, &index)).collect();
    assert_none("A decision record is not as its index says.", &offences);
}

/// Offences of the record that has to carry this number.
fn check(number: usize, record: &File, index: &str) -> Vec<String> {
    let File { path, text } = record;
    let name = path.strip_prefix(DIRECTORY).unwrap_or(path);
    let mut offences = Vec::new();
    if !name.starts_with(&format!("{number:04}-")) {
        offences.push(format!("{path}: number {number:04} is missing or used twice"));
    }
    let title = text.lines().next().and_then(|line| line.strip_prefix("# ")).unwrap_or_default();
    if !title.starts_with(&format!("{number}. ")) {
        offences.push(format!("{path}: begin with `# {number}. ` and the decision as a sentence"));
    }
    if !index.contains(&format!("- [{title}]({name})")) {
        offences.push(format!("{INDEX}: add `- [{title}]({name})`"));
    }
    let sections: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    if sections != SECTIONS {
        offences.push(format!("{path}: its sections are {sections:?} and have to be {SECTIONS:?}"));
    }
    offences
}

#[test]
fn cited_decisions_exist() {
    let last = records().len();
    let offences: Vec<_> = files(&["rs", "md", "yaml", "toml", "tpl"])
        .into_iter()
        .flat_map(|file| {
            let lines: Vec<_> = (1..).zip(file.text.lines()).map(|(at, line)| (at, cited(line))).collect();
            lines.into_iter().flat_map(move |(at, numbers)| {
                let unknown: Vec<_> =
                    numbers.into_iter().filter(|number| !(1..=last).contains(number)).collect();
                let path = file.path.clone();
                unknown
                    .into_iter()
                    .map(move |number| format!("{path}:{at} cites decision {number}: there is none"))
            })
        })
        .collect();
    assert_none("A text cites a decision record that does not exist.", &offences);
}

/// Numbers after the word "decision".
fn cited(line: &str) -> Vec<usize> {
    let words: Vec<_> = line.split(|it: char| !it.is_alphanumeric()).filter(|it| !it.is_empty()).collect();
    let pairs = words.windows(2).filter(|pair| pair[0].eq_ignore_ascii_case("decision"));
    pairs.filter_map(|pair| pair[1].parse().ok()).collect()
}

#[test]
fn record_checks_find_what_they_look_for() {
    let record = |text: &str| File { path: format!("{DIRECTORY}0002-a.md"), text: text.to_owned() };
    let good = record("# 2. A\n## Context\n## Decision\n## Consequences\n");
    assert_eq!(check(2, &good, "- [2. A](0002-a.md)"), Vec::<String>::new());
    assert_eq!(check(3, &good, "- [2. A](0002-a.md)").len(), 2);
    assert_eq!(check(2, &good, "").len(), 1);
    assert_eq!(check(2, &record("# 2. A\n## Context\n## Decision\n"), "- [2. A](0002-a.md)").len(), 1);
    let number = 24;
    assert_eq!(cited(&format!("as [decision {number}](x) says")), [number]);
    assert_eq!(cited("a decision of 3"), Vec::<usize>::new());
}

//! Names say what a thing is in the domain, not that it is a thing.

use super::project::{assert_none, files};

/// Endings that say nothing.
const EMPTY: [&str; 8] = ["Manager", "Helper", "Util", "Handler", "Impl", "Data", "Info", "Wrapper"];

#[test]
fn no_type_has_a_name_that_says_nothing() {
    let mut offences = Vec::new();
    for file in files(&["rs"]) {
        for (number, line) in (1..).zip(file.text.lines()) {
            if let Some((name, ending)) = declared(line).and_then(|name| Some((name, empty(name)?))) {
                offences.push(format!(
                    "{}:{number} {name} ends in {ending}: name what it is for the domain, as Plan, Observation, Crew",
                    file.path
                ));
            }
        }
    }
    assert_none("A type has an empty name.", &offences);
}

#[test]
fn no_file_has_a_name_that_says_nothing() {
    let offences: Vec<_> = files(&["rs"])
        .into_iter()
        .filter(|file| {
            let name = file.path.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
            let last = name.rsplit('_').next().unwrap_or_default().trim_end_matches('s');
            EMPTY.iter().any(|ending| ending.eq_ignore_ascii_case(last))
        })
        .map(|file| format!("{}: name it after the one idea in it", file.path))
        .collect();
    assert_none("A file has an empty name.", &offences);
}

/// The type that a line declares.
fn declared(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().skip_while(|word| word.starts_with("pub") || *word == "unsafe");
    ["struct", "enum", "trait"].contains(&words.next()?).then_some(())?;
    let name = words.next()?;
    Some(name.split(|character: char| !character.is_alphanumeric()).next().unwrap_or(name))
}

fn empty(name: &str) -> Option<&'static str> {
    let name = name.strip_suffix('s').unwrap_or(name);
    EMPTY.into_iter().find(|ending| name.ends_with(ending))
}

#[test]
fn a_declaration_is_recognised() {
    for (line, name) in [
        ("struct Plan {", Some("Plan")),
        ("    pub(crate) enum Act<'a> {", Some("Act")),
        ("pub trait PlanManager: Sized {", Some("PlanManager")),
        ("pub struct NodeInfo(String);", Some("NodeInfo")),
        ("// struct PlanManager", None),
        ("let structure = 1;", None),
    ] {
        assert_eq!(declared(line), name, "{line}");
    }
    assert_eq!(empty("NodeInfo"), Some("Info"));
    assert_eq!(empty("PathUtils"), Some("Util"));
    assert_eq!(empty("DataVolume"), None);
}

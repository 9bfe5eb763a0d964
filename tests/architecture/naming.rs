//! Names say what a thing is in the domain, not that it is a thing.

use super::project::{assert_none, files};

/// Endings that say nothing.
const EMPTY: [&str; 7] = ["Manager", "Helper", "Util", "Impl", "Data", "Info", "Wrapper"];

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

/// Longest name of a test that still fits a line of a report.
const LONGEST_TEST_NAME: usize = 60;
/// Rooms whose tests are yet to be renamed.
const LONG_TEST_NAMES: [&str; 7] = [
    "controller/",
    "tests/architecture/",
    "tests/devcluster/",
    "tests/it/admission/",
    "tests/it/chart/",
    "tests/sidecar-sim/",
    "webhook/",
];

#[test]
fn a_test_name_has_at_most_60_characters() {
    let mut offences = Vec::new();
    for file in files(&["rs"]) {
        if LONG_TEST_NAMES.iter().any(|room| file.path.starts_with(room)) {
            continue;
        }
        for name in tests(&file.text).filter(|name| name.len() > LONGEST_TEST_NAME) {
            let length = name.len();
            offences.push(format!("{}: {name} has {length} characters: state one behaviour", file.path));
        }
    }
    assert_none("A test has a long name.", &offences);
}

/// Names of the functions that follow a test's attribute.
fn tests(text: &str) -> impl Iterator<Item = &str> {
    let attributes = ["#[test]", "#[tokio::test", "#[scenario"];
    let mut marked = false;
    text.lines().map(str::trim).filter_map(move |line| {
        if line.starts_with('#') || line.starts_with("//") {
            marked |= attributes.iter().any(|attribute| line.starts_with(attribute));
            return None;
        }
        let declared = line.split_once("fn ").filter(|_| std::mem::take(&mut marked))?;
        Some(declared.1.split('(').next().unwrap_or_default())
    })
}

#[test]
fn tests_are_recognised_by_their_attribute() {
    let text = "#[scenario(first)]\n#[ignore]\nasync fn a() {}\nfn b() {}\n    #[test]\n    fn c() {}\n";
    assert_eq!(tests(text).collect::<Vec<_>>(), ["a", "c"]);
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

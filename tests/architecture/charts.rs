//! The values of the charts are explained where people look for them: right above each, or above the group that it is in.

use super::project::{File, assert_none, file};

const CHARTS: [&str; 2] = ["charts/seinode-crds/values.yaml", "charts/seinode-operator/values.yaml"];

#[test]
fn every_value_of_a_chart_is_explained() {
    let offences: Vec<_> = CHARTS.iter().flat_map(|path| unexplained(&file(path))).collect();
    assert_none("A value is not explained.", &offences);
}

/// Values without a comment right above them or above a group around them.
fn unexplained(values: &File) -> Vec<String> {
    let mut offences = Vec::new();
    // The groups around a line: how far each is indented, and whether it or one around it is explained.
    let mut groups: Vec<(usize, bool)> = Vec::new();
    let mut above = "";
    for (number, line) in (1..).zip(values.text.lines()) {
        let text = line.trim_start();
        if let Some((key, value)) = text.split_once(':').filter(|_| !text.starts_with('#')) {
            let indent = line.len() - text.len();
            groups.retain(|(around, _)| *around < indent);
            let inherited = groups.last().is_some_and(|(_, explained)| *explained);
            let explained = inherited || above.trim_start().starts_with('#');
            groups.push((indent, explained));
            if !value.trim().is_empty() && !explained {
                offences.push(format!(
                    "{}:{number} {key}: say above it what it means, in a comment",
                    values.path
                ));
            }
        }
        above = line;
    }
    offences
}

#[test]
fn a_comment_explains_a_value_and_a_whole_group() {
    let text = "# A group.\na:\n  b: 1\n  c: 2\nd: 3\ne:\n  # One.\n  f: 4\n  g: 5\n".to_owned();
    let found = unexplained(&File { path: "values.yaml".to_owned(), text });
    let keys: Vec<_> = found.iter().map(|it| it.split([' ', ':']).nth(2).unwrap_or_default()).collect();
    assert_eq!(keys, ["d", "g"]);
}

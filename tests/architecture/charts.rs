//! The charts: each value is documented right above it, known to the schema and read by a template; the READMEs list all
//! values; and the versions are that of the workspace.

use serde_json::{Value, json};

use super::{
    golden::assert_part,
    project::{File, assert_none, file, files},
    values::{Chart, Row, rows},
};

const CHARTS: [&str; 2] = ["charts/seinode-crds", "charts/seinode-operator"];

#[test]
fn every_value_of_a_chart_is_explained() {
    let offences: Vec<_> =
        CHARTS.into_iter().map(Chart::read).flat_map(|chart| unexplained(&chart)).collect();
    assert_none("A value is not explained.", &offences);
}

fn unexplained(chart: &Chart) -> Vec<String> {
    let silent = chart.rows.iter().filter(|row| row.meaning.is_empty());
    let say = |Row { path, line, .. }: &Row| {
        format!(
            "{}/values.yaml:{line} {path}: say right above it what it means, in a comment",
            chart.directory
        )
    };
    silent.map(say).collect()
}

#[test]
fn the_schema_of_a_chart_knows_its_values_and_no_other() {
    let offences: Vec<_> =
        CHARTS.into_iter().map(Chart::read).flat_map(|chart| differences(&chart)).collect();
    assert_none("values.yaml and values.schema.json differ.", &offences);
}

/// Differences between the values and the schema of a chart.
fn differences(chart: &Chart) -> Vec<String> {
    let mut offences = Vec::new();
    let mut places = vec![(String::new(), &chart.schema, &chart.defaults)];
    while let Some((path, rule, value)) = places.pop() {
        let (Some(rules), Some(values)) = (rule["properties"].as_object(), value.as_object()) else {
            offences.extend(wrong_type(&path, rule, value));
            continue;
        };
        let at = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        if rule["additionalProperties"] != json!(false) {
            offences.push(format!("the schema takes any value in {path:?}: say additionalProperties: false"));
        }
        // A map in one line, such as {}, is one value, and need not have all its members.
        let whole = chart.rows.iter().any(|row| row.path == path);
        for key in rules.keys().filter(|key| !whole && *key != "global") {
            if !values.contains_key(key) {
                offences
                    .push(format!("values.yaml has no {}: add it, or take it out of the schema", at(key)));
            }
            if !rule["required"].as_array().is_some_and(|names| names.contains(&json!(key))) {
                offences.push(format!("the schema lets {} be missing: add it to `required`", at(key)));
            }
        }
        for (key, value) in values {
            match chart.rule(&at(key)) {
                Some(rule) => places.push((at(key), rule, value)),
                None => {
                    offences.push(format!("the schema has no {}: add it, or take the value out", at(key)))
                }
            }
        }
    }
    offences.iter().map(|offence| format!("{}: {offence}", chart.directory)).collect()
}

fn wrong_type(path: &str, rule: &Value, value: &Value) -> Option<String> {
    let is = match value {
        Value::String(_) => "string",
        Value::Bool(_) => "boolean",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
        Value::Number(_) => "integer",
        Value::Null => "null",
    };
    let fits = rule["type"] == is || rule["enum"].as_array().is_some_and(|choices| choices.contains(value));
    (!fits).then(|| format!("the default of {path} is {value}, which the schema refuses"))
}

#[test]
fn every_value_of_a_chart_is_read_by_a_template() {
    let mut offences = Vec::new();
    for chart in CHARTS.into_iter().map(Chart::read) {
        let templates = format!("{}/templates/", chart.directory);
        let texts =
            files(&["yaml", "tpl", "txt"]).into_iter().filter(|file| file.path.starts_with(&templates));
        let text: String = texts.map(|file| file.text).collect();
        let unread = chart.rows.iter().filter(|row| !reads(&text, &row.path));
        offences.extend(unread.map(|row| {
            format!("{}: no template reads {}: use it, or take it out", chart.directory, row.path)
        }));
    }
    assert_none("A value of a chart does nothing.", &offences);
}

/// True if a template names the last part of a path, as `.Values.log.format` or `.format` within `with .Values.log`; or renders
/// its whole group.
fn reads(templates: &str, path: &str) -> bool {
    let (group, name) = path.rsplit_once('.').unwrap_or(("", path));
    if !group.is_empty() && templates.contains(&format!("toYaml .Values.{group} ")) {
        return true;
    }
    let ends = |rest: &str| !rest.starts_with(|next: char| next.is_ascii_alphanumeric());
    templates.split(&format!(".{name}")).skip(1).any(ends)
}

#[test]
fn the_charts_have_the_version_of_the_workspace() {
    let manifest = file("Cargo.toml").text;
    let version = manifest.lines().find_map(|line| line.strip_prefix("version = "));
    let version = version.expect("Cargo.toml has a version").trim_matches('"');
    let offences: Vec<_> = CHARTS
        .iter()
        .flat_map(|chart| other_versions(&file(&format!("{chart}/Chart.yaml")), version))
        .collect();
    assert_none("A chart has another version than Cargo.toml.", &offences);
}

/// Lines of a Chart.yaml that name another version of the project: its own, the application's, or an image's.
fn other_versions(chart: &File, version: &str) -> Vec<String> {
    let is_other = |line: &&str| {
        let line = line.trim();
        let own = line.strip_prefix("version: ").or_else(|| line.strip_prefix("appVersion: "));
        let own = own.filter(|it| it.starts_with(|first: char| first.is_ascii_digit() || first == '"'));
        let image = line.strip_prefix("image: ").and_then(|image| image.rsplit_once("/seinode-operator:"));
        own.map(|it| it.trim_matches('"')).or(image.map(|(_, tag)| tag)).is_some_and(|it| it != version)
    };
    chart
        .text
        .lines()
        .filter(is_other)
        .map(|line| format!("{}: {}: set {version}", chart.path, line.trim()))
        .collect()
}

#[test]
fn another_version_in_a_chart_is_found() {
    let chart = |text: &str| File { path: "Chart.yaml".to_owned(), text: text.to_owned() };
    let fine = "version: 1.2.3\nappVersion: \"1.2.3\"\n      version: v1alpha1\n      image: ghcr.io/a/seinode-operator:1.2.3\n";
    assert_eq!(other_versions(&chart(fine), "1.2.3"), [""; 0]);
    assert_eq!(other_versions(&chart(fine), "1.2.4").len(), 3);
}

#[test]
fn the_readme_of_a_chart_has_its_values() {
    for chart in CHARTS.into_iter().map(Chart::read) {
        assert_part(&format!("{}/README.md", chart.directory), "values", &chart.table());
    }
}

#[test]
fn a_comment_explains_the_value_below_it() {
    let text = "# A group.\na:\n  # Two\n  # lines.\n  b: 1\n  c: {d: 2}\ne: []\n".to_owned();
    let rows = rows(&File { path: "values.yaml".to_owned(), text });
    let read: Vec<_> = rows.iter().map(|row| (&*row.path, &*row.meaning)).collect();
    assert_eq!(read, [("a.b", "Two lines."), ("a.c", ""), ("e", "")]);
}

#[test]
fn a_value_is_read_by_its_name_and_no_longer_one() {
    assert!(reads("{{ .Values.log.format }}", "log.format"));
    assert!(!reads("{{ .formatted }}", "log.format"));
    assert!(reads("{{ toYaml .Values.resources | nindent 2 }}", "resources.limits"));
}

#[test]
fn a_difference_between_values_and_schema_is_found() {
    let values = "a: 1\nb: {}\nc:\n  d: x\n".to_owned();
    let chart = Chart {
        directory: "chart",
        rows: rows(&File { path: String::new(), text: values.clone() }),
        defaults: serde_norway::from_str(&values).unwrap(),
        schema: json!({"additionalProperties": false, "required": ["a", "b", "c"], "properties": {
            "a": {"type": "string"}, "b": {"type": "object"},
            "c": {"additionalProperties": false, "properties": {"e": {"type": "string"}}}}}),
    };
    let found = differences(&chart).join("\n");
    for words in
        ["default of a is 1", "no c.e: add it, or take it out", "lets c.e be missing", "schema has no c.d"]
    {
        assert!(found.contains(words), "{words}: {found}");
    }
}

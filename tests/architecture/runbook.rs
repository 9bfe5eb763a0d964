//! The runbook is complete: every alert and every reason of a condition has an entry, and every entry is about one that exists.
//! Alerts link to their entries by name.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    documents::{is_reason, literals, quoted},
    project::{assert_none, file},
    sources::product,
};

const RUNBOOK: &str = "docs/runbook.md";
/// Paragraphs of an alert's entry.
const PARTS: [&str; 4] = ["**Means.**", "**Look.**", "**Do.**", "**Wake somebody?**"];
/// Sources of the reasons of conditions.
const REASONS: [&str; 2] =
    ["controller/core/src/conditions", "controller/core/src/observation/pod/trouble.rs"];
/// Words of the kubelet and of Kubernetes, which the operator reads and never writes.
const READ_ONLY: [&str; 11] = [
    "PodScheduled",
    "PodReadyToStartContainers",
    "PodInitializing",
    "ContainerCreating",
    "Succeeded",
    "Failed",
    "ErrImagePull",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
];

#[test]
fn every_alert_has_its_entry_in_the_runbook() {
    let alerts: BTreeSet<_> = file("charts/seinode-operator/files/alerts.yaml")
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("- alert: ").map(str::to_owned))
        .collect();
    assert!(alerts.len() > 10, "the alerts were not found");
    let leads_here = format!("/{RUNBOOK}\n");
    assert!(
        file("charts/seinode-operator/values.yaml").text.contains(&leads_here),
        "runbookUrl leads elsewhere"
    );
    let entries = entries(&file(RUNBOOK).text);
    let mut offences: Vec<_> = alerts
        .iter()
        .filter(|alert| !entries.contains_key(*alert))
        .map(|alert| format!("{RUNBOOK}, Alerts: there is no `### {alert}`, where its runbook_url leads"))
        .collect();
    for (entry, text) in &entries {
        if !alerts.contains(entry) {
            offences.push(format!("{RUNBOOK}, Alerts: {entry} is no alert; take it out"));
        }
        let missing = PARTS.iter().filter(|part| !text.contains(*part));
        offences.extend(missing.map(|part| format!("{RUNBOOK}, {entry}: there is no paragraph {part}")));
    }
    assert_none("The runbook differs from the alerts.", &offences);
}

/// The entries of the chapter about alerts, by name.
fn entries(text: &str) -> BTreeMap<String, String> {
    let chapter = text.split("\n## ").find(|it| it.starts_with("Alerts\n")).expect("a chapter Alerts");
    let entries = chapter.split("\n### ").skip(1).filter_map(|entry| entry.split_once('\n'));
    entries.map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}

#[test]
fn every_reason_of_a_condition_has_its_row_in_the_runbook() {
    let product = product();
    let sources = product.iter().filter(|it| REASONS.iter().any(|source| it.path.starts_with(source)));
    let said: BTreeSet<_> = sources
        .flat_map(literals)
        .filter(|word| is_reason(word) && !READ_ONLY.contains(&word.as_str()))
        .collect();
    let rows = reasons(&file(RUNBOOK).text);
    let mut offences: Vec<_> = said
        .difference(&rows)
        .map(|reason| format!("{RUNBOOK}: no row of a table of conditions is about the reason `{reason}`"))
        .collect();
    offences.extend(
        rows.difference(&said).map(|reason| format!("{RUNBOOK}: `{reason}` is no reason; take its row out")),
    );
    assert_none("The runbook differs from the reasons of conditions.", &offences);
}

/// The contents of the columns named Reason.
fn reasons(text: &str) -> BTreeSet<String> {
    let mut column = None;
    let mut found = BTreeSet::new();
    for line in text.lines() {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        match (cells.len() > 2, column) {
            (false, _) => column = None,
            (true, None) => {
                // Events have reasons of their own, and a column Action.
                let at = cells.iter().position(|cell| *cell == "Reason");
                column = Some(at.filter(|_| !cells.contains(&"Action")));
            }
            (true, Some(at)) => {
                let words = at.and_then(|at| cells.get(at)).into_iter().flat_map(|cell| quoted(cell));
                found.extend(words.map(str::to_owned));
            }
        }
    }
    found
}

#[test]
fn the_parsers_of_the_runbook_see_what_they_are_for() {
    let text = "a\n\n## Alerts\n\n### One\n\ntext\n\n### Two\nx\n## Next\n### Three\n";
    assert_eq!(entries(text).into_keys().collect::<Vec<_>>(), ["One", "Two"]);
    let text =
        "| Type | Reason |\n|---|---|\n| `T` | `A` |\n\n| Reason | Action |\n|---|---|\n| `E` | `B` |\n";
    assert_eq!(reasons(text).into_iter().collect::<Vec<_>>(), ["A"]);
}

//! The dashboards: valid JSON for Grafana, a description for every panel, unique identifiers.

use std::{collections::BTreeSet, fs, path::PathBuf};

use scenario::scenario;
use serde_json::Value;

use crate::kit::release::OPERATOR;

/// A dashboard as it lies in the chart.
pub struct Dashboard {
    pub name: String,
    pub content: Value,
}

/// All dashboards of the chart.
pub fn dashboards() -> Vec<Dashboard> {
    let directory = PathBuf::from(format!("{OPERATOR}/files/dashboards"));
    let mut files: Vec<_> = fs::read_dir(directory).unwrap().map(|it| it.unwrap().path()).collect();
    files.sort();
    let read = |file: PathBuf| {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&file).unwrap();
        let content = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        Dashboard { name, content }
    };
    files.into_iter().map(read).collect()
}

impl Dashboard {
    fn panels(&self) -> impl Iterator<Item = &Value> {
        self.content["panels"].as_array().unwrap().iter()
    }

    /// Place and text of each query, with values in place of variables.
    pub fn queries(&self) -> impl Iterator<Item = (String, String)> {
        self.panels().flat_map(move |panel| {
            let place = format!("{}, {}", self.name, panel["title"]);
            let targets = panel["targets"].as_array().unwrap().iter();
            targets.map(move |target| (place.clone(), filled_in(target["expr"].as_str().unwrap())))
        })
    }
}

/// A query as it is sent when every variable stands for everything.
fn filled_in(query: &str) -> String {
    let mut query = query.replace("$__rate_interval", "5m");
    for variable in ["namespace", "name", "system"] {
        query = query.replace(&format!("=~\"${variable}\""), "=~\".*\"");
        query = query.replace(&format!("=\"${variable}\""), "=~\".+\"");
    }
    assert!(!query.contains('$'), "an unknown variable: {query}");
    query
}

#[scenario]
async fn dashboards_can_be_read_and_every_panel_is_explained() {
    let all = dashboards();
    assert_eq!(all.len(), 4);
    let mut uids = BTreeSet::new();
    for dashboard in &all {
        let Dashboard { name, content } = dashboard;
        for field in ["uid", "title", "description"] {
            assert!(content[field].as_str().is_some_and(|it| !it.is_empty()), "{name} has no {field}");
        }
        assert!(uids.insert(content["uid"].to_string()), "{name}: its uid is another dashboard's as well");
        let mut ids = BTreeSet::new();
        let mut places = BTreeSet::new();
        for panel in dashboard.panels() {
            let title = panel["title"].as_str().unwrap();
            let explained = panel["description"].as_str().unwrap_or_default();
            assert!(explained.ends_with('.'), "{name}, {title}: say in a description what it shows");
            assert!(ids.insert(panel["id"].as_u64()), "{name}, {title}: its id is another panel's as well");
            for cell in cells(panel) {
                assert!(places.insert(cell), "{name}, {title} lies over another panel at {cell:?}");
            }
            let targets = panel["targets"].as_array().unwrap();
            let refs: BTreeSet<_> = targets.iter().map(|it| it["refId"].as_str()).collect();
            assert!(!targets.is_empty() && refs.len() == targets.len(), "{name}, {title}: refId");
        }
        assert!(dashboard.queries().count() >= ids.len());
    }
}

/// The cells of the grid that a panel covers; a dashboard is 24 wide.
fn cells(panel: &Value) -> Vec<(u64, u64)> {
    let at = |field: &str| panel["gridPos"][field].as_u64().unwrap();
    assert!(at("x") + at("w") <= 24, "{} is beyond the edge", panel["title"]);
    let rows = at("y")..at("y") + at("h");
    rows.flat_map(|row| (at("x")..at("x") + at("w")).map(move |column| (column, row))).collect()
}

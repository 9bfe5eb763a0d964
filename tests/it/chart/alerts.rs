//! The alerts, as the chart renders them, under the real promtool: each fires in time and not before, resolves with its cause,
//! and stays quiet about series that look alike. The cases are in `alerts.yaml`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
    sync::Arc,
};

use devcluster::{Tool, chart::objects};
use scenario::scenario;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::kit::{
    Kit, Namespace,
    release::{Helm, OPERATOR, values},
};

const CASES: &str = include_str!("alerts.yaml");

/// The cases of an alert.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    /// Interval between two samples.
    #[serde(default = "a_minute")]
    every: String,
    fires: Vec<Fires>,
    quiet: Vec<Quiet>,
}

/// Series for which the alert fires, and times before, during and after.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fires {
    series: BTreeMap<String, String>,
    not_yet: String,
    at: String,
    over: String,
    labels: BTreeMap<String, String>,
}

/// Series for which the alert does not fire.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Quiet {
    why: String,
    series: BTreeMap<String, String>,
    at: Vec<String>,
}

fn a_minute() -> String {
    "1m".into()
}

#[scenario]
async fn alerts_fire_in_time_resolve_and_stay_quiet_otherwise(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let promtool = kit.tool(Tool::Promtool).await;
    let alerts = alerts(&ns);
    let cases: BTreeMap<String, Cases> = serde_norway::from_str(CASES).unwrap();
    let (there, tried): (BTreeSet<_>, BTreeSet<_>) = (alerts.keys().collect(), cases.keys().collect());
    assert_eq!(there, tried, "left: the alerts; right: those that have cases in tests/it/chart/alerts.yaml");

    let place = tempfile::tempdir().unwrap();
    let write =
        |name: &str, content: &Value| fs::write(place.path().join(name), content.to_string()).unwrap();
    let rules: Vec<_> = alerts.values().collect();
    write("rules.yaml", &json!({"groups": [{"name": "all", "rules": rules}]}));
    run(&promtool, place.path(), &["check", "rules", "--lint=all", "--lint-fatal", "rules.yaml"]);
    // promtool evaluates all rules of a file for each test of it, every minute of hours: each alert has files of its own.
    for (name, cases) in &cases {
        let rule = &alerts[name];
        write("rules.yaml", &json!({"groups": [{"name": "all", "rules": [rule]}]}));
        let tests = tests(name, cases, rule);
        let file = json!({"rule_files": ["rules.yaml"], "evaluation_interval": cases.every, "tests": tests});
        write("tests.yaml", &file);
        run(&promtool, place.path(), &["test", "rules", "tests.yaml"]);
    }
}

/// The rules that the chart renders, by name.
pub fn alerts(ns: &Namespace) -> BTreeMap<String, Value> {
    let enabled = json!({"monitoring": {"prometheusRule": {"enabled": true}}});
    let rendered = Helm::of(&ns.world).must(&["template", "it", OPERATOR], &values(&enabled));
    rules(&objects(&rendered).unwrap())
}

/// The rules of the PrometheusRule among these objects, by name.
fn rules(objects: &[Value]) -> BTreeMap<String, Value> {
    let rule = objects.iter().find(|it| it["kind"] == "PrometheusRule").unwrap();
    let groups = rule["spec"]["groups"].as_array().unwrap().iter();
    let rules = groups.flat_map(|group| group["rules"].as_array().unwrap());
    rules.map(|rule| (rule["alert"].as_str().unwrap().to_owned(), rule.clone())).collect()
}

/// The tests of one alert, in promtool's format.
fn tests(name: &str, cases: &Cases, rule: &Value) -> Vec<Value> {
    let Cases { every, fires, quiet } = cases;
    assert!(!fires.is_empty(), "{name} has no case in which it fires");
    assert!(!quiet.is_empty(), "{name} has no case in which it keeps quiet");
    let test = |what: String, series: &BTreeMap<String, String>, looks: Vec<Value>| {
        let series: Vec<_> =
            series.iter().map(|(series, values)| json!({"series": series, "values": values})).collect();
        json!({"name": what, "interval": every, "input_series": series, "alert_rule_test": looks})
    };
    let look = |at: &str, found: Value| json!({"eval_time": at, "alertname": name, "exp_alerts": found});
    let fires = fires.iter().map(|it| {
        let found = json!([expected(it, rule)]);
        let looks = vec![look(&it.not_yet, json!([])), look(&it.at, found), look(&it.over, json!([]))];
        test(format!("{name} fires and recovers"), &it.series, looks)
    });
    let mut all: Vec<_> = fires.collect();
    all.extend(quiet.iter().map(|it| {
        let looks = it.at.iter().map(|at| look(at, json!([]))).collect();
        test(format!("{name} keeps quiet: {}", it.why), &it.series, looks)
    }));
    all
}

/// The expected alert: all labels of the case and of the rule, and annotations with every label replaced.
fn expected(fires: &Fires, rule: &Value) -> Value {
    let mut labels = json!(fires.labels);
    for (name, value) in rule["labels"].as_object().unwrap() {
        labels[name] = value.clone();
    }
    let mut annotations = rule["annotations"].clone();
    for text in annotations.as_object_mut().unwrap().values_mut() {
        let mut words = text.as_str().unwrap().to_owned();
        for (label, value) in &fires.labels {
            words = words.replace(&format!("{{{{ $labels.{label} }}}}"), value);
        }
        assert!(!words.contains("{{"), "no case gives a value for a label in {words:?}");
        *text = json!(words);
    }
    json!({"exp_labels": labels, "exp_annotations": annotations})
}

#[track_caller]
fn run(promtool: &Path, place: &Path, arguments: &[&str]) {
    let output = Command::new(promtool).args(arguments).current_dir(place).output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "promtool {arguments:?}: {said}");
}

#[scenario]
async fn alert_values_are_rendered(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let helm = Helm::of(&ns.world);
    let rule = json!({
        "enabled": true, "labels": {"release": "prometheus"}, "alertLabels": {"team": "rpc"},
        "runbookUrl": "https://runbooks.example.com/sei",
        "alerts": {
            "SeiNodeContested": {"enabled": false},
            "SidecarReadinessLost": {"for": "7m", "severity": "page", "labels": {"team": "night"}},
        },
    });
    let said = values(&json!({"monitoring": {"prometheusRule": rule}}));
    let objects = objects(&helm.must(&["template", "it", OPERATOR], &said)).unwrap();
    let rules = rules(&objects);
    assert!(!rules.contains_key("SeiNodeContested"));
    let lost = &rules["SidecarReadinessLost"];
    assert_eq!(lost["for"], "7m");
    assert_eq!(lost["labels"], json!({"severity": "page", "team": "night"}));
    assert_eq!(lost["annotations"]["runbook_url"], "https://runbooks.example.com/sei#sidecarreadinesslost");
    assert_eq!(rules["SeiNodeFailed"]["labels"], json!({"severity": "warning", "team": "rpc"}));
    let down = rules["SeiNodeOperatorDown"]["expr"].as_str().unwrap();
    assert_eq!(down, r#"absent(sei_controller_build_info{namespace="default"})"#, "of this release");
    let object = objects.iter().find(|it| it["kind"] == "PrometheusRule").unwrap();
    assert_eq!(object["metadata"]["labels"]["release"], "prometheus");

    // A name that no alert has is refused, and every alert has its place in the schema.
    let wrong = json!({"prometheusRule": {"alerts": {"SidecarReadinesLost": {"for": "7m"}}}});
    let file = helm.file(&values(&json!({"monitoring": wrong})));
    let (done, _, said) = helm.run(&["template", "it", OPERATOR, "--values", &file]);
    assert!(!done && said.contains("'SidecarReadinesLost' not allowed"), "{said}");
    let known = fs::read_to_string(format!("{OPERATOR}/values.schema.json")).unwrap();
    let known: Value = serde_json::from_str(&known).unwrap();
    let known = &known["properties"]["monitoring"]["properties"]["prometheusRule"]["properties"]["alerts"]["properties"];
    let known: BTreeSet<_> = known.as_object().unwrap().keys().cloned().collect();
    assert_eq!(known, alerts(&ns).into_keys().collect(), "left: values.schema.json; right: the alerts");
}

//! Every series that an alert or a panel queries exists: a real operator is scraped through a life in which everything happens
//! that is queried, and the parser of Prometheus reads each query.

mod lifecycle;

use std::{collections::BTreeSet, sync::Arc};

use devcluster::{Options, Tool};
use scenario::scenario;
use serde_json::json;

use super::{
    alerts::alerts,
    dashboards::{Dashboard, dashboards},
    exposition::{Seen, Series},
    promql::{self, Expression, Matcher},
};
use crate::kit::{Kit, Namespace, release::Release};

/// Labels that Prometheus adds to a series for its target.
const OF_THE_TARGET: [&str; 3] = ["namespace", "pod", "job"];

/// Queried by value and never provoked here: the metric, the label, and why.
const NEVER: [(&str, &str, &str); 1] = [(
    "sei_admission_requests_total",
    "code",
    "no API server sends what is not judged; webhook/src/serve/tests.rs does",
)];

/// Metrics of the API server and of kubelets. `admission/down.rs` holds that the API server has the first two.
const NOT_OURS: [&str; 4] = [
    "apiserver_admission_webhook_fail_open_count",
    "apiserver_admission_webhook_rejection_count",
    "kubelet_volume_stats_available_bytes",
    "kubelet_volume_stats_capacity_bytes",
];

#[scenario]
async fn queried_series_exist(kit: Arc<Kit>) {
    let program = kit.tool(Tool::Promql).await;
    let crds = vec![seinode_api::crd::seinode()];
    let world = Arc::new(kit.private(Options { crds, ..xtask::platform::options() }).await);
    let ns = Namespace::create(Arc::clone(&world), "sei").await;
    // The life does what the webhooks would refuse it.
    let values = json!({"replicas": 1, "admission": {"exemptUsers": ["admin"]}});
    let release = Release::install(world, &values).await;
    let operator = release.replica("operator").await;
    operator.ready().await;
    release.asked(&ns).await;

    let seen = Seen::begin(&operator).await;
    lifecycle::lived(&ns, &operator, &seen).await;
    let there = seen.so_far();

    let rules = alerts(&ns).into_iter().map(|(name, rule)| (name, rule["expr"].as_str().unwrap().to_owned()));
    let queries: Vec<_> = rules.chain(dashboards().iter().flat_map(Dashboard::queries)).collect();
    let texts: Vec<_> = queries.iter().map(|(_, query)| query.clone()).collect();
    let expressions = promql::read(&program, &texts);
    let mut offences = BTreeSet::new();
    for ((place, _), expression) in queries.iter().zip(&expressions) {
        offences.extend(unseen(expression, &there).into_iter().map(|what| format!("{place}: {what}")));
    }
    assert!(offences.is_empty(), "never seen:\n  {}", offences.into_iter().collect::<Vec<_>>().join("\n  "));
}

/// Series and labels of an expression that do not exist.
fn unseen(expression: &Expression, there: &[Series]) -> Vec<String> {
    let mut missing = Vec::new();
    let mut known: BTreeSet<&str> = OF_THE_TARGET.into();
    for selector in &expression.selectors {
        let named = selector.iter().find_map(Matcher::metric).unwrap_or_default();
        if NOT_OURS.contains(&named) {
            known.extend(selector.iter().map(Matcher::label).chain(["name", "persistentvolumeclaim"]));
            continue;
        }
        let of_the_metric = there.iter().filter(|series| series.name == named);
        let labels: BTreeSet<_> =
            of_the_metric.flat_map(|series| series.labels.keys().map(String::as_str)).collect();
        let scraped = |label: &str| OF_THE_TARGET.contains(&label) && !labels.contains(label);
        let provoked = |matcher: &&Matcher| {
            let label = matcher.label();
            !NEVER.iter().any(|it| (it.0, it.1) == (named, label)) && !scraped(label)
        };
        let wanted: Vec<_> = selector.iter().filter(provoked).collect();
        if !there.iter().any(|series| wanted.iter().all(|it| it.takes(series))) {
            missing.push(format!("no series is like {selector:?}"));
        }
        let asked = selector.iter().map(Matcher::label).filter(|it| *it != "__name__");
        missing.extend(
            asked
                .filter(|it| !labels.contains(it) && !OF_THE_TARGET.contains(it))
                .map(|label| format!("{named} has no label {label}")),
        );
        known.extend(labels);
    }
    let grouped = expression.labels.iter().filter(|label| !known.contains(label.as_str()));
    missing.extend(grouped.map(|label| format!("nothing that it selects has the label {label}")));
    missing
}

//! Objects for the Prometheus operator and Grafana: their own definitions accept them strictly, and a cluster without these
//! definitions is reported.

use std::{collections::BTreeMap, sync::Arc};

use devcluster::{
    chart::objects,
    definitions::{self, Publisher},
};
use scenario::scenario;
use serde_json::{Value, json};

use crate::kit::{
    Kit, Namespace, define,
    release::{Helm, Major, OPERATOR, path, rendered, values},
};

/// Everything on, with all that can be said of it.
fn everything() -> Value {
    json!({"monitoring": {
        "metrics": {"secure": true, "readers": [{"name": "prometheus-k8s", "namespace": "monitoring"}]},
        "serviceMonitor": {
            "enabled": true, "interval": "15s", "labels": {"release": "prometheus"},
            "relabelings": [{"action": "replace", "targetLabel": "cluster", "replacement": "one"}],
            "metricRelabelings": [{"action": "drop", "sourceLabels": ["__name__"], "regex": "process_.*"}],
        },
        "prometheusRule": {"enabled": true, "labels": {"release": "prometheus"}, "alertLabels": {"team": "rpc"}},
        "dashboards": {"enabled": true, "annotations": {"grafana_folder": "Sei"}},
    }})
}

#[scenario]
async fn prometheus_objects_need_and_fit_their_definitions(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let helms =
        [Helm::major(&kit, &ns.world, Major::Three).await, Helm::major(&kit, &ns.world, Major::Four).await];
    // Without a cluster nobody knows what it has: GitOps tools render in that way.
    let [three, four] = helms.each_ref().map(|helm| named(&template(helm, &ns, &everything())));
    assert!(three.keys().eq(four.keys()), "left: Helm 3; {:?} {:?}", three.keys(), four.keys());
    let other: Vec<_> = three.iter().filter(|(name, object)| four[*name] != **object).collect();
    assert!(other.is_empty(), "Helm 4 renders this otherwise than Helm 3: {other:#?}");
    // On a cluster it is known.
    // In a namespace of its own: elsewhere on this cluster there are other releases.
    let only = format!("watchNamespaces={{{}}}", ns.name);
    let install = [
        "install",
        "it",
        OPERATOR,
        "--namespace",
        &ns.name,
        "--set",
        &only,
        "--dry-run=server",
        "--take-ownership",
    ];
    for part in ["serviceMonitor", "prometheusRule"] {
        let file = helms[1].file(&values(&json!({"monitoring": {part: {"enabled": true}}})));
        let (done, _, said) = helms[1].run(&[&install[..], &["--values", &file]].concat());
        let words = format!("monitoring.{part}.enabled: this cluster has no monitoring.coreos.com/v1");
        assert!(!done && said.contains(&words), "{said}");
    }

    for definition in definitions::of(Publisher::PrometheusOperator).await.unwrap() {
        define(&ns.client, &definition).await;
    }
    let text = template(&helms[1], &ns, &everything());
    let file = rendered(&helms[1], "monitored.yaml", &text);
    let taken =
        ns.kubectl(&["apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", path(&file)]);
    for object in ["servicemonitor.monitoring.coreos.com", "prometheusrule.monitoring.coreos.com"] {
        assert!(taken.contains(&format!("{object}/seinode-operator serverside-applied")), "{taken}");
    }
    // What is wrong would not be taken.
    let wrong = text.replace("honorLabels: true", "honourLabels: true");
    let file = rendered(&helms[1], "monitored.yaml", &wrong);
    let dry = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", path(&file)];
    let (taken, said) = ns.try_kubectl(&dry);
    assert!(!taken && said.contains("honourLabels"), "{said}");
    let (done, _, said) =
        helms[1].run(&[&install[..], &["--values", &helms[1].file(&values(&everything()))]].concat());
    assert!(done, "{said}");
}

#[scenario]
async fn service_monitor_and_dashboards_are_found(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let objects = objects(&template(&Helm::of(&ns.world), &ns, &everything())).unwrap();
    let of = |kind: &str| objects.iter().filter(|it| it["kind"] == kind).collect::<Vec<_>>();
    let [monitor] = of("ServiceMonitor")[..] else { panic!("one ServiceMonitor") };
    let selected = |service: &Value| {
        let wanted = monitor["spec"]["selector"]["matchLabels"].as_object().unwrap();
        wanted.iter().all(|(label, value)| service["metadata"]["labels"][label] == *value)
    };
    let [endpoint] = &monitor["spec"]["endpoints"].as_array().unwrap()[..] else { panic!("one endpoint") };
    assert_eq!(endpoint["honorLabels"], true, "the namespace of a series is the SeiNode's");
    let ports = of("Service").into_iter().filter(|it| selected(it)).flat_map(|service| {
        let ports = service["spec"]["ports"].as_array().unwrap().iter();
        ports.filter(|port| port["name"] == endpoint["port"]).map(|port| port["targetPort"].clone())
    });
    assert_eq!(ports.collect::<Vec<_>>(), ["metrics"], "each replica is scraped once");
    let dashboards: Vec<_> = of("ConfigMap")
        .into_iter()
        .filter(|it| it["metadata"]["labels"]["grafana_dashboard"] == "1")
        .collect();
    assert_eq!(dashboards.len(), super::dashboards::dashboards().len());
    for dashboard in dashboards {
        assert_eq!(dashboard["metadata"]["annotations"]["grafana_folder"], "Sei");
        let data = dashboard["data"].as_object().unwrap();
        let [content] = data.values().collect::<Vec<_>>()[..] else { panic!("one file") };
        assert!(serde_json::from_str::<Value>(content.as_str().unwrap()).is_ok(), "{content}");
    }
}

#[scenario]
async fn wrong_monitoring_values_are_rejected_by_path(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let helm = Helm::of(&ns.world);
    let wrong = [
        (json!({"serviceMonitor": {"interval": 30}}), "/monitoring/serviceMonitor/interval"),
        (json!({"serviceMonitor": {"enable": true}}), "'enable' not allowed"),
        (json!({"prometheusRule": {"runbookUrl": "https://a/#b"}}), "/monitoring/prometheusRule/runbookUrl"),
        (
            json!({"prometheusRule": {"alerts": {"SeiNodeFailed": {"for": "soon"}}}}),
            "/monitoring/prometheusRule/alerts/SeiNodeFailed/for",
        ),
        (json!({"dashboards": {"labelValue": 1}}), "/monitoring/dashboards/labelValue"),
    ];
    for (wrong, place) in wrong {
        let file = helm.file(&values(&json!({"monitoring": wrong})));
        let (done, _, said) = helm.run(&["template", "it", OPERATOR, "--values", &file]);
        assert!(!done && said.contains(place), "{place}: {said}");
    }
}

/// Rendered objects by kind and name: the majors order kinds that they do not know differently.
fn named(rendered: &str) -> BTreeMap<String, Value> {
    let objects = objects(rendered).unwrap();
    objects.into_iter().map(|it| (format!("{} {}", it["kind"], it["metadata"]["name"]), it)).collect()
}

fn template(helm: &Helm, ns: &Namespace, more: &Value) -> String {
    // Each major has an idea of its own of what Kubernetes it renders for.
    let version = ["--kube-version", "1.34.0"];
    let template = ["template", "it", OPERATOR, "--namespace", &ns.name];
    helm.must(&[&template[..], &version].concat(), &values(more))
}

//! Both majors of the real helm render the same, a strict dry run of the API server accepts it, and wrong values are rejected by
//! their path.

use std::sync::Arc;

use devcluster::chart;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt;
use scenario::scenario;
use serde_json::{Value, json};

use crate::kit::{
    Kit, Namespace,
    release::{CRDS, Helm, Major, OPERATOR, path, rendered, values},
};

#[scenario]
async fn rendered_charts_pass_a_strict_dry_run(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let [older, helm] = helms(&kit, &ns).await;
    for helm in [&older, &helm] {
        let (linted, said, _) = helm.run(&["lint", "--strict", CRDS]);
        assert!(linted, "{said}");
    }
    for (what, more) in matrix(&ns) {
        let values = values(&more);
        for helm in [&older, &helm] {
            let (linted, said, _) =
                helm.run(&["lint", "--strict", OPERATOR, "--values", &helm.file(&values)]);
            assert!(linted, "{what}: {said}");
        }
        let [before, text] = [&older, &helm].map(|helm| template(helm, &ns, &helm.file(&values)));
        let (before, after) = (sorted(&before), sorted(&text));
        let differ = before.iter().zip(&after).find(|(before, after)| before != after);
        assert!(before == after, "{what}: Helm 3 renders something else than Helm 4: {differ:#?}");
        let file = rendered(&helm, "rendered.yaml", &text);
        let (taken, said) = ns.try_kubectl(&[
            "apply",
            "--server-side",
            "--dry-run=server",
            "--validate=strict",
            "-f",
            path(&file),
        ]);
        assert!(taken, "{what}: {said}\n{text}");
        let quiet = !said.contains("Warning");
        assert!(quiet, "{what}: {said}");
    }
}

fn certificates(more: &Value) -> Value {
    json!({"admission": {"certificates": more}})
}

/// Helm 3 and 4.
async fn helms(kit: &Kit, ns: &Namespace) -> [Helm; 2] {
    let [three, four] = Major::BOTH.map(|major| Helm::major(kit, &ns.world, major));
    [three.await, four.await]
}

/// Platform values with these retentions.
fn retaining(retain: Value) -> Value {
    let mut platform = xtask::platform::values();
    platform["storage"]["retain"] = retain;
    platform
}

/// Sets of values that together render every branch of the templates.
fn matrix(ns: &Namespace) -> Vec<(&'static str, Value)> {
    let webhooks = |enabled: bool, policy: bool| json!({"webhooks": {"enabled": enabled}, "policy": {"enabled": policy}});
    vec![
        ("the defaults", json!({})),
        ("one replica without election", json!({"replicas": 1, "leaderElection": {"enabled": false}})),
        ("some namespaces", json!({"watchNamespaces": [ns.name]})),
        ("no webhooks", json!({"admission": webhooks(false, true)})),
        ("no policy", json!({"admission": webhooks(true, false)})),
        (
            "no admission, no election",
            json!({"admission": webhooks(false, false), "replicas": 1,
                                             "leaderElection": {"enabled": false}}),
        ),
        (
            "rights and account of somebody else's",
            json!({"rbac": {"create": false}, "serviceAccount": {"create": false, "name": "mine"}}),
        ),
        (
            "a certificate in a Secret",
            json!({"admission": {"certificates": {"source": "file", "existingSecret": "ours"}}}),
        ),
        (
            "objects of somebody else's",
            json!({"extraObjects": [{"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "{{ .Release.Name }}-more"}, "data": {"a": "{{ .Values.fullname }}"}}]}),
        ),
        (
            "network policies",
            json!({"networkPolicy": {"enabled": true,
            "webhooksFrom": [{"ipBlock": {"cidr": "10.0.0.0/28"}}],
            "metricsFrom": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}],
            "extraEgress": [{"ports": [{"port": 8443}]}],
            "nodes": {"enabled": true, "namespaces": [ns.name], "sidecarFrom": [{"podSelector": {}}]}}}),
        ),
        (
            "keys in one namespace",
            json!({"rbac": {"secrets": {"scope": "namespaces", "namespaces": {&ns.name: ["val-0", "val-1"]}}}}),
        ),
        (
            "data",
            json!({"admission": {"confirmDelete": {"enabled": true, "threshold": "500Gi"}},
            "platform": retaining(json!({"archive": false, "signer": false}))}),
        ),
        (
            "secure metrics and known clients",
            json!({"admission": {"webhooks": {"clientCA": {"configMap": "clients", "key": "authority.pem"}}},
            "monitoring": {"metrics": {"secure": true, "readers": [{"name": "prometheus", "namespace": "monitoring"}]}}}),
        ),
        ("no keys", json!({"rbac": {"secrets": {"scope": "none"}}})),
        (
            "the network of the machines",
            json!({"hostNetwork": true, "ports": {"webhooks": 10260}, "extraArgs": ["--leader-election-namespace=a"],
            "extraEnv": [{"name": "RUST_BACKTRACE", "value": "1"}],
            "extraVolumes": [{"name": "more", "emptyDir": {}}],
            "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}],
            "podSecurityContext": {"runAsUser": 1000, "fsGroup": 1000}, "securityContext": {"privileged": false},
            "image": {"architectures": ["amd64", "arm64"]},
            "admission": {"certificates": {"source": "file", "existingSecret": "ours"}}}),
        ),
        (
            "everything about pods",
            json!({
            "image": {"digest": format!("sha256:{}", "0".repeat(64))}, "imagePullSecrets": [{"name": "pull"}],
            "log": {"format": "text", "filter": "warn,seinode_controller=debug"},
            "podLabels": {"team": "rpc"}, "podAnnotations": {"a": "b"}, "priorityClassName": "high",
            "nodeSelector": {"kubernetes.io/os": "linux"}, "tolerations": [{"operator": "Exists"}],
            "affinity": {"nodeAffinity": {}}, "commonLabels": {"cost": "7"}, "commonAnnotations": {"owner": "rpc"},
            "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}],
            "resources": {"requests": {"cpu": "1"}}, "serviceAccount": {"annotations": {"role": "arn:aws:iam::1:role/a"}}}),
        ),
    ]
}

#[scenario]
async fn operator_pod_fits_restricted_pod_security(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let enforce = "pod-security.kubernetes.io/enforce=restricted";
    let (labelled, said) = ns.try_kubectl(&["label", "namespace", &ns.name, enforce]);
    assert!(labelled, "{said}");
    let helm = Helm::of(&ns.world);
    let text = template(&helm, &ns, &helm.file(&values(&json!({}))));
    let deployment = documents(&text).into_iter().find(|it| it["kind"] == "Deployment").unwrap();
    let mut pod = deployment["spec"]["template"].clone();
    pod["apiVersion"] = json!("v1");
    pod["kind"] = json!("Pod");
    pod["metadata"]["name"] = json!("operator");
    let create = |pod: &Value| {
        let file = rendered(&helm, "pod.json", &pod.to_string());
        ns.try_kubectl(&["create", "--dry-run=server", "-f", path(&file)])
    };
    let (taken, said) = create(&pod);
    assert!(taken, "{said}");
    // The namespace does refuse what is not restricted.
    pod["spec"]["securityContext"] = json!({});
    let (taken, said) = create(&pod);
    assert!(!taken && said.contains("restricted"), "{said}");
}

/// Helm and kubectl take the last of two equal keys; kustomize and Flux refuse both.
#[scenario]
async fn maps_of_values_are_merged(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let helm = Helm::of(&ns.world);
    let specific = json!({"team": "rpc"});
    let more = values(&json!({
        "commonLabels": {"team": "all", "cost": "7"}, "commonAnnotations": {"team": "all"}, "podLabels": specific,
        "podAnnotations": {"kubectl.kubernetes.io/default-container": "mine"},
        "serviceAccount": {"annotations": specific},
        "monitoring": {
            "serviceMonitor": {"enabled": true, "labels": specific},
            "prometheusRule": {"enabled": true, "labels": specific, "alertLabels": {"severity": "page"}},
            "dashboards": {"enabled": true, "label": "team", "labelValue": "rpc", "annotations": specific},
        },
    }));
    let objects = documents(&template(&helm, &ns, &helm.file(&more)));
    for kind in ["ServiceMonitor", "PrometheusRule", "ConfigMap"] {
        let labels = &objects.iter().find(|it| it["kind"] == kind).unwrap()["metadata"]["labels"];
        assert_eq!((&labels["team"], &labels["cost"]), (&json!("rpc"), &json!("7")), "{kind}");
    }
    for kind in ["ServiceAccount", "ConfigMap"] {
        let of_kind = objects.iter().find(|it| it["kind"] == kind).unwrap();
        assert_eq!(of_kind["metadata"]["annotations"]["team"], "rpc", "{kind}");
    }
    let deployment = objects.iter().find(|it| it["kind"] == "Deployment").unwrap();
    assert_eq!(deployment["metadata"]["labels"]["team"], "all");
    let pod = &deployment["spec"]["template"]["metadata"];
    assert_eq!((&pod["labels"]["team"], &pod["labels"]["cost"]), (&json!("rpc"), &json!("7")));
    assert_eq!(pod["annotations"]["kubectl.kubernetes.io/default-container"], "mine");
}

/// OpenShift admits only users of a namespace's own range.
#[scenario]
async fn pods_name_no_user_unless_values_do(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let helm = Helm::of(&ns.world);
    for source in [json!({}), json!({"source": "file", "existingSecret": "ours"})] {
        let text = template(&helm, &ns, &helm.file(&values(&certificates(&source))));
        for field in ["runAsUser", "runAsGroup", "fsGroup"] {
            assert!(!text.contains(field), "{source}: {field}");
        }
    }
    let named = values(&json!({"podSecurityContext": {"runAsUser": 1000700000}}));
    let objects = documents(&template(&helm, &ns, &helm.file(&named)));
    let pods: Vec<_> = objects
        .iter()
        .flat_map(|it| [&it["spec"]["template"]["spec"], &it["spec"]])
        .filter(|spec| spec["containers"].is_array())
        .collect();
    assert_eq!(pods.len(), 2, "the operator's and that of helm test");
    for pod in pods {
        assert_eq!(pod["securityContext"]["runAsUser"], 1000700000, "{pod}");
        let terms = &pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
        let terms = terms["nodeSelectorTerms"][0]["matchExpressions"].to_string();
        assert!(terms.contains("amd64") && terms.contains("linux"), "{terms}");
    }
}

#[scenario]
async fn the_sidecars_port_is_open_to_the_operator_only(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let helm = Helm::of(&ns.world);
    let nodes = json!({"networkPolicy": {"nodes": {"enabled": true, "sidecarPort": 7777}}, "watchNamespaces": ["a", "b"]});
    let objects = documents(&template(&helm, &ns, &helm.file(&values(&nodes))));
    let policies: Vec<_> = objects.iter().filter(|it| it["kind"] == "NetworkPolicy").collect();
    let namespaces: Vec<_> = policies.iter().map(|it| it["metadata"]["namespace"].clone()).collect();
    assert_eq!(namespaces, ["a", "b"]);
    let open_to = |policy: &Value, port: u64, protocol: &str| -> Vec<Value> {
        let is_open = |it: &Value| {
            let (first, last) = (it["port"].as_u64().unwrap(), it["endPort"].as_u64());
            it["protocol"] == protocol && (first..=last.unwrap_or(first)).contains(&port)
        };
        let rules = policy["spec"]["ingress"].as_array().unwrap().iter();
        let open = rules.filter(|rule| rule["ports"].as_array().unwrap().iter().any(is_open));
        open.map(|rule| rule["from"].clone()).collect()
    };
    let Some(policy) = policies.first() else { panic!("no policy") };
    let operator = json!([{
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": ns.name}},
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": "seinode-operator", "app.kubernetes.io/instance": "it"}},
    }]);
    assert_eq!(open_to(policy, 7777, "TCP"), [operator]);
    for (port, protocol) in [(26656, "TCP"), (26657, "TCP"), (7776, "TCP"), (7778, "TCP"), (7777, "UDP")] {
        assert_eq!(open_to(policy, port, protocol), [Value::Null], "{protocol} {port} is open to everybody");
    }
}

#[scenario]
async fn wrong_values_are_rejected_by_path(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let helms = helms(&kit, &ns).await;
    let mut missing = values(&json!({}));
    missing["platform"]["snapshots"]["bucket"] = json!("");
    let mut typo = values(&json!({}));
    typo["platform"]["storage"]["defualt"] = json!({"class": "gp3"});
    let mut size = values(&json!({}));
    size["platform"]["storage"]["default"]["size"] = json!("2 TB");
    let wrong = [
        (missing, "/platform/snapshots/bucket"),
        (typo, "'defualt' not allowed"),
        (size, "/platform/storage/default/size"),
        (values(&json!({"replicsa": 3})), "'replicsa' not allowed"),
        (values(&json!({"replicas": "2"})), "/replicas"),
        (values(&json!({"image": {"digest": "latest"}})), "/image/digest"),
        (values(&json!({"log": {"format": "xml"}})), "/log/format"),
        (values(&json!({"watchNamespaces": ["Sei"]})), "/watchNamespaces/0"),
        (values(&json!({"controller": {"sidecarProbeInterval": 5}})), "/controller/sidecarProbeInterval"),
        (values(&json!({"admission": {"webhooks": {"enable": true}}})), "'enable' not allowed"),
        (values(&json!({"extraObjects": [{"kind": "ConfigMap"}]})), "/extraObjects/0"),
        (values(&json!({"selftest": {"namespace": "Sei"}})), "/selftest/namespace"),
        (values(&certificates(&json!({"source": "vault"}))), "/admission/certificates/source"),
        (values(&json!({"leaderElection": {"enabled": false}})), "without leaderElection.enabled"),
        (values(&json!({"ports": {"health": 8080}})), "ports: two of them are the same"),
        (values(&certificates(&json!({"source": "file"}))), "no Secret is named"),
        (values(&certificates(&json!({"existingSecret": "a"}))), "source is self, which does not use it"),
        (values(&certificates(&json!({"source": "cert-manager"}))), "no issuer is named"),
        (
            values(&certificates(&json!({"issuerRef": {"name": "a"}}))),
            "source is self, which does not use it",
        ),
        (
            values(&json!({"podLabels": {"app.kubernetes.io/name": "a"}})),
            "podLabels: app.kubernetes.io/name is the chart's",
        ),
        (values(&json!({"rbac": {"secrets": {"scope": "some"}}})), "/rbac/secrets/scope"),
        (
            values(&json!({"rbac": {"secrets": {"scope": "namespaces"}}})),
            "rbac.secrets.namespaces: scope is namespaces",
        ),
        (
            values(&json!({"rbac": {"secrets": {"namespaces": {"sei": []}}}})),
            "rbac.secrets.namespaces: scope is all, which does not use them",
        ),
        (
            values(
                &json!({"watchNamespaces": ["a"], "rbac": {"secrets": {"scope": "namespaces", "namespaces": {"b": []}}}}),
            ),
            "rbac.secrets.namespaces: b is not among watchNamespaces",
        ),
        (values(&json!({"networkPolicy": {"nodes": {"enabled": true}}})), "networkPolicy.nodes.namespaces: "),
        (values(&json!({"hostNetwork": true})), "ports: with hostNetwork the kubelet has 10250"),
        (
            values(&json!({"extraArgs": ["--leader-elect=false"]})),
            "extraArgs: the chart sets --leader-elect ",
        ),
        (
            values(&json!({"extraEnv": [{"name": "SEI_NODEPOOL_NAME", "value": "a"}]})),
            "extraEnv: the chart sets SEI_NODEPOOL_NAME",
        ),
        (
            values(&json!({"extraVolumes": [{"name": "certificate"}]})),
            "extraVolumes: certificate is the chart's",
        ),
    ];
    for (values, place) in wrong {
        for helm in &helms {
            let file = helm.file(&values);
            let (done, _, said) = helm.run(&["template", "it", OPERATOR, "--values", &file]);
            assert!(!done && said.contains(place), "{place}: {said}");
        }
    }
    for helm in &helms {
        let (done, _, said) = helm.run(&["template", "it", CRDS, "--set", "keep=maybe"]);
        assert!(!done && said.contains("/keep"), "{said}");
    }
}

#[scenario]
async fn crd_chart_equals_the_operators_definition(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let helm = Helm::of(&ns.world);
    let (done, text, said) = helm.run(&["template", "it", CRDS]);
    assert!(done, "{said}");
    let [crd] = &documents(&text)[..] else { panic!("{text}") };
    let crd: CustomResourceDefinition = serde_json::from_value(crd.clone()).unwrap();
    let ours = seinode_api::crd::seinode();
    assert!(crd.spec == ours.spec, "the chart is behind: UPDATE_GOLDEN=1 cargo test -p seinode-api");
    let (annotations, hash) = (crd.annotations(), "sei.io/schema-hash");
    assert_eq!(annotations.get(hash), ours.annotations().get(hash));
    assert_eq!(annotations["helm.sh/resource-policy"], "keep");
}

fn template(helm: &Helm, ns: &Namespace, values: &str) -> String {
    let (done, text, said) =
        helm.run(&["template", "it", OPERATOR, "--namespace", &ns.name, "--values", values]);
    assert!(done, "{said}");
    text
}

/// The objects of a rendered chart.
pub fn documents(text: &str) -> Vec<Value> {
    chart::objects(text).unwrap()
}

/// The same, each as text, in an order of their own: each Helm has another one.
fn sorted(text: &str) -> Vec<String> {
    let mut objects: Vec<_> = documents(text).iter().map(Value::to_string).collect();
    objects.sort();
    objects
}

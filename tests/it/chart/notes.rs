//! Metadata of every object, the notes after an installation, the annotations for Artifact Hub, and the documented values; and
//! Helm 3 installs both charts like Helm 4.

use std::{fs, sync::Arc};

use k8s_openapi::{
    api::{apps::v1::Deployment, rbac::v1::ClusterRole},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{Api, ResourceExt};
use scenario::scenario;
use serde_json::{Value, json};

use super::rendered::documents;
use crate::kit::{
    Kit,
    release::{CRDS, Helm, Major, OPERATOR, path, rendered, values},
};

#[scenario]
async fn all_objects_carry_common_labels_and_annotations(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let helm = Helm::of(&ns.world);
    let more = json!({
        "commonLabels": {"cost": "7"}, "commonAnnotations": {"owner": "rpc"}, "watchNamespaces": ["a", "b"],
        "networkPolicy": {"enabled": true}, "serviceAccount": {"annotations": {"role": "r"}},
        "admission": {"certificates": {"source": "cert-manager", "issuerRef": {"name": "ca"}}},
        "monitoring": {
            "serviceMonitor": {"enabled": true}, "prometheusRule": {"enabled": true}, "dashboards": {"enabled": true},
        },
    });
    let text = helm.must(&["template", "it", OPERATOR], &values(&more));
    let objects = documents(&text);
    assert!(objects.len() > 20, "{text}");
    for object in &objects {
        let (kind, metadata) = (&object["kind"], &object["metadata"]);
        let name = &metadata["name"];
        for label in ["name", "instance", "version", "component", "part-of", "managed-by"] {
            let label = format!("app.kubernetes.io/{label}");
            assert!(metadata["labels"][&label].is_string(), "{kind} {name} has no label {label}");
        }
        assert_eq!(metadata["labels"]["cost"], "7", "{kind} {name}");
        assert_eq!(metadata["annotations"]["owner"], "rpc", "{kind} {name}");
    }
    let of = |kind: &str| objects.iter().find(|it| it["kind"] == kind).unwrap();
    assert_eq!(of("ServiceAccount")["metadata"]["annotations"]["role"], "r");
    assert_eq!(of("Deployment")["spec"]["template"]["metadata"]["labels"]["cost"], "7");
    // What the Service selects is the operator alone.
    let test = of("Pod")["metadata"]["labels"]["app.kubernetes.io/name"].clone();
    assert_ne!(of("Service")["spec"]["selector"]["app.kubernetes.io/name"], test);
}

#[scenario]
async fn notes_warn_of_likely_mistakes(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let warned = [
        (json!({"replicas": 1}), "There is one replica"),
        (json!({"replicas": 1}), "no SeiNode can be created or changed"),
        (json!({"replicas": 0}), "replicas is 0"),
        (json!({"admission": {"webhooks": {"enabled": false}}}), "admission.webhooks.enabled is false"),
        (json!({"admission": {"policy": {"enabled": false}}}), "admission.policy.enabled is false"),
        (json!({"rbac": {"create": false}}), "rbac.create is false"),
        (json!({"serviceAccount": {"create": false}}), "serviceAccount.create is false"),
        (json!({"image": {"tag": "latest"}}), "image.tag is latest"),
        (json!({"admission": {"namespaceSelector": {"matchLabels": {"a": "b"}}}}), "selftest.namespace"),
    ];
    for major in Major::BOTH {
        let helm = Helm::major(&kit, &ns.world, major).await;
        let notes = |more: &Value| {
            let said = helm.must(&["install", "it", OPERATOR, "--dry-run=client"], &values(more));
            said.split_once("NOTES:").unwrap().1.to_owned()
        };
        for (more, words) in &warned {
            let notes = notes(more);
            let warning = notes.split("WARNING: ").skip(1).any(|warning| warning.contains(words));
            assert!(warning, "{major:?}, {more}: {notes}");
        }
        let secrets = |more: &Value| {
            let notes = notes(more);
            notes
                .split_once("may read every Secret in ")
                .map(|(_, rest)| rest.split(':').next().unwrap().to_owned())
        };
        assert_eq!(secrets(&json!({})).as_deref(), Some("ALL namespaces of this cluster"));
        assert_eq!(secrets(&json!({"watchNamespaces": ["a", "b"]})).as_deref(), Some("the namespaces a, b"));
        let narrow = json!({"scope": "namespaces", "namespaces": {"a": ["val-0"]}});
        for scope in [narrow, json!({"scope": "none"})] {
            assert_eq!(secrets(&json!({"rbac": {"secrets": scope}})), None);
        }
        let quiet = notes(&json!({}));
        assert!(!quiet.contains("WARNING") && quiet.contains("helm test it"), "{quiet}");
    }
}

#[scenario]
async fn artifacthub_annotations_are_true(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let told = |chart: &str| -> Value {
        serde_norway::from_str(&fs::read_to_string(format!("{chart}/Chart.yaml")).unwrap()).unwrap()
    };
    let list = |chart: &Value, name: &str| -> Vec<Value> {
        let text = chart["annotations"][format!("artifacthub.io/{name}")].as_str().unwrap();
        serde_norway::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    let (crds, operator) = (told(CRDS), told(OPERATOR));
    let ours = seinode_api::crd::seinode();
    let [crd] = &list(&crds, "crds")[..] else { panic!("{crds}") };
    assert_eq!((&crd["name"], &crd["kind"]), (&json!(ours.name_any()), &json!(ours.spec.names.kind)));
    assert_eq!(crd["version"], ours.spec.versions[0].name);
    let [example] = &list(&crds, "crdsExamples")[..] else { panic!("{crds}") };
    let helm = Helm::of(&ns.world);
    let file = rendered(&helm, "example.json", &example.to_string());
    let (taken, said) = ns.try_kubectl(&["create", "--dry-run=server", "-f", path(&file)]);
    assert!(taken, "{said}");
    let [image] = &list(&operator, "images")[..] else { panic!("{operator}") };
    let text = helm.must(&["template", "it", OPERATOR], &values(&json!({})));
    let deployment = documents(&text).into_iter().find(|it| it["kind"] == "Deployment").unwrap();
    assert_eq!(image["image"], deployment["spec"]["template"]["spec"]["containers"][0]["image"]);
    assert_eq!(crds["version"], operator["version"]);
    for chart in [&crds, &operator] {
        list(chart, "links");
    }
}

#[scenario]
async fn documented_values_render(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let helm = Helm::of(&ns.world);
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/install.md")).unwrap();
    let shown: Vec<Value> = text
        .split("```yaml\n")
        .skip(1)
        .map(|rest| serde_norway::from_str(rest.split("```").next().unwrap()).unwrap())
        .collect();
    let [platform, more @ ..] = &shown[..] else { panic!("docs/install.md shows no values") };
    assert!(!more.is_empty());
    for more in more.iter().chain([&json!({})]) {
        let mut all = platform.clone();
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        helm.must(&["template", "it", OPERATOR], &all);
    }
}

#[scenario]
async fn helm_3_installs_upgrades_and_removes_both_charts(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let helm = Helm::major(&kit, &ns.world, Major::Three).await;
    let namespace = ["--namespace", &ns.name];
    // On the shared cluster: for this namespace only, and without an operator.
    let values = |replicas: u8| {
        values(&json!({"fullname": ns.name, "watchNamespaces": [ns.name], "replicas": replicas,
                       "serviceAccount": {"name": ns.name}, "leaderElection": {"enabled": false}}))
    };
    let (crds, operator) = (format!("{}-crds", ns.name), ns.name.clone());
    let must = |arguments: &[&str], values: &Value| helm.must(&[arguments, &namespace].concat(), values);
    must(&["install", &crds, CRDS, "--take-ownership"], &json!({}));
    must(&["install", &operator, OPERATOR], &values(0));
    must(&["upgrade", &operator, OPERATOR], &values(1));
    let deployments = ns.api::<Deployment>();
    assert_eq!(deployments.get(&ns.name).await.unwrap().spec.unwrap().replicas, Some(1));
    for release in [&operator, &crds] {
        let (done, _, said) = helm.run(&["uninstall", release, "--namespace", &ns.name]);
        assert!(done, "{said}");
    }
    assert!(deployments.get_opt(&ns.name).await.unwrap().is_none());
    let roles: Api<ClusterRole> = Api::all(ns.client.clone());
    assert!(roles.get_opt(&ns.name).await.unwrap().is_none());
    let definitions: Api<CustomResourceDefinition> = Api::all(ns.client.clone());
    let left = definitions.get("seinodes.sei.io").await.unwrap();
    assert_eq!(left.metadata.deletion_timestamp, None, "the definition goes with its release");
}

//! Certificates of the webhooks from other sources than the operator, by values of the chart.

use std::{fs, sync::Arc};

use devcluster::{
    Audit, Options,
    definitions::{self, Publisher},
};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::api::{ObjectMeta, PostParams};
use scenario::scenario;
use serde_json::{Value, json};

use super::rendered::documents;
use crate::{
    certs::Provided,
    kit::{
        Kit, Namespace, define,
        release::{Helm, OPERATOR, Release, path, rendered, values},
    },
};

/// Values with this source of the certificate.
fn source(more: &Value) -> Value {
    json!({"admission": {"certificates": more}})
}

#[scenario]
async fn certificate_from_a_secret_is_served_and_trusted(kit: Arc<Kit>) {
    let options =
        Options { audit: Audit::On, crds: vec![seinode_api::crd::seinode()], ..xtask::platform::options() };
    let world = Arc::new(kit.private(options).await);
    let nodes = Namespace::create(Arc::clone(&world), "sei").await;
    let release =
        Release::install(world, &source(&json!({"source": "file", "existingSecret": "ours"}))).await;
    let provided = Provided::new();
    provided.write("seinode-operator-webhook.sei-system.svc");
    let file = |name: &str| (name.to_owned(), ByteString(fs::read(provided.path(name)).unwrap()));
    let secret = Secret {
        metadata: ObjectMeta { name: Some("ours".to_owned()), ..ObjectMeta::default() },
        data: Some(["ca.crt", "tls.crt", "tls.key"].map(file).into()),
        ..Secret::default()
    };
    let secrets = release.system.api::<Secret>();
    secrets.create(&PostParams::default(), &secret).await.unwrap();
    let replica = release.replica("operator-a").await;
    replica.ready().await;
    release.asked(&nodes).await;
    let held: Vec<_> = secrets.list(&Default::default()).await.unwrap().items;
    let held: Vec<_> = held.into_iter().filter_map(|it| it.metadata.name).collect();
    assert!(
        !held.iter().any(|name| name.ends_with("-authority")),
        "there is an authority of our own: {held:?}"
    );
}

#[scenario]
async fn foreign_certificates_leave_no_right_to_secrets(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let helm = Helm::of(&ns.world);
    let render = |more: &Value| {
        let file = helm.file(&values(&source(more)));
        let (done, text, said) = helm.run(&["template", "it", OPERATOR, "--values", &file]);
        assert!(done, "{said}");
        documents(&text)
    };
    let (ours, file, manager) = (
        render(&json!({})),
        render(&json!({"source": "file", "existingSecret": "ours"})),
        render(&json!({"source": "cert-manager", "issuerRef": {"name": "ca"}})),
    );
    let of = |objects: &[Value], kind: &str| -> Vec<Value> {
        objects
            .iter()
            .filter(|it| it["kind"] == kind && it["metadata"]["annotations"]["helm.sh/hook"].is_null())
            .cloned()
            .collect()
    };
    let role = |objects: &[Value]| of(objects, "Role")[0]["rules"].to_string();
    assert!(role(&ours).contains("\"secrets\""));
    for others in [&file, &manager] {
        assert!(!role(others).contains("\"secrets\""), "{}", role(others));
        let pod = &of(others, "Deployment")[0]["spec"]["template"]["spec"];
        assert_eq!(
            pod["volumes"][0]["secret"]["defaultMode"], 0o444,
            "its only container may run as any user"
        );
        assert_eq!(pod["containers"][0]["volumeMounts"][0]["readOnly"], true);
    }
    let secret = |objects: &[Value]| {
        let pod = of(objects, "Deployment")[0]["spec"]["template"]["spec"].clone();
        pod["volumes"][0]["secret"]["secretName"].clone()
    };
    assert_eq!(
        (secret(&file), secret(&manager)),
        (json!("ours"), json!("seinode-operator-webhook-certificate"))
    );
    assert_eq!(secret(&ours), Value::Null);

    // Who puts the authority into the configurations: the operator, or cert-manager's cainjector.
    let patches = |objects: &[Value]| {
        let rules = of(objects, "ClusterRole").iter().map(Value::to_string).collect::<String>();
        rules.contains(r#""resourceNames":["seinode-operator"],"resources":["mutatingwebhookconfigurations","validatingwebhookconfigurations"],"verbs":["get","list","watch","patch"]"#)
    };
    assert!(patches(&ours) && patches(&file) && !patches(&manager));
    for kind in ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"] {
        let injected = |objects: &[Value]| {
            of(objects, kind)[0]["metadata"]["annotations"]["cert-manager.io/inject-ca-from"].clone()
        };
        assert_eq!(injected(&manager), "default/seinode-operator-webhook");
        assert_eq!((injected(&ours), injected(&file)), (Value::Null, Value::Null));
    }
    let certificate = &of(&manager, "Certificate")[0];
    let mut theirs = certificate.clone();
    theirs["metadata"]["namespace"] = json!(ns.name);
    for definition in definitions::of(Publisher::CertManager).await.unwrap() {
        define(&ns.client, &definition).await;
    }
    let strictly = |object: &Value| {
        let file = rendered(&helm, "certificate.json", &object.to_string());
        ns.try_kubectl(&["create", "--dry-run=server", "--validate=strict", "-f", path(&file)])
    };
    let (taken, said) = strictly(&theirs);
    assert!(taken, "{said}");
    theirs["spec"]["dnsName"] = json!("a");
    let (taken, said) = strictly(&theirs);
    assert!(!taken && said.contains("dnsName"), "{said}");
    assert_eq!(certificate["spec"]["dnsNames"], json!(["seinode-operator-webhook.default.svc"]));
    assert_eq!(
        certificate["spec"]["issuerRef"],
        json!({"name": "ca", "kind": "Issuer", "group": "cert-manager.io"})
    );
    assert_eq!(certificate["metadata"]["name"], "seinode-operator-webhook");
}

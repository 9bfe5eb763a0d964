//! A namespace whose SeiNodes are validated by replicas of its own, behind a Service.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use futures::future::join_all;
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api,
    api::{DynamicObject, Patch, PatchParams, PostParams},
};
use seinode_api::SeiNode;
use seinode_certs::Kind;
use serde_json::json;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::kit::{Kit, Namespace, Operator, eventually, namespace::full_node, service::Service};

/// The Secret of the authority.
pub const SECRET: &str = "webhook-authority";

pub struct Cluster {
    pub ns: Namespace,
    service: Service,
    kubeconfig: PathBuf,
    name: String,
}

impl Cluster {
    /// Makes both configurations, and an account that has every right in the namespace but in the cluster only those to
    /// the two configurations by name and to reviews of tokens.
    pub async fn of(kit: &Kit) -> Self {
        let ns = kit.namespace().await;
        let name = format!("serving-{}", ns.name);
        let kubeconfig = ns.account_with_every_right_here().await;
        let kinds = ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"];
        ns.grant_everywhere(json!([
            {"apiGroups": ["admissionregistration.k8s.io"], "resources": kinds,
             "resourceNames": [name], "verbs": ["get", "list", "watch", "patch"]},
            {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]},
            {"apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"]},
        ]))
        .await;
        let cluster = Self { service: Service::start().await, ns, kubeconfig, name };
        cluster.configure(Kind::Mutating, "mutate").await;
        cluster.configure(Kind::Validating, "validate").await;
        cluster
    }

    async fn configure(&self, kind: Kind, verb: &str) {
        let resource = kind.resource();
        let configuration = json!({
            "apiVersion": resource.api_version, "kind": resource.kind,
            "metadata": {"name": self.name},
            "webhooks": [{
                "name": format!("{verb}.serving.sei.io"),
                "clientConfig": {"url": format!("https://127.0.0.1:{}/{verb}/seinode", self.service.port)},
                "rules": [{"apiGroups": ["sei.io"], "apiVersions": ["v1alpha1"], "resources": ["seinodes"],
                           "operations": ["CREATE"]}],
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self.ns.name}},
                "failurePolicy": "Fail",
                "sideEffects": "None",
                "timeoutSeconds": 3,
                "admissionReviewVersions": ["v1"],
            }],
        });
        let configuration = serde_json::from_value(configuration).unwrap();
        self.api(kind).create(&PostParams::default(), &configuration).await.unwrap();
    }

    fn api(&self, kind: Kind) -> Api<DynamicObject> {
        Api::all_with(self.ns.client.clone(), &kind.resource())
    }

    /// The bundles of both configurations.
    pub async fn bundles(&self) -> Vec<String> {
        let read = async |kind| {
            let object = self.api(kind).get(&self.name).await.unwrap();
            let bundle = object.data["webhooks"][0]["clientConfig"]["caBundle"].clone();
            let bundle = serde_json::from_value::<ByteString>(bundle).unwrap_or_default();
            String::from_utf8(bundle.0).unwrap()
        };
        join_all([Kind::Mutating, Kind::Validating].map(read)).await
    }

    /// Takes the bundle out of both configurations.
    pub async fn remove_bundles(&self) {
        let remove = json!([{"op": "remove", "path": "/webhooks/0/clientConfig/caBundle"}]);
        let remove: Patch<()> = Patch::Json(serde_json::from_value(remove).unwrap());
        for kind in [Kind::Mutating, Kind::Validating] {
            self.api(kind).patch(&self.name, &PatchParams::default(), &remove).await.unwrap();
        }
    }

    /// The credentials of the account.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The authority that signs, in PEM.
    pub async fn authority(&self) -> String {
        let secret = self.ns.api::<Secret>().get(SECRET).await.unwrap();
        String::from_utf8(secret.data.unwrap()["tls.crt"].0.clone()).unwrap()
    }

    /// Starts a replica, and waits until it is ready and gets connections.
    pub async fn replica(&self) -> Operator {
        self.replica_with(&[]).await
    }

    /// Starts a replica with further arguments, and waits until it is ready and gets connections.
    pub async fn replica_with(&self, more: &[&str]) -> Operator {
        let arguments = [
            format!("--watch-namespace={}", self.ns.name),
            "--webhook-names=127.0.0.1".to_owned(),
            format!("--webhook-certificate-secret={SECRET}"),
            format!("--mutating-webhook-configuration={}", self.name),
            format!("--validating-webhook-configuration={}", self.name),
        ];
        let arguments: Vec<_> = arguments.iter().map(String::as_str).chain(more.iter().copied()).collect();
        let settings = [("POD_NAMESPACE", &*self.ns.name)];
        let operator = Operator::with_webhooks(&self.ns.world, &self.kubeconfig, &arguments, &settings);
        self.service.add(&operator).await;
        operator.ready().await;
        self.service.has(&operator).await;
        operator
    }

    /// Has the API server call both webhooks, as a dry run.
    async fn call(&self) -> Result<(), String> {
        let node: SeiNode = serde_norway::from_str(&full_node("called", "")).unwrap();
        let dry = PostParams { dry_run: true, ..PostParams::default() };
        let called = self.ns.api::<SeiNode>().create(&dry, &node).await;
        called.map(|_| ()).map_err(|error| match error {
            kube::Error::Api(status) => status.message.clone(),
            other => other.to_string(),
        })
    }

    /// Waits until the API server itself has learned of the configurations and their bundles.
    pub async fn callable(&self) {
        eventually("every webhook can be called", async || self.call().await).await;
    }

    /// Does something while calls go on, each with a pause after it, none of which may fail.
    pub async fn under_load<T>(&self, pause: Duration, what: impl Future<Output = T>) -> T {
        let (stop, calls) = (CancellationToken::new(), AtomicU64::new(0));
        let caller = async || {
            while !stop.is_cancelled() {
                if let Err(words) = self.call().await {
                    panic!("call {} failed: {words}", calls.load(Relaxed));
                }
                calls.fetch_add(1, Relaxed);
                sleep(pause).await;
            }
        };
        let doing = async {
            let done = what.await;
            // Fewer calls would mean nothing.
            while calls.load(Relaxed) <= 100 {
                sleep(pause).await;
            }
            stop.cancel();
            done
        };
        tokio::join!(doing, join_all([caller(), caller(), caller(), caller()])).0
    }

    /// Number of dry runs of SeiNodes that a replica has allowed.
    pub async fn answered_by(&self, replica: &Operator) -> f64 {
        let labels = "allowed=\"true\",code=\"200\",dry_run=\"true\",operation=\"CREATE\",subresource=\"\"";
        let series = format!("sei_admission_requests_total{{{labels},webhook=\"vseinode.sei.io\"}}");
        replica.metric(&series).await
    }
}

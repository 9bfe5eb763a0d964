//! A namespace with two webhook configurations of its own, and calls through them.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use futures::future::join_all;
use k8s_openapi::{
    ByteString,
    api::core::v1::{ConfigMap, Secret},
};
use kube::{
    Api,
    api::{DynamicObject, Patch, PatchParams, PostParams},
};
use seinode_certs::{Configuration, Kind, Lifetimes};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::replica::{Replica, ReplicaSettings};
use crate::kit::{Kit, Namespace, eventually};

/// The Secret of the authority.
pub const SECRET: &str = "webhook-authority";

/// A namespace with two configurations that are for it alone.
pub struct Setup {
    pub ns: Namespace,
    pub settings: ReplicaSettings,
}

impl Setup {
    /// Real lifetimes, but a short wait for a bundle to settle.
    pub async fn of(kit: &Kit) -> Self {
        let ns = kit.namespace().await;
        let configuration = |kind| Configuration { kind, name: format!("certs-{}", ns.name) };
        let settings = ReplicaSettings {
            client: ns.client.clone(),
            namespace: ns.name.clone(),
            configurations: vec![configuration(Kind::Mutating), configuration(Kind::Validating)],
            lifetimes: Lifetimes {
                settling: Duration::from_secs(1),
                check: Duration::from_millis(200),
                ..Lifetimes::default()
            },
            origin: None,
        };
        Self { ns, settings }
    }

    pub fn api(&self, configuration: &Configuration) -> Api<DynamicObject> {
        Api::all_with(self.ns.client.clone(), &configuration.kind.resource())
    }

    /// Makes both configurations: each has an entry for each replica, so that every call asks all of them.
    pub async fn configure(&self, replicas: &[&Replica]) {
        for configuration in &self.settings.configurations {
            self.make(configuration, replicas).await;
        }
    }

    pub async fn make(&self, configuration: &Configuration, replicas: &[&Replica]) {
        let entry =
            |(number, replica): (usize, &&Replica)| self.entry(&format!("r{number}.certs.sei.io"), replica);
        let entries: Vec<_> = replicas.iter().enumerate().map(entry).collect();
        let resource = configuration.kind.resource();
        let object = json!({
            "apiVersion": resource.api_version, "kind": resource.kind,
            "metadata": {"name": configuration.name}, "webhooks": entries,
        });
        let object = serde_json::from_value(object).unwrap();
        self.api(configuration).create(&PostParams::default(), &object).await.unwrap();
    }

    /// An entry of a configuration that leads to a replica.
    pub fn entry(&self, name: &str, replica: &Replica) -> Value {
        json!({
            "name": name,
            "clientConfig": {"url": replica.url()},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"],
                       "operations": ["CREATE"]}],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self.ns.name}},
            "objectSelector": {"matchLabels": {"certs": "called"}},
            "failurePolicy": "Fail",
            "sideEffects": "None",
            "timeoutSeconds": 10,
            "admissionReviewVersions": ["v1"],
        })
    }

    /// Has the API server call every webhook, as a dry run.
    pub async fn call(&self) -> Result<(), String> {
        let map = json!({"metadata": {"generateName": "called-", "labels": {"certs": "called"}}});
        let map: ConfigMap = serde_json::from_value(map).unwrap();
        let dry = PostParams { dry_run: true, ..PostParams::default() };
        let called = self.ns.api::<ConfigMap>().create(&dry, &map).await;
        called.map(|_| ()).map_err(|error| match error {
            kube::Error::Api(status) => status.message.clone(),
            other => other.to_string(),
        })
    }

    /// Waits until the API server itself has learned of the configurations and their bundles.
    pub async fn callable(&self) {
        eventually("every webhook can be called", async || self.call().await).await;
    }

    /// Calls all the time until told to stop, and counts.
    async fn load(&self, stop: &CancellationToken, calls: &AtomicU64) {
        let caller = async || {
            while !stop.is_cancelled() {
                if let Err(words) = self.call().await {
                    panic!("call {} failed: {words}", calls.load(Relaxed));
                }
                calls.fetch_add(1, Relaxed);
            }
        };
        join_all([caller(), caller()]).await;
    }

    /// Does something while calls go on, none of which may fail.
    pub async fn under_load(&self, what: impl Future<Output = ()>) {
        let (stop, calls) = (CancellationToken::new(), AtomicU64::new(0));
        let doing = async {
            what.await;
            // Fewer calls would mean nothing.
            while calls.load(Relaxed) <= 20 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            stop.cancel();
        };
        tokio::join!(self.load(&stop, &calls), doing);
    }

    /// Somebody takes the bundle out of an entry of a configuration.
    pub async fn wipe(&self, configuration: &Configuration) {
        let wipe = json!([{"op": "remove", "path": "/webhooks/0/clientConfig/caBundle"}]);
        let wipe: Patch<()> = Patch::Json(serde_json::from_value(wipe).unwrap());
        let api = self.api(configuration);
        api.patch(&configuration.name, &PatchParams::default(), &wipe).await.unwrap();
    }

    pub async fn secret(&self) -> Secret {
        self.ns.api::<Secret>().get(SECRET).await.unwrap()
    }

    /// The bundles of every entry of both configurations.
    pub async fn bundles(&self) -> Vec<String> {
        let read = async |configuration: &Configuration| {
            let object = self.api(configuration).get(&configuration.name).await.unwrap();
            object.data["webhooks"].as_array().unwrap().iter().map(bundle).collect::<Vec<_>>()
        };
        join_all(self.settings.configurations.iter().map(read)).await.concat()
    }
}

fn bundle(entry: &Value) -> String {
    let bundle = serde_json::from_value::<ByteString>(entry["clientConfig"]["caBundle"].clone());
    bundle.map(|bytes| String::from_utf8(bytes.0).unwrap()).unwrap_or_default()
}

/// The certificate of the authority that signs, as it is stored.
pub fn signer(secret: &Secret) -> String {
    String::from_utf8(secret.data.as_ref().unwrap()["tls.crt"].0.clone()).unwrap()
}

//! The bare script: one node brought up by hand, without status, events, retries or any care for what may go wrong.

use std::{collections::BTreeSet, fmt::Debug, time::Duration};

use k8s_openapi::{NamespaceResourceScope, api::core::v1::Pod};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{Patch, PatchParams},
    runtime::wait::await_condition,
};
use seinode_api::SeiNode;
use seinode_core::{
    intent::{Intent, PeerSource},
    node::NodeRef,
    peers,
    platform::{Bucket, Platform, Requests, ResultExport},
    quantity::Quantity,
    render,
    retention::{Retention, RetentionPolicy},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use sidecar_sim::Sidecars;
use uuid::Uuid;
use xtask::platform::PLATFORM;

/// Poll interval of a sidecar.
const GLANCE: Duration = Duration::from_millis(20);

/// Brings one of `nodes` up and returns when its gate is open.
pub async fn bring_up(client: &Client, sidecars: &Sidecars, node: &SeiNode, nodes: &[SeiNode]) {
    let intent = Intent::parse(node).unwrap();
    let namespace = node.namespace().unwrap();
    let me = NodeRef { namespace: namespace.clone(), name: node.name_any(), uid: "script".to_owned() };
    apply(client, render::volume(&me, &intent, &platform(), Retention::GoesWithTheNode)).await;
    apply(client, render::stateful_set(&me, &intent, &platform())).await;
    apply(client, render::service(&me, &intent)).await;

    let pods: Api<Pod> = Api::namespaced(client.clone(), &namespace);
    let has_address =
        |pod: Option<&Pod>| pod.is_some_and(|pod| pod.status.as_ref().is_some_and(|it| it.pod_ip.is_some()));
    await_condition(pods, &format!("{}-0", me.name), has_address).await.unwrap();

    let sidecar = Sidecar {
        base: sidecars.url(&namespace, &me.name),
        web: reqwest::Client::builder().no_proxy().build().unwrap(),
    };
    for (task, params) in tasks(&me, &intent, nodes) {
        sidecar.done(task, params.as_ref()).await;
    }
    sidecar.gate_open().await;
}

/// Server-side apply, without owner: no SeiNode exists, and what an absent owner owns is collected as garbage.
async fn apply<K>(client: &Client, mut object: K)
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + Serialize
        + DeserializeOwned,
{
    object.meta_mut().owner_references = None;
    let api: Api<K> = Api::namespaced(client.clone(), &object.namespace().unwrap());
    api.patch(&object.name_any(), &PatchParams::apply("script").force(), &Patch::Apply(&object))
        .await
        .unwrap();
}

/// The tasks of the init plan with the parameters that the operator sends.
fn tasks(me: &NodeRef, intent: &Intent, nodes: &[SeiNode]) -> Vec<(&'static str, Option<Value>)> {
    let mut overrides = json!({ "logging.level": "info" });
    for (key, value) in &intent.overrides {
        overrides[key] = json!(value);
    }
    let config = json!({ "mode": "full", "incremental": false, "targetVersion": 0, "overrides": overrides });
    let endpoints: BTreeSet<String> =
        nodes.iter().filter_map(|node| peers::address(me, intent, &node.metadata)).collect();
    let sources = intent.peers.iter().map(|source| match source {
        PeerSource::Ec2Tags { region, tags } => json!({ "type": "ec2Tags", "region": region, "tags": tags }),
        PeerSource::Static { addresses } => json!({ "type": "static", "addresses": addresses }),
        PeerSource::Label { .. } => json!({ "type": "dnsEndpoints", "endpoints": endpoints }),
    });
    let sources = json!({ "sources": sources.collect::<Vec<_>>() });
    vec![
        ("configure-genesis", None),
        ("config-apply", Some(config)),
        ("discover-peers", Some(sources)),
        ("config-validate", None),
        ("mark-ready", None),
    ]
}

struct Sidecar {
    base: String,
    web: reqwest::Client,
}

impl Sidecar {
    /// Submits a task until it succeeds: it fails while its peers are missing.
    async fn done(&self, task: &str, params: Option<&Value>) {
        loop {
            let id = Uuid::new_v4().to_string();
            let body = json!({ "id": id, "type": task, "params": params });
            // Nobody listens for a moment after the pod has its address.
            while !self.accepts(&body).await {
                tokio::time::sleep(GLANCE).await;
            }
            loop {
                let answer = self.web.get(format!("{}/v0/tasks/{id}", self.base)).send().await.unwrap();
                match answer.json::<Value>().await.unwrap()["status"].as_str() {
                    Some("completed") => return,
                    Some("failed") => break,
                    _ => tokio::time::sleep(GLANCE).await,
                }
            }
            tokio::time::sleep(GLANCE).await;
        }
    }

    async fn accepts(&self, body: &Value) -> bool {
        let answer = self.web.post(format!("{}/v0/tasks", self.base)).json(body).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    async fn gate_open(&self) {
        while !self
            .web
            .get(format!("{}/v0/healthz", self.base))
            .send()
            .await
            .is_ok_and(|it| it.status().is_success())
        {
            tokio::time::sleep(GLANCE).await;
        }
    }
}

/// The operator's own settings.
fn platform() -> Platform {
    let text = |variable: &str| {
        let setting = PLATFORM.iter().find(|(name, _)| *name == variable);
        setting.unwrap_or_else(|| panic!("{variable} is not set")).1.to_owned()
    };
    let quantity = |variable: &str| text(variable).parse::<Quantity>().unwrap();
    let requests = |cpu: &str, memory: &str| Requests { cpu: quantity(cpu), memory: quantity(memory) };
    let bucket = |name: &str, region: &str| Bucket { name: text(name), region: text(region) };
    Platform {
        nodepool_default: text("SEI_NODEPOOL_NAME"),
        nodepool_archive: text("SEI_NODEPOOL_ARCHIVE"),
        toleration_key: text("SEI_TOLERATION_KEY"),
        service_account: text("SEI_SERVICE_ACCOUNT"),
        storage_class_default: text("SEI_STORAGE_CLASS_PERF"),
        storage_class_archive: text("SEI_STORAGE_CLASS_ARCHIVE"),
        storage_size_default: quantity("SEI_STORAGE_SIZE_DEFAULT"),
        storage_size_archive: quantity("SEI_STORAGE_SIZE_ARCHIVE"),
        retention: RetentionPolicy::default(),
        resources_default: requests("SEI_RESOURCE_CPU_DEFAULT", "SEI_RESOURCE_MEM_DEFAULT"),
        resources_archive: requests("SEI_RESOURCE_CPU_ARCHIVE", "SEI_RESOURCE_MEM_ARCHIVE"),
        snapshot_bucket: bucket("SEI_SNAPSHOT_BUCKET", "SEI_SNAPSHOT_REGION"),
        genesis_bucket: bucket("SEI_GENESIS_BUCKET", "SEI_GENESIS_REGION"),
        result_export: ResultExport {
            bucket: bucket("SEI_RESULT_EXPORT_BUCKET", "SEI_RESULT_EXPORT_REGION"),
            prefix: text("SEI_RESULT_EXPORT_PREFIX"),
        },
    }
}

//! The bare script: one node brought up by hand, without status, events, retries or any care for what may go wrong.

use std::{fmt::Debug, time::Duration};

use k8s_openapi::{NamespaceResourceScope, api::core::v1::Pod};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{Patch, PatchParams},
    runtime::wait::await_condition,
};
use seinode_api::SeiNode;
use seinode_core::{
    configuration::PERSISTENT_PEERS,
    intent::Intent,
    node::NodeRef,
    peers::{self, Peers},
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
    let peers = sidecar.peers(sidecars, &me, &intent, nodes).await;
    for (task, params) in tasks(&intent, &peers) {
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
fn tasks(intent: &Intent, peers: &str) -> Vec<(&'static str, Option<Value>)> {
    let mut overrides = json!({ "logging.level": "info", PERSISTENT_PEERS: peers });
    for (key, value) in &intent.overrides {
        overrides[key] = json!(value);
    }
    let config = json!({ "mode": "full", "incremental": false, "targetVersion": 0, "overrides": overrides });
    vec![
        ("configure-genesis", None),
        ("config-apply", Some(config)),
        ("config-validate", None),
        ("mark-ready", None),
    ]
}

struct Sidecar {
    base: String,
    web: reqwest::Client,
}

impl Sidecar {
    /// The addresses of all peers. Those in the cluster are asked for their ids until they answer.
    async fn peers(&self, sidecars: &Sidecars, me: &NodeRef, intent: &Intent, nodes: &[SeiNode]) -> String {
        let mut found = Peers::default();
        for node in nodes {
            let mut selected = Peers::default();
            selected.consider(me, intent, node);
            if selected == Peers::default() {
                continue;
            }
            let url = format!("{}/v0/node-id", sidecars.url(&node.namespace().unwrap(), &node.name_any()));
            let mut node = node.clone();
            node.status.get_or_insert_default().node_id = Some(self.node_id(&url).await);
            found.consider(me, intent, &node);
        }
        peers::union(intent, &found).join(",")
    }

    async fn node_id(&self, url: &str) -> String {
        loop {
            if let Ok(answer) = self.web.get(url).send().await
                && let Ok(body) = answer.json::<Value>().await
                && let Some(id) = body["nodeId"].as_str()
            {
                return id.to_owned();
            }
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// Submits a task until it succeeds.
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

//! A namespace with a node's objects, and a client of its simulated sidecar.

use std::fmt::Debug;
use std::time::Duration;

use devcluster::wait::until;
use devcluster::{Cluster, Guard, Options, Progress, kubelet};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Namespace, PersistentVolumeClaim, Pod};
use k8s_openapi::serde::{Serialize, de::DeserializeOwned};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, Resource};
use serde_json::{Value, json};
use sidecar_sim::{Node, Sidecars};
use tokio::sync::OnceCell;

/// Long enough for a machine that compiles meanwhile; a passing scenario never waits for it.
const LIMIT: Duration = Duration::from_secs(30);

/// The cluster that scenarios share.
pub struct Shared {
    guard: Guard,
    cluster: OnceCell<Cluster>,
}

impl Shared {
    pub fn new(guard: Guard) -> Self {
        Self { guard, cluster: OnceCell::new() }
    }

    /// The cluster. Starts with the first scenario that needs it.
    pub async fn cluster(&self) -> &Cluster {
        let options = Options { progress: Progress::lines(), ..Options::default() };
        let start = || async { Cluster::start(options, &self.guard).await.expect("a cluster") };
        self.cluster.get_or_init(start).await
    }
}

/// Node `a` of a namespace: its objects in the cluster and its simulated sidecar.
pub struct Fixture {
    client: Client,
    namespace: String,
    pub node: Node,
    base: String,
    web: reqwest::Client,
    _server: Sidecars,
}

impl Fixture {
    pub async fn new(cluster: &Cluster, namespace: &str) -> Self {
        let client = cluster.client();
        let object: Namespace = from(json!({ "metadata": { "name": namespace } }));
        let api: Api<Namespace> = Api::all(client.clone());
        api.create(&PostParams::default(), &object).await.unwrap();
        let server = Sidecars::start(client.clone()).await.unwrap();
        // Another test may have been first.
        rustls::crypto::ring::default_provider().install_default().ok();
        let this = Self {
            namespace: namespace.to_owned(),
            node: server.node(namespace, "a"),
            base: server.url(namespace, "a"),
            web: reqwest::Client::builder().no_proxy().build().unwrap(),
            _server: server,
            client,
        };
        this.create::<PersistentVolumeClaim>(claim()).await;
        this
    }

    fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    async fn create<K>(&self, object: Value)
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + Debug
            + DeserializeOwned
            + Serialize,
    {
        self.api::<K>().create(&PostParams::default(), &from(object)).await.unwrap();
    }

    /// Creates the StatefulSet and returns its pod once it is ready.
    pub async fn stateful_set(&self) -> Pod {
        self.create::<StatefulSet>(stateful_set()).await;
        self.ready_pod("sei.io/node=a,!sei.io/component").await
    }

    /// Creates the bootstrap Job and returns its pod once it is ready.
    pub async fn bootstrap(&self) -> Pod {
        self.create::<Job>(bootstrap_job()).await;
        self.ready_pod("sei.io/node=a,sei.io/component=bootstrap").await
    }

    async fn ready_pod(&self, selector: &str) -> Pod {
        eventually("the pod is ready", async || {
            let pods = self.api::<Pod>().list(&ListParams::default().labels(selector)).await.unwrap().items;
            pods.iter().find(|pod| is_ready(pod)).cloned().ok_or_else(|| format!("{pods:?}"))
        })
        .await
    }

    /// Lets the bootstrap pod succeed, and deletes the Job once it has succeeded.
    pub async fn end_bootstrap(&self, pod: &str) {
        self.annotate(pod, json!({ kubelet::BEHAVIOUR: kubelet::COMPLETE })).await;
        let jobs = self.api::<Job>();
        eventually("the Job has succeeded", async || {
            let status = jobs.get("a-bootstrap").await.unwrap().status.unwrap_or_default();
            if status.succeeded == Some(1) { Ok(()) } else { Err(format!("{status:?}")) }
        })
        .await;
        jobs.delete("a-bootstrap", &DeleteParams::foreground()).await.unwrap();
        eventually("the Job is gone", async || match jobs.get_opt("a-bootstrap").await.unwrap() {
            None => Ok(()),
            Some(job) => Err(format!("{:?}", job.status)),
        })
        .await;
    }

    pub async fn annotate(&self, pod: &str, annotations: Value) {
        let patch = Patch::Merge(json!({ "metadata": { "annotations": annotations } }));
        self.api::<Pod>().patch(pod, &PatchParams::default(), &patch).await.unwrap();
    }

    /// Status of `GET path`; `None` without an answer.
    pub async fn get(&self, path: &str) -> Option<u16> {
        let answer = self.web.get(format!("{}{path}", self.base)).send().await.ok();
        answer.map(|answer| answer.status().as_u16())
    }

    pub async fn submit(&self, id: &str, task: &str) {
        let body = json!({ "id": id, "type": task });
        let answer = self.web.post(format!("{}/v0/tasks", self.base)).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 201);
    }

    pub async fn task(&self, id: &str) -> Value {
        let answer = self.web.get(format!("{}/v0/tasks/{id}", self.base)).send().await.unwrap();
        answer.json().await.unwrap()
    }

    pub async fn until(&self, holds: impl Fn(&Node) -> bool) {
        self.node.until(LIMIT, holds).await.unwrap();
    }
}

/// Polls until there is an answer, and returns it.
pub async fn eventually<T>(what: &str, poll: impl AsyncFnMut() -> Result<T, String>) -> T {
    until(what, LIMIT, poll).await.unwrap_or_else(|error| panic!("{error}"))
}

fn from<K: DeserializeOwned>(object: Value) -> K {
    serde_json::from_value(object).expect("an object of that kind")
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.into_iter().flatten().any(|it| it.type_ == "Ready" && it.status == "True")
}

fn claim() -> Value {
    json!({
        "metadata": { "name": "data-a" },
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "standard",
            "resources": { "requests": { "storage": "2000Gi" } },
        },
    })
}

fn stateful_set() -> Value {
    json!({
        "metadata": { "name": "a" },
        "spec": {
            "serviceName": "a",
            "selector": { "matchLabels": { "sei.io/node": "a" } },
            "template": { "metadata": { "labels": { "sei.io/node": "a" } }, "spec": pod_spec() },
        },
    })
}

fn bootstrap_job() -> Value {
    let labels = json!({ "sei.io/node": "a", "sei.io/component": "bootstrap" });
    let mut spec = pod_spec();
    spec["restartPolicy"] = json!("Never");
    spec["hostname"] = json!("a-0");
    spec["subdomain"] = json!("a");
    json!({
        "metadata": { "name": "a-bootstrap", "labels": labels },
        "spec": { "backoffLimit": 0, "template": { "metadata": { "labels": labels }, "spec": spec } },
    })
}

fn pod_spec() -> Value {
    let mounts = json!([{ "name": "data", "mountPath": "/sei" }]);
    json!({
        "initContainers": [
            { "name": "seid-init", "image": "sei/seid:v1", "volumeMounts": mounts },
            { "name": "sei-sidecar", "image": "sei/seictl:v1", "restartPolicy": "Always", "volumeMounts": mounts },
        ],
        "containers": [{ "name": "seid", "image": "sei/seid:v1", "volumeMounts": mounts }],
        "volumes": [{ "name": "data", "persistentVolumeClaim": { "claimName": "data-a" } }],
    })
}

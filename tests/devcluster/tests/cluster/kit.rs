//! Fixtures: a namespace for each scenario, the objects of a small node, and polling.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use devcluster::wait::until;
use devcluster::{Audit, Cluster, Guard, Options, Progress};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ContainerStatus, Namespace, PersistentVolumeClaim, Pod};
use k8s_openapi::serde::Serialize;
use k8s_openapi::serde::de::DeserializeOwned;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client, Resource};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

/// The cluster that scenarios share, and the guard for others.
pub struct Shared {
    pub guard: Guard,
    cluster: OnceCell<Arc<Cluster>>,
}

impl Shared {
    pub fn new(guard: Guard) -> Self {
        Self { guard, cluster: OnceCell::new() }
    }

    /// The shared cluster. Starts with the first scenario that needs it.
    pub async fn cluster(&self) -> Arc<Cluster> {
        let start = || async {
            let options = Options { audit: Audit::On, progress: Progress::lines(), ..Options::default() };
            Arc::new(Cluster::start(options, &self.guard).await.expect("a cluster"))
        };
        Arc::clone(self.cluster.get_or_init(start).await)
    }
}

/// Long enough for a machine that compiles meanwhile; a passing scenario never waits for it.
pub const SOON: Duration = Duration::from_secs(30);

/// Polls until there is a value, and returns it.
pub async fn eventually<T>(what: &str, poll: impl AsyncFnMut() -> Result<T, String>) -> T {
    until(what, SOON, poll).await.unwrap_or_else(|error| panic!("{error}"))
}

/// A namespace and its objects.
pub struct Room {
    pub client: Client,
    pub namespace: String,
}

impl Room {
    pub async fn new(cluster: &Cluster, name: &str) -> Self {
        let client = cluster.client();
        let namespace: Namespace = from(json!({ "metadata": { "name": name } }));
        let api: Api<Namespace> = Api::all(client.clone());
        api.create(&PostParams::default(), &namespace).await.expect("a namespace");
        Self { client, namespace: name.to_owned() }
    }

    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub async fn create<K>(&self, object: Value) -> K
    where
        K: Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>
            + Clone
            + Debug
            + DeserializeOwned
            + Serialize,
    {
        let object: K = from(object);
        self.api::<K>().create(&PostParams::default(), &object).await.expect("created")
    }

    /// A claim and a StatefulSet such as the operator makes; `change` may alter the latter.
    pub async fn node(&self, name: &str, change: impl FnOnce(&mut Value)) {
        self.create::<PersistentVolumeClaim>(claim(&format!("data-{name}"), "standard")).await;
        let mut set = stateful_set(name);
        change(&mut set);
        self.create::<StatefulSet>(set).await;
    }

    pub async fn annotate(&self, pod: &str, annotations: Value) {
        let patch = Patch::Merge(json!({ "metadata": { "annotations": annotations } }));
        self.api::<Pod>().patch(pod, &PatchParams::default(), &patch).await.expect("annotated");
    }

    /// Waits until `check` finds in the pod what it looks for.
    pub async fn pod<T>(&self, what: &str, name: &str, check: impl Fn(&Pod) -> Option<T>) -> T {
        let api = self.api::<Pod>();
        eventually(what, || async {
            let pod = api.get(name).await.map_err(|error| error.to_string())?;
            check(&pod).ok_or_else(|| format!("{:?}", pod.status))
        })
        .await
    }

    pub async fn ready_pod(&self, name: &str) -> Pod {
        self.pod("the pod is ready", name, |pod| is_ready(pod).then(|| pod.clone())).await
    }
}

pub fn from<K: DeserializeOwned>(object: Value) -> K {
    serde_json::from_value(object).expect("an object of that kind")
}

pub fn claim(name: &str, class: &str) -> Value {
    json!({
        "metadata": { "name": name },
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": class,
            "resources": { "requests": { "storage": "2000Gi" } },
        },
    })
}

pub fn stateful_set(name: &str) -> Value {
    json!({
        "metadata": { "name": name },
        "spec": {
            "serviceName": name,
            "selector": { "matchLabels": { "sei.io/node": name } },
            "updateStrategy": { "type": "OnDelete" },
            "template": {
                "metadata": { "labels": { "sei.io/node": name }, "annotations": {} },
                "spec": pod_spec(&format!("data-{name}")),
            },
        },
    })
}

pub fn pod_spec(claim: &str) -> Value {
    let pool = json!({ "key": "kubernetes.io/os", "operator": "In", "values": ["linux"] });
    let mounts = json!([{ "name": "data", "mountPath": "/sei" }]);
    json!({
        "serviceAccountName": "seid-node",
        "affinity": { "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{ "matchExpressions": [pool] }] } } },
        "initContainers": [
            { "name": "seid-init", "image": "sei/seid:v1", "volumeMounts": mounts },
            { "name": "sei-sidecar", "image": "sei/seictl:v1", "restartPolicy": "Always", "volumeMounts": mounts },
        ],
        "containers": [{ "name": "seid", "image": "sei/seid:v1", "volumeMounts": mounts }],
        "volumes": [{ "name": "data", "persistentVolumeClaim": { "claimName": claim } }],
    })
}

pub fn is_ready(pod: &Pod) -> bool {
    condition(pod, "Ready").as_deref() == Some("True")
}

pub fn condition(pod: &Pod, wanted: &str) -> Option<String> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    Some(conditions.iter().find(|condition| condition.type_ == wanted)?.status.clone())
}

pub fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

/// The status of a container, init containers included.
pub fn container(pod: &Pod, name: &str) -> Option<ContainerStatus> {
    let status = pod.status.as_ref()?;
    let all = status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
    all.into_iter().find(|container| container.name == name).cloned()
}

/// Why a container waits.
pub fn waits(pod: &Pod, name: &str) -> Option<String> {
    container(pod, name)?.state?.waiting?.reason
}

//! tmp
use devcluster::{Cluster, Options, Progress, guardian, sidecar::*};
use kube::{Api, api::*};
use serde_json::json;
use std::time::{Duration, Instant};
const D: Duration = Duration::from_secs(30);
fn main() {
    let guard = guardian::claim();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let cluster = Cluster::start(Options { progress: Progress::lines(), ..Options::default() }, &guard).await.unwrap();
        let c = cluster.client();
        let s = Sidecars::start(c.clone()).await.unwrap();
        let pvcs: Api<k8s_openapi::api::core::v1::PersistentVolumeClaim> = Api::namespaced(c.clone(), "default");
        let pods: Api<k8s_openapi::api::core::v1::Pod> = Api::namespaced(c.clone(), "default");
        let stss: Api<k8s_openapi::api::apps::v1::StatefulSet> = Api::namespaced(c.clone(), "default");
        let sc: Api<k8s_openapi::api::storage::v1::StorageClass> = Api::all(c.clone());
        let class = sc.list(&Default::default()).await.unwrap().items.first().map(|c| c.name_any_());
        println!("class {class:?}");
        let pvc = serde_json::from_value(json!({"metadata":{"name":"data-a"},"spec":{"accessModes":["ReadWriteOnce"],"storageClassName":class,"resources":{"requests":{"storage":"1Gi"}}}})).unwrap();
        pvcs.create(&Default::default(), &pvc).await.unwrap();
        let sts = serde_json::from_value(json!({"metadata":{"name":"a"},"spec":{"replicas":1,"serviceName":"a","updateStrategy":{"type":"OnDelete"},"selector":{"matchLabels":{"sei.io/node":"a"}},
          "template":{"metadata":{"labels":{"sei.io/node":"a"}},"spec":{"containers":[{"name":"seid","image":"x"}],
            "initContainers":[{"name":"seid-init","image":"x"},{"name":"sei-sidecar","image":"y","restartPolicy":"Always"}],
            "tolerations":[{"operator":"Exists"}],
            "volumes":[{"name":"data","persistentVolumeClaim":{"claimName":"data-a"}}]}}}})).unwrap();
        let t = Instant::now();
        stss.create(&Default::default(), &sts).await.unwrap();
        let n = s.node("default", "a");
        n.until(D, Node::is_up).await.unwrap();
        println!("up after {:?}", t.elapsed());
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let base = s.url_template().replace("{namespace}", "default").replace("{name}", "a");
        let post = async |t: &str| { http.post(format!("{base}/v0/tasks")).json(&json!({"type": t})).send().await.unwrap(); n.settled(D).await.unwrap(); };
        post("mark-ready").await;
        assert!(n.is_ready());
        let uid = n.pod_uid();
        println!("node-id {}", http.get(format!("{base}/v0/node-id")).send().await.unwrap().text().await.unwrap());
        // container restart
        pods.patch("a-0", &PatchParams::default(), &Patch::Merge(json!({"metadata":{"annotations":{"devcluster.sei.io/restart-sidecar":"1"}}}))).await.unwrap();
        n.until(D, |n| n.is_up() && !n.is_ready()).await.unwrap();
        assert_eq!(uid, n.pod_uid());
        println!("container restart seen");
        post("mark-ready").await;
        assert!(n.is_ready());
        pods.delete("a-0", &Default::default()).await.unwrap();
        n.until(D, |n| n.is_up() && !n.is_ready() && n.pod_uid() != uid).await.unwrap();
        println!("replacement seen");
        let list = http.get(format!("{base}/v0/tasks")).send().await.unwrap().text().await.unwrap();
        println!("{list}");
        assert_eq!(list.matches("completed\"").count(), 2);
        stss.delete("a", &Default::default()).await.unwrap();
        n.until(D, |n| !n.is_up()).await.unwrap();
        println!("gone: {:?}", http.get(format!("{base}/v0/livez")).send().await);
        pvcs.delete("data-a", &Default::default()).await.unwrap();
        let t = Instant::now();
        while pvcs.get_opt("data-a").await.unwrap().is_some() { assert!(t.elapsed() < D); }
        pvcs.create(&Default::default(), &pvc).await.unwrap();
        stss.create(&Default::default(), &sts).await.unwrap();
        n.until(D, Node::is_up).await.unwrap();
        println!("new volume: {}", http.get(format!("{base}/v0/tasks")).send().await.unwrap().text().await.unwrap());
        println!("node-id {}", http.get(format!("{base}/v0/node-id")).send().await.unwrap().text().await.unwrap());
    });
}
trait N { fn name_any_(&self) -> String; }
impl N for k8s_openapi::api::storage::v1::StorageClass { fn name_any_(&self) -> String { self.metadata.name.clone().unwrap() } }

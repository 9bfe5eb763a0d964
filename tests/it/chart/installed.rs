//! Both charts installed, and two operators that run as the Deployment says: a node comes up, the leader dies in the middle
//! of an update, the release is upgraded and removed, and the node runs on.

use std::sync::Arc;

use devcluster::{Audit, Options};
use k8s_openapi::{
    api::{
        admissionregistration::v1::{
            MutatingWebhookConfiguration, ValidatingAdmissionPolicy, ValidatingWebhookConfiguration,
        },
        apps::v1::{Deployment, StatefulSet},
        coordination::v1::Lease,
        core::v1::{PersistentVolumeClaim, Pod, Secret, Service},
        rbac::v1::ClusterRole,
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{Api, ResourceExt, api::ListParams};
use scenario::scenario;
use seinode_api::SeiNode;
use serde_json::json;
use sidecar_sim::TaskType;

use crate::kit::{
    Kit, Namespace, eventually,
    release::{CRDS, NAME, Release},
};

#[scenario]
async fn install_failover_upgrade_and_uninstall_keep_the_node(kit: Arc<Kit>) {
    let options =
        Options { audit: Audit::On, crds: vec![seinode_api::crd::seinode()], ..xtask::platform::options() };
    let world = Arc::new(kit.private(options).await);
    let nodes = Namespace::create(Arc::clone(&world), "sei").await;
    let release = Release::install(world, &json!({})).await;
    let (first, second) = (release.replica("operator-a").await, release.replica("operator-b").await);
    first.ready().await;
    second.ready().await;
    release.asked(&nodes).await;
    nodes.full_node("n0", "").await;
    nodes.running("n0").await;
    let [volume, pod] =
        [uid::<PersistentVolumeClaim>(&nodes, "data-n0").await, uid::<Pod>(&nodes, "n0-0").await];

    // The leader dies while it waits for a task of an update.
    let leads = first.metric("sei_controller_leader").await == 1.0;
    let (leader, follower) = if leads { (first, second) } else { (second, first) };
    nodes.sidecar("n0").behaviour().hold(TaskType::ConfigApply);
    let change = json!({"image": "registry.example.com/seid:v2", "overrides": {"evm.http_port": "1"}});
    nodes.patch("n0", json!({"spec": change})).await;
    let runs = |task: TaskType| nodes.sidecar("n0").submissions().iter().filter(|it| it.task == task).count();
    eventually("the update has come to the configuration", async || {
        if runs(TaskType::ConfigApply) == 2 { Ok(()) } else { Err(runs(TaskType::ConfigApply)) }
    })
    .await;
    leader.kill();
    nodes.sidecar("n0").behaviour().release(TaskType::ConfigApply);
    nodes.rolled("n0", "v2").await;
    assert_eq!(follower.metric("sei_controller_leader").await, 1.0);
    assert_eq!(runs(TaskType::ConfigApply), 2, "nothing was handed over twice");
    assert_ne!(uid::<Pod>(&nodes, "n0-0").await, pod);

    // An upgrade changes what it says and nothing else.
    let more = json!({"log": {"filter": "debug"}, "controller": {"maxConcurrentRollouts": 3}});
    release.upgrade(&more);
    release.helm.must(&["upgrade", "seinode-crds", CRDS, "--namespace", "sei-system"], &json!({}));
    let third = release.replica("operator-c").await;
    third.ready().await;
    assert!(follower.stop().await.success());
    third.leads().await;
    release.asked(&nodes).await;
    nodes.image("n0", "v3").await;
    nodes.rolled("n0", "v3").await;
    let pod = uid::<Pod>(&nodes, "n0-0").await;

    // Removing both leaves everything of the node alone, and nothing blocked.
    assert!(third.stop().await.success());
    for name in [NAME, "seinode-crds"] {
        let (done, _, said) =
            release.helm.run(&["uninstall", name, "--namespace", "sei-system", "--wait=hookOnly"]);
        assert!(done, "{said}");
    }
    gone(&release).await;
    let crds: Api<CustomResourceDefinition> = Api::all(nodes.client.clone());
    assert!(
        crds.get_opt("seinodes.sei.io").await.unwrap().is_some(),
        "the definition went, and all nodes with it"
    );
    let node = nodes.api::<SeiNode>().get("n0").await.unwrap();
    assert_eq!(node.metadata.deletion_timestamp, None);
    assert_eq!(uid::<PersistentVolumeClaim>(&nodes, "data-n0").await, volume);
    assert_eq!(uid::<Pod>(&nodes, "n0-0").await, pod);
    let rolling = r#"{"spec":{"updateStrategy":{"type":"RollingUpdate","rollingUpdate":{"partition":0}}}}"#;
    // What docs/uninstall.md says: children stay, and of the operator's own what Helm did not make.
    uid::<StatefulSet>(&nodes, "n0").await;
    uid::<Service>(&nodes, "n0").await;
    uid::<Secret>(&release.system, "seinode-operator-webhook-authority").await;
    uid::<Lease>(&release.system, "bc1f5b0a.sei.io").await;
    // The API server learns a moment later that the policy is gone.
    eventually("a set can be given back to Kubernetes", async || {
        match nodes.try_kubectl(&["patch", "statefulset", "n0", "--patch", rolling]) {
            (true, _) => Ok(()),
            (false, said) => Err(said),
        }
    })
    .await;
    let scale = nodes.kubectl(&["scale", "statefulset", "n0", "--replicas=0"]);
    assert!(scale.contains("scaled"), "{scale}");
    nodes.delete::<SeiNode>("n0", kube::api::PropagationPolicy::Background).await;
    nodes.gone::<SeiNode>("n0").await;
}

/// Nothing of the release is left.
async fn gone(release: &Release) {
    let client = &release.system.client;
    let ours = ListParams::default().labels(&format!("app.kubernetes.io/instance={NAME}"));
    let mut left = Vec::new();
    macro_rules! look {
        ($($kind:ty)*) => {$(
            let listed = Api::<$kind>::all(client.clone()).list(&ours).await.unwrap();
            left.extend(listed.items.iter().map(|it| format!("{} {}", <$kind as k8s_openapi::Resource>::KIND, it.name_any())));
        )*};
    }
    look! {
        MutatingWebhookConfiguration ValidatingWebhookConfiguration ValidatingAdmissionPolicy ClusterRole Deployment
        StatefulSet
    }
    assert!(left.is_empty(), "{left:?}");
}

async fn uid<K>(ns: &Namespace, name: &str) -> String
where
    K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned,
{
    ns.api::<K>().get(name).await.unwrap().uid().unwrap()
}

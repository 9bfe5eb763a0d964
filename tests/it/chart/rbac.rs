//! The chart grants exactly the rights that the operator uses: it does everything that it ever does as the chart's
//! ServiceAccount, and the audit log has no denied request and every granted verb.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use devcluster::{Audit, Options, Owners, audit};
use jiff::Timestamp;
use k8s_openapi::{
    ByteString,
    api::{
        apps::v1::StatefulSet,
        batch::v1::Job,
        core::v1::{PersistentVolumeClaim, Pod, Secret, Service},
        events::v1::Event,
        rbac::v1::{ClusterRole, PolicyRule, Role},
    },
};
use kube::{Api, ResourceExt, api::PropagationPolicy};
use scenario::scenario;
use seinode_api::SeiNode;
use serde_json::{Value, json};
use sidecar_sim::{RESTART_SIDECAR, TaskType};

use crate::kit::{
    Kit, Namespace, Operator,
    bootstrap::Bootstrap,
    eventually,
    fixtures::validator,
    keys::{FIRST, NODE_KEY},
    namespace::condition,
    release::{NAME, Release, merge},
};

/// Rights that are granted and never logged, with the reason.
const NEVER_LOGGED: [(&str, &str, &str); 5] = [
    ("statefulsets", "create", "a server-side apply that creates needs it, and is logged as patch"),
    ("services", "create", "a server-side apply that creates needs it, and is logged as patch"),
    (
        "seinodes/finalizers",
        "update",
        "asked by the API server itself, for an owner reference that blocks deletion",
    ),
    ("persistentvolumeclaims", "delete", "asked by the API server itself, where an owner reference changes"),
    ("statefulsets", "delete", "asked by the API server itself, where an owner reference changes"),
];

const AUTHORITY: &str = "seinode-operator-webhook-authority";

#[scenario]
async fn cluster_wide_rights_are_exactly_those_used(kit: Arc<Kit>) {
    let more = json!({"rbac": {"ownerReferencesGuarded": true}});
    of_a_release(&kit, Owners::Guarded, more).await;
}

/// The rights to Secrets are narrowed as well, to those of the one validator.
#[scenario]
async fn rights_in_watched_namespaces_are_exactly_those_used(kit: Arc<Kit>) {
    let secrets = json!({"scope": "namespaces", "namespaces": {"sei": ["val-signing-key", "val-node-key"]}});
    of_a_release(&kit, Owners::Free, json!({"watchNamespaces": ["sei"], "rbac": {"secrets": secrets}})).await;
}

async fn of_a_release(kit: &Kit, owners: Owners, more: Value) {
    // The scenario does what the webhooks would refuse it.
    let mut values = json!({"replicas": 1, "admission": {"exemptUsers": ["admin"]}});
    values.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let begun = Timestamp::now();
    let crds = vec![seinode_api::crd::seinode()];
    let options = Options { audit: Audit::On, owners, crds, ..xtask::platform::options() };
    let world = Arc::new(kit.private(options).await);
    let ns = Namespace::create(Arc::clone(&world), "sei").await;
    let release = Release::install(world, &values).await;
    let operator = release.replica("operator").await;
    operator.ready().await;
    release.asked(&ns).await;

    let lost = full_life(&ns).await;
    signs(&ns).await;
    bootstraps(&ns).await;
    imports(&ns).await;
    refused(&ns).await;
    adopted(&ns).await;
    another_authority(&release, &operator).await;
    told_again(&ns, lost).await;
    assert!(operator.stop().await.success());

    let log = release.system.world.cluster.audit_log().unwrap();
    let user = release.user();
    let ours: Vec<_> =
        audit::requests(&log, begun).unwrap().into_iter().filter(|it| it.user == user).collect();
    let denied: Vec<_> = ours.iter().filter(|it| [401, 403].contains(&it.code)).collect();
    assert!(denied.is_empty(), "denied: {denied:#?}");
    let used: BTreeSet<_> = ours
        .iter()
        .map(|it| {
            let below =
                if it.subresource.is_empty() { String::new() } else { format!("/{}", it.subresource) };
            (it.group.clone(), format!("{}{below}", it.resource), it.verb.clone())
        })
        .collect();
    let granted = granted(&release, &ns).await;
    let excused = |(_, resource, verb): &&Right| {
        NEVER_LOGGED.iter().any(|(it, what, _)| (*it, *what) == (resource.as_str(), verb.as_str()))
    };
    let unused: Vec<_> = granted.difference(&used).filter(|right| !excused(right)).collect();
    assert!(unused.is_empty(), "granted and never used: {unused:#?}");
    let beyond: Vec<_> = used.difference(&granted).collect();
    assert!(beyond.is_empty(), "used without a rule: {beyond:#?}");
    let idle: Vec<_> = NEVER_LOGGED
        .iter()
        .filter(|(resource, verb, _)| {
            used.iter().any(|(_, it, what)| (it, what) == (&(*resource).to_owned(), &(*verb).to_owned()))
        })
        .collect();
    assert!(idle.is_empty(), "these are logged after all: {idle:?}");
}

/// A node comes up, is updated, loses its gate, is edited by hand, and is deleted. Returns when its gate was lost first.
async fn full_life(ns: &Namespace) -> Instant {
    ns.full_node("n0", "  dataVolume: {retain: true}\n").await;
    ns.running("n0").await;
    ns.image("n0", "v2").await;
    ns.rolled("n0", "v2").await;
    let lost = Instant::now();
    loses_its_gate(ns, "n0", "first").await;
    ns.kubectl_patch(
        "statefulset/n0",
        &json!({"spec": {"template": {"spec": {"nodeSelector": {"a": "b"}}}}}),
    );
    ns.kubectl(&["delete", "service", "n0"]);
    eventually("what was edited and deleted by hand is put back", async || {
        let set = ns.api::<StatefulSet>().get("n0").await.unwrap();
        let selector = set.spec.unwrap().template.spec.unwrap().node_selector.unwrap_or_default();
        let service = ns.api::<Service>().get_opt("n0").await.unwrap();
        if service.is_some() && !selector.contains_key("a") { Ok(()) } else { Err((selector, service)) }
    })
    .await;
    lost
}

/// Its sidecar is restarted in place, and its gate opened again.
async fn loses_its_gate(ns: &Namespace, node: &str, why: &str) {
    let opened = || {
        let runs = ns.sidecar(node).executions();
        runs.iter().filter(|it| it.task == TaskType::MarkReady).count()
    };
    let before = opened();
    let restart = json!({"metadata": {"annotations": {RESTART_SIDECAR: why}}});
    merge::<Pod>(ns, &format!("{node}-0"), restart).await;
    eventually("its gate is opened again", async || {
        if opened() > before && ns.sidecar(node).is_ready() {
            return Ok(());
        }
        Err(ns
            .api::<Pod>()
            .get(&format!("{node}-0"))
            .await
            .unwrap()
            .status
            .map(|it| it.init_container_statuses))
    })
    .await;
    ns.running(node).await;
}

/// Secrets of nodes.
async fn signs(ns: &Namespace) {
    ns.keys("val", &FIRST.file(), NODE_KEY).await;
    ns.create_yaml::<SeiNode>(&validator("val", "")).await;
    ns.running("val").await;
    ns.delete::<SeiNode>("val", PropagationPolicy::Background).await;
    ns.gone::<SeiNode>("val").await;
}

/// A Job that is suspended, goes on, ends and is removed.
async fn bootstraps(ns: &Namespace) {
    let yaml = "apiVersion: sei.io/v1alpha1\nkind: SeiNode\nmetadata: {name: boot}\nspec:\n  chainId: pacific-1\n  \
                image: registry.example.com/seid:v2\n  fullNode: {snapshot: {s3: {targetHeight: 7}, \
                bootstrapImage: 'registry.example.com/seid:v1'}}\n  peers: [{static: {addresses: \
                ['3f6c1d0a9b2e4f5867a1b2c3d4e5f60718293a4b@sentry.example.com:26656']}}]\n";
    ns.create_yaml::<SeiNode>(yaml).await;
    ns.bootstrap_pod("boot").await;
    ns.patch("boot", json!({"spec": {"paused": true}})).await;
    ns.node_until("boot", "is paused", |status| {
        condition(status, "Paused").is_some_and(|paused| paused.reason == "Paused")
    })
    .await;
    ns.patch("boot", json!({"spec": {"paused": false}})).await;
    ns.end_bootstrap("boot", Bootstrap::Halts).await;
    ns.running("boot").await;
    assert!(ns.api::<Job>().get_opt("boot-bootstrap").await.unwrap().is_none());
}

/// A PersistentVolume is read.
async fn imports(ns: &Namespace) {
    ns.bound_pvc("brought", "2000Gi").await;
    ns.full_node("imp", "  dataVolume: {import: {pvcName: brought}}\n").await;
    ns.running("imp").await;
}

/// A pod that cannot be made: the events of its StatefulSet are read.
async fn refused(ns: &Namespace) {
    ns.enforce(Some("restricted")).await;
    ns.full_node("no", "").await;
    ns.reports("no", ("Ready", "False", "PodRefused"), &[]).await;
    ns.enforce(None).await;
    ns.delete::<SeiNode>("no", PropagationPolicy::Background).await;
    ns.gone::<SeiNode>("no").await;
}

/// A node of the original operator, whose finalizer is taken off; and a volume that is let loose.
async fn adopted(ns: &Namespace) {
    let yaml = "apiVersion: sei.io/v1alpha1\nkind: SeiNode\nmetadata: {name: old, finalizers: \
                [sei.io/seinode-finalizer]}\nspec:\n  chainId: atlantic-2\n  image: registry.example.com/seid:v1\n  \
                fullNode: {}\n";
    ns.create_yaml::<SeiNode>(yaml).await;
    ns.running("old").await;
    ns.patch("old", json!({"spec": {"dataVolume": {"retain": true}}})).await;
    eventually("its volume is let loose", async || {
        let claim = ns.api::<PersistentVolumeClaim>().get("data-old").await.unwrap();
        if claim.owner_references().is_empty() { Ok(()) } else { Err(claim.metadata) }
    })
    .await;
    let orphan = json!({"metadata": {"ownerReferences": null}});
    merge::<StatefulSet>(ns, "old", orphan).await;
    eventually("its set is taken back", async || {
        let set = ns.api::<StatefulSet>().get("old").await.unwrap();
        if set.owner_references().is_empty() { Err(set.metadata) } else { Ok(()) }
    })
    .await;
    ns.delete::<SeiNode>("old", PropagationPolicy::Foreground).await;
    ns.gone::<SeiNode>("old").await;
}

/// The authority of the webhooks is corrupted, and made anew.
async fn another_authority(release: &Release, operator: &Operator) {
    let corrupt = json!({"data": {"tls.crt": ByteString(b"no certificate".to_vec())}});
    merge::<Secret>(&release.system, AUTHORITY, corrupt.clone()).await;
    eventually("there is another authority", async || {
        let secret = release.system.api::<Secret>().get(AUTHORITY).await.unwrap();
        let now = secret.data.unwrap_or_default().remove("tls.crt").unwrap_or_default();
        if now.0.starts_with(b"-----BEGIN") { Ok(()) } else { Err(operator.log()) }
    })
    .await;
}

/// The same words once more, more than a minute after they were said first: one event is counted up.
async fn told_again(ns: &Namespace, first: Instant) {
    tokio::time::sleep(Duration::from_secs(62).saturating_sub(first.elapsed())).await;
    loses_its_gate(ns, "n0", "again").await;
    eventually("an event is counted up", async || {
        let events = ns.api::<Event>().list(&Default::default()).await.unwrap().items;
        let series: Vec<_> = events.iter().filter_map(|event| event.series.clone()).collect();
        if series.is_empty() {
            Err(events.into_iter().filter_map(|event| event.note).collect::<Vec<_>>())
        } else {
            Ok(())
        }
    })
    .await;
}

/// Group, resource and verb.
type Right = (String, String, String);

/// All rights that the release grants to the operator.
async fn granted(release: &Release, ns: &Namespace) -> BTreeSet<Right> {
    let client = &release.system.client;
    let cluster = Api::<ClusterRole>::all(client.clone()).get(NAME).await.unwrap().rules;
    let own = release.system.api::<Role>().get(NAME).await.unwrap().rules;
    let mut rules = vec![cluster, own];
    for part in ["nodes", "secrets"] {
        let role = ns.api::<Role>().get_opt(&format!("{NAME}-{part}")).await.unwrap();
        rules.push(role.and_then(|role| role.rules));
    }
    let rules = rules.into_iter().flatten().flatten();
    let mut rights = BTreeSet::new();
    for PolicyRule { api_groups, resources, verbs, .. } in rules {
        for group in api_groups.iter().flatten() {
            for resource in resources.iter().flatten() {
                for verb in &verbs {
                    assert!(
                        ![group, resource, verb].contains(&&"*".to_owned()),
                        "a right is granted by wildcard"
                    );
                    rights.insert((group.clone(), resource.clone(), verb.clone()));
                }
            }
        }
    }
    rights
}

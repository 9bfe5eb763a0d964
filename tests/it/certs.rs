//! Certificates on a real control plane: the API server calls webhooks through them while they are renewed, followed up,
//! wiped, deleted and corrupted.

mod replica;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use futures::future::join_all;
use k8s_openapi::{
    ByteString,
    api::{
        admissionregistration::v1::ValidatingWebhookConfiguration,
        core::v1::{ConfigMap, Secret},
    },
};
use kube::{
    Api, Client, Config, ResourceExt,
    api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
    config::Kubeconfig,
};
use seinode_certs::{Configuration, FIELD_MANAGER, Files, Kind, Lives, Origin, Standing};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use self::replica::{Given, Replica};
use crate::kit::{Kit, Namespace, eventually};

const SECRET: &str = "webhook-authority";
const HOUR: Duration = Duration::from_secs(3600);

/// A namespace with two configurations that are for it alone.
struct Stage {
    ns: Namespace,
    given: Given,
}

impl Stage {
    /// Real lives, but a short wait for a bundle to settle.
    async fn of(kit: &Kit) -> Self {
        let ns = kit.namespace().await;
        let configuration = |kind| Configuration { kind, name: format!("certs-{}", ns.name) };
        let given = Given {
            client: ns.client.clone(),
            namespace: ns.name.clone(),
            configurations: vec![configuration(Kind::Mutating), configuration(Kind::Validating)],
            lives: Lives {
                settling: Duration::from_secs(1),
                check: Duration::from_millis(200),
                ..Lives::default()
            },
            origin: None,
        };
        Self { ns, given }
    }

    fn api(&self, configuration: &Configuration) -> Api<DynamicObject> {
        Api::all_with(self.ns.client.clone(), &configuration.kind.resource())
    }

    /// Makes both configurations: each has an entry for each replica, so that every call asks all of them.
    async fn configure(&self, replicas: &[&Replica]) {
        for configuration in &self.given.configurations {
            self.make(configuration, replicas).await;
        }
    }

    async fn make(&self, configuration: &Configuration, replicas: &[&Replica]) {
        let entry = |(number, replica): (usize, &&Replica)| {
            json!({
                "name": format!("r{number}.certs.sei.io"),
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
        };
        let entries: Vec<_> = replicas.iter().enumerate().map(entry).collect();
        let resource = configuration.kind.resource();
        let object = json!({
            "apiVersion": resource.api_version, "kind": resource.kind,
            "metadata": {"name": configuration.name}, "webhooks": entries,
        });
        let object = serde_json::from_value(object).unwrap();
        self.api(configuration).create(&PostParams::default(), &object).await.unwrap();
    }

    /// Has the API server call every webhook, as a dry run.
    async fn call(&self) -> Result<(), String> {
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
    async fn callable(&self) {
        eventually("every webhook can be called", async || self.call().await).await;
    }

    /// Calls all the time until told to stop; returns how many calls there were.
    async fn load(&self, stop: &CancellationToken) -> u64 {
        let calls = AtomicU64::new(0);
        let caller = async || {
            while !stop.is_cancelled() {
                if let Err(words) = self.call().await {
                    panic!("call {} failed: {words}", calls.load(Relaxed));
                }
                calls.fetch_add(1, Relaxed);
            }
        };
        join_all([caller(), caller()]).await;
        calls.into_inner()
    }

    /// Does something while calls go on, none of which may fail.
    async fn under_load(&self, what: impl Future<Output = ()>) {
        let stop = CancellationToken::new();
        let doing = async {
            what.await;
            stop.cancel();
        };
        let (calls, ()) = tokio::join!(self.load(&stop), doing);
        assert!(calls > 20, "too few calls to mean anything: {calls}");
    }

    async fn secret(&self) -> Secret {
        self.ns.api::<Secret>().get(SECRET).await.unwrap()
    }

    /// The bundles of every entry of both configurations.
    async fn bundles(&self) -> Vec<String> {
        let read = async |configuration: &Configuration| {
            let object = self.api(configuration).get(&configuration.name).await.unwrap();
            object.data["webhooks"].as_array().unwrap().iter().map(bundle).collect::<Vec<_>>()
        };
        join_all(self.given.configurations.iter().map(read)).await.concat()
    }
}

fn bundle(entry: &Value) -> String {
    let bundle = serde_json::from_value::<ByteString>(entry["clientConfig"]["caBundle"].clone());
    bundle.map(|bytes| String::from_utf8(bytes.0).unwrap()).unwrap_or_default()
}

fn signer(secret: &Secret) -> String {
    String::from_utf8(secret.data.as_ref().unwrap()["tls.crt"].0.clone()).unwrap()
}

pub async fn two_that_start_together_agree_and_are_called_through_the_bundle_of_one(kit: Arc<Kit>) {
    let stage = Stage::of(&kit).await;
    let (a, b) = tokio::join!(Replica::start(&stage.given), Replica::start(&stage.given));
    stage.configure(&[&a, &b]).await;
    tokio::join!(a.ready(), b.ready());
    stage.callable().await;
    let secret = stage.secret().await;
    assert_eq!(stage.bundles().await, vec![signer(&secret); 4], "one authority, in every entry");
    assert_eq!(a.report().authority_not_after, b.report().authority_not_after);
    assert_ne!(a.presented(), b.presented(), "each has a certificate of its own");
    let made = [a.report(), b.report()].map(|report| report.authority_renewals.succeeded);
    assert!(made.iter().sum::<u64>() >= 1, "{made:?}");
    assert!([a.report(), b.report()].iter().all(|report| report.leaf_renewals.succeeded == 1));
    let keys: Vec<_> = secret.data.unwrap().into_keys().collect();
    assert_eq!(keys, ["tls.crt", "tls.key"], "no leaf is stored");
}

pub async fn a_bundle_that_somebody_wipes_is_put_back_within_a_second(kit: Arc<Kit>) {
    let stage = Stage::of(&kit).await;
    let (a, b) = tokio::join!(Replica::start(&stage.given), Replica::start(&stage.given));
    stage.configure(&[&a, &b]).await;
    tokio::join!(a.ready(), b.ready());
    let good = stage.bundles().await;
    for configuration in &stage.given.configurations {
        let wipe = json!([{"op": "remove", "path": "/webhooks/0/clientConfig/caBundle"},
                          {"op": "replace", "path": "/webhooks/1/timeoutSeconds", "value": 7}]);
        let wipe: Patch<()> = Patch::Json(serde_json::from_value(wipe).unwrap());
        let wiped = Instant::now();
        stage.api(configuration).patch(&configuration.name, &PatchParams::default(), &wipe).await.unwrap();
        eventually("the bundle is back", async || {
            let bundles = stage.bundles().await;
            if bundles == good { Ok(()) } else { Err(bundles) }
        })
        .await;
        assert!(wiped.elapsed() < Duration::from_secs(1), "{configuration}: {:?}", wiped.elapsed());
        let object = stage.api(configuration).get(&configuration.name).await.unwrap();
        assert_eq!(object.data["webhooks"][1]["timeoutSeconds"], 7, "what is not ours stays");
        let ours: Vec<_> = object
            .managed_fields()
            .iter()
            .filter(|entry| entry.manager.as_deref() == Some(FIELD_MANAGER))
            .collect();
        assert_eq!(ours.len(), 1);
        let fields = ours[0].fields_v1.as_ref().unwrap().0.to_string();
        assert!(
            fields.contains("f:caBundle") && !fields.contains("f:url") && !fields.contains("f:rules"),
            "{fields}"
        );
    }
    stage.callable().await;
    let standings: Vec<_> = a.report().configurations.into_values().collect();
    assert_eq!(standings, [Standing::InSync, Standing::InSync]);
}

pub async fn a_bundle_is_never_put_over_a_configuration_that_changed_meanwhile(kit: Arc<Kit>) {
    let stage = Stage::of(&kit).await;
    let replica = Replica::start(&stage.given).await;
    stage.configure(&[&replica]).await;
    replica.ready().await;
    // The loop relies on this: an apply of ours at a version that has passed is refused, forced or not.
    let configuration = &stage.given.configurations[1];
    let api: Api<ValidatingWebhookConfiguration> = Api::all(stage.ns.client.clone());
    let read = api.get(&configuration.name).await.unwrap();
    let label = json!({"metadata": {"labels": {"touched": "yes"}}});
    api.patch(&configuration.name, &PatchParams::default(), &Patch::Merge(label)).await.unwrap();
    let stale = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": configuration.name, "resourceVersion": read.resource_version()},
        "webhooks": [{"name": "r0.certs.sei.io", "clientConfig": {"caBundle": ByteString(b"old".to_vec())}}],
    });
    let forced = PatchParams::apply(FIELD_MANAGER).force();
    match api.patch(&configuration.name, &forced, &Patch::Apply(stale)).await {
        Err(kube::Error::Api(status)) => assert_eq!(status.code, 409, "{}", status.message),
        other => panic!("a stale bundle was taken: {other:?}"),
    }
}

pub async fn a_secret_that_is_deleted_or_corrupt_is_made_anew_within_seconds_and_no_call_fails(
    kit: Arc<Kit>,
) {
    let stage = Stage::of(&kit).await;
    let (a, b) = tokio::join!(Replica::start(&stage.given), Replica::start(&stage.given));
    stage.configure(&[&a, &b]).await;
    tokio::join!(a.ready(), b.ready());
    stage.callable().await;
    let secrets = stage.ns.api::<Secret>();
    let corrupt = json!({"data": {"tls.key": "bm9uc2Vuc2U="}});
    let mishaps = async {
        for mishap in ["deleted", "corrupt"] {
            let (before, presented) = (signer(&stage.secret().await), [a.presented(), b.presented()]);
            let then = Instant::now();
            if mishap == "deleted" {
                secrets.delete(SECRET, &DeleteParams::default()).await.unwrap();
            } else {
                secrets.patch(SECRET, &PatchParams::default(), &Patch::Merge(&corrupt)).await.unwrap();
            }
            eventually("there is another authority", async || {
                let there = secrets.get_opt(SECRET).await.unwrap().filter(|secret| signer(secret) != before);
                there.map(|_| ()).ok_or(mishap)
            })
            .await;
            assert!(then.elapsed() < Duration::from_secs(3), "{mishap}: {:?}", then.elapsed());
            // Everybody follows, and whom the configurations trusted before they trust still.
            a.presents_other_than(&presented[0]).await;
            b.presents_other_than(&presented[1]).await;
            assert!(stage.bundles().await.iter().all(|bundle| bundle.contains(&before)), "{mishap}");
        }
    };
    stage.under_load(mishaps).await;
}

/// How often authorities follow each other. Set SEI_ROTATIONS for more.
const ROTATIONS: usize = 4;

pub async fn authorities_follow_each_other_under_load_and_no_call_fails(kit: Arc<Kit>) {
    let mut stage = Stage::of(&kit).await;
    stage.given.lives = Lives {
        authority: Duration::from_secs(12),
        leaf: Duration::from_secs(3),
        back_dating: Duration::from_secs(2),
        settling: Duration::from_secs(1),
        margin: Duration::ZERO,
        check: Duration::from_millis(100),
    };
    let rotations = std::env::var("SEI_ROTATIONS").map_or(ROTATIONS, |number| number.parse().unwrap());
    let (a, b) = tokio::join!(Replica::start(&stage.given), Replica::start(&stage.given));
    stage.configure(&[&a, &b]).await;
    tokio::join!(a.ready(), b.ready());
    stage.callable().await;
    let rotate = async {
        let mut before = signer(&stage.secret().await);
        for number in 0..rotations {
            before = eventually(&format!("authority {number} is followed up"), async || {
                let now = signer(&stage.secret().await);
                if now == before { Err((a.report(), b.report())) } else { Ok(now) }
            })
            .await;
        }
    };
    stage.under_load(rotate).await;
    let reports = [a.report(), b.report()];
    for report in &reports {
        assert!(report.leaf_renewals.succeeded as usize > 4 * rotations, "{report:?}");
        assert_eq!((report.leaf_renewals.failed, report.authority_renewals.failed), (0, 0));
    }
    let bundles = stage.bundles().await;
    let members = bundles[0].matches("BEGIN CERTIFICATE").count();
    assert!(members <= 5, "what is retired goes: {members}");
}

pub async fn a_clock_that_jumps_costs_one_look(kit: Arc<Kit>) {
    let stage = Stage::of(&kit).await;
    let replica = Replica::start(&stage.given).await;
    stage.configure(&[&replica]).await;
    replica.ready().await;
    let (before, presented) = (replica.report(), replica.presented());
    replica.ahead.store(8 * 24 * 3600, Relaxed);
    replica.presents_other_than(&presented).await;
    let after =
        replica.until("the report follows", |report| report.leaf_not_after > before.leaf_not_after).await;
    assert_eq!(after.authority_not_after, before.authority_not_after, "the authority is still fine");
    replica.ahead.store(0, Relaxed);
    replica.until("it comes back", |report| report.leaf_not_after < after.leaf_not_after).await;
    replica.ready().await;
    stage.callable().await;
}

pub async fn a_configuration_or_a_right_that_is_missing_is_named_and_waited_for(kit: Arc<Kit>) {
    let mut stage = Stage::of(&kit).await;
    let kubeconfig = Kubeconfig::read_from(stage.ns.account_with_every_right_here().await).unwrap();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await.unwrap();
    config.default_retry = false;
    stage.given.client = Client::try_from(config).unwrap();
    let replica = Replica::start(&stage.given).await;
    replica.says("get MutatingWebhookConfiguration certs-").await;
    replica.says("is forbidden").await;
    replica.says("(grant the operator this right)").await;

    let name = format!("certs-{}", stage.ns.name);
    let kinds = ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"];
    stage
        .ns
        .grant_everywhere(json!([{"apiGroups": ["admissionregistration.k8s.io"], "resources": kinds,
                                  "resourceNames": [name], "verbs": ["get", "list", "watch", "patch"]}]))
        .await;
    replica.says(&format!("there is no MutatingWebhookConfiguration {name}")).await;
    stage.make(&stage.given.configurations[0], &[&replica]).await;
    replica.says(&format!("there is no ValidatingWebhookConfiguration {name}")).await;
    stage.make(&stage.given.configurations[1], &[&replica]).await;
    replica.ready().await;
    stage.callable().await;
}

pub async fn a_certificate_in_files_is_trusted_through_the_bundle_beside_it(kit: Arc<Kit>) {
    // Somebody else's authority and certificate: those that a replica of another namespace made.
    let other = Stage::of(&kit).await;
    let issuing = Replica::start(&other.given).await;
    other.configure(&[&issuing]).await;
    issuing.ready().await;
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let secret = other.secret().await.data.unwrap();
    std::fs::write(path("ca.crt"), &secret["tls.crt"].0).unwrap();

    let mut stage = Stage::of(&kit).await;
    stage.given.origin = Some(Origin::Files(Files {
        certificate: path("tls.crt"),
        key: path("tls.key"),
        bundle: Some(path("ca.crt")),
        interval: Duration::from_millis(50),
    }));
    let replica = Replica::start(&stage.given).await;
    stage.configure(&[&replica]).await;
    replica.says("tls.crt: No such file or directory").await;
    // An authority may sign TLS too as far as files go; what matters here is who trusts it.
    let (certificate, key) = leaf(&secret);
    std::fs::write(path("tls.key"), key).unwrap();
    std::fs::write(path("tls.crt"), certificate).unwrap();
    replica.ready().await;
    stage.callable().await;
    assert!(replica.report().leaf_not_after.unwrap() < jiff::Timestamp::now() + HOUR * 48);

    let configuration = &stage.given.configurations[1];
    let wipe = json!([{"op": "remove", "path": "/webhooks/0/clientConfig/caBundle"}]);
    let wipe: Patch<()> = Patch::Json(serde_json::from_value(wipe).unwrap());
    stage.api(configuration).patch(&configuration.name, &PatchParams::default(), &wipe).await.unwrap();
    eventually("the bundle is back", async || {
        let bundles = stage.bundles().await;
        if bundles.iter().all(|bundle| !bundle.is_empty()) { Ok(()) } else { Err(bundles) }
    })
    .await;
}

/// A certificate for 127.0.0.1 by an authority, for a day, as cert-manager would make one.
fn leaf(authority: &std::collections::BTreeMap<String, ByteString>) -> (String, String) {
    use rcgen::{CertificateParams, Issuer, KeyPair};
    let text = |name: &str| std::str::from_utf8(&authority[name].0).unwrap();
    let issuer =
        Issuer::from_ca_cert_pem(text("tls.crt"), KeyPair::from_pem(text("tls.key")).unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let now = std::time::SystemTime::now();
    params.not_before = now.into();
    params.not_after = (now + HOUR * 24).into();
    (params.signed_by(&key, &issuer).unwrap().pem(), key.serialize_pem())
}

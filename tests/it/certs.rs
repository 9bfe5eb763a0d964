//! Certificates on a real control plane: the API server calls webhooks through them while they are renewed, followed up,
//! wiped, deleted and corrupted.

mod ownership;
mod provided;
mod replica;
mod setup;

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use k8s_openapi::{
    ByteString,
    api::{admissionregistration::v1::ValidatingWebhookConfiguration, core::v1::Secret},
};
use kube::{
    Api, Client, Config, ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
    config::Kubeconfig,
};
use scenario::scenario;
use seinode_certs::{FIELD_MANAGER, Files, Lifetimes, Origin, Standing};
use serde_json::json;

pub use self::provided::Provided;
use self::{
    replica::Replica,
    setup::{SECRET, Setup, signer},
};
use crate::kit::{Kit, eventually};

/// Number of times that authorities follow each other in their scenario; SEI_ROTATIONS may say another number.
const ROTATIONS: usize = 3;

#[scenario]
async fn replicas_that_start_together_agree_on_one_authority(kit: Arc<Kit>) {
    let setup = Setup::of(&kit).await;
    let (a, b) = tokio::join!(Replica::start(&setup.settings), Replica::start(&setup.settings));
    setup.configure(&[&a, &b]).await;
    tokio::join!(a.ready(), b.ready());
    setup.callable().await;
    let secret = setup.secret().await;
    assert_eq!(setup.bundles().await, vec![signer(&secret); 4], "one authority, in every entry");
    assert_eq!(a.report().authority_not_after, b.report().authority_not_after);
    assert_ne!(a.presented(), b.presented(), "each has a certificate of its own");
    let made = [a.report(), b.report()].map(|report| report.authority_renewals.succeeded);
    assert!(made.iter().sum::<u64>() >= 1, "{made:?}");
    assert!([a.report(), b.report()].iter().all(|report| report.leaf_renewals.succeeded == 1));
    let keys: Vec<_> = secret.data.unwrap().into_keys().collect();
    assert_eq!(keys, ["tls.crt", "tls.key"], "no leaf is stored");
}

#[scenario]
async fn a_wiped_bundle_is_repaired_at_once(kit: Arc<Kit>) {
    let setup = Setup::of(&kit).await;
    let (a, b) = tokio::join!(Replica::start(&setup.settings), Replica::start(&setup.settings));
    setup.configure(&[&a, &b]).await;
    tokio::join!(a.ready(), b.ready());
    let good = setup.bundles().await;
    for configuration in &setup.settings.configurations {
        let wiped = Instant::now();
        setup.wipe(configuration).await;
        eventually("the bundle is back", async || {
            let bundles = setup.bundles().await;
            if bundles == good { Ok(()) } else { Err(bundles) }
        })
        .await;
        // The certificates looks by itself once a minute: so soon only because it watches. On a quiet machine it is well under a
        // second.
        assert!(wiped.elapsed() < Duration::from_secs(10), "{configuration}: {:?}", wiped.elapsed());
        let object = setup.api(configuration).get(&configuration.name).await.unwrap();
        assert_eq!(object.data["webhooks"][1]["timeoutSeconds"], 10, "what is not ours stays");
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
    setup.callable().await;
    let standings: Vec<_> = a.report().configurations.into_values().collect();
    assert_eq!(standings, [Standing::InSync, Standing::InSync]);
}

#[scenario]
async fn a_changed_configuration_refuses_an_older_bundle(kit: Arc<Kit>) {
    let setup = Setup::of(&kit).await;
    let replica = Replica::start(&setup.settings).await;
    setup.configure(&[&replica]).await;
    replica.ready().await;
    // The loop relies on this: a patch of ours at a version that has passed, or for an entry that has moved, is refused
    // with 422 and without causes, unlike an object that breaks the rules.
    let configuration = &setup.settings.configurations[1];
    let api: Api<ValidatingWebhookConfiguration> = Api::all(setup.ns.client.clone());
    let read = api.get(&configuration.name).await.unwrap();
    let label = json!({"metadata": {"labels": {"touched": "yes"}}});
    let now = api.patch(&configuration.name, &PatchParams::default(), &Patch::Merge(label)).await.unwrap();
    let patch = async |version: &ValidatingWebhookConfiguration, name: &str, timeout: u8| {
        let patch = json!([
            {"op": "test", "path": "/metadata/resourceVersion", "value": version.resource_version()},
            {"op": "test", "path": "/webhooks/0/name", "value": name},
            {"op": "add", "path": "/webhooks/0/timeoutSeconds", "value": timeout},
        ]);
        let patch: Patch<()> = Patch::Json(serde_json::from_value(patch).unwrap());
        match api.patch(&configuration.name, &PatchParams::default(), &patch).await {
            Err(kube::Error::Api(status)) => {
                (status.code, status.details.as_ref().map_or(0, |details| details.causes.len()))
            }
            other => panic!("it was taken: {other:?}"),
        }
    };
    assert_eq!(patch(&read, "r0.certs.sei.io", 5).await, (422, 0), "another version");
    assert_eq!(patch(&now, "r1.certs.sei.io", 5).await, (422, 0), "another entry");
    assert_eq!(patch(&now, "r0.certs.sei.io", 99).await, (422, 1), "a timeout that is too long");
}

#[scenario]
async fn calls_succeed_while_the_secret_is_deleted_or_corrupt(kit: Arc<Kit>) {
    let setup = Setup::of(&kit).await;
    let (a, b) = tokio::join!(Replica::start(&setup.settings), Replica::start(&setup.settings));
    setup.configure(&[&a, &b]).await;
    tokio::join!(a.ready(), b.ready());
    setup.callable().await;
    let secrets = setup.ns.api::<Secret>();
    let corrupt = json!({"data": {"tls.key": "bm9uc2Vuc2U="}});
    let mishaps = async {
        for mishap in ["deleted", "corrupt"] {
            let (before, presented) = (signer(&setup.secret().await), [a.presented(), b.presented()]);
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
            assert!(setup.bundles().await.iter().all(|bundle| bundle.contains(&before)), "{mishap}");
        }
    };
    setup.under_load(mishaps).await;
}

#[scenario]
async fn calls_succeed_while_authorities_rotate(kit: Arc<Kit>) {
    let mut setup = Setup::of(&kit).await;
    setup.settings.lifetimes = Lifetimes {
        authority: Duration::from_secs(40),
        leaf: Duration::from_secs(10),
        back_dating: Duration::from_secs(2),
        settling: Duration::from_secs(1),
        margin: Duration::ZERO,
        check: Duration::from_millis(100),
    };
    let rotations = std::env::var("SEI_ROTATIONS").map_or(ROTATIONS, |number| number.parse().unwrap());
    let (a, b) = tokio::join!(Replica::start(&setup.settings), Replica::start(&setup.settings));
    setup.configure(&[&a, &b]).await;
    tokio::join!(a.ready(), b.ready());
    setup.callable().await;
    let rotate = async {
        let mut before = signer(&setup.secret().await);
        for number in 0..rotations {
            before = eventually(&format!("authority {number} is followed up"), async || {
                let now = signer(&setup.secret().await);
                if now == before { Err((a.report(), b.report())) } else { Ok(now) }
            })
            .await;
        }
    };
    setup.under_load(rotate).await;
    let reports = [a.report(), b.report()];
    for report in &reports {
        assert!(report.leaf_renewals.succeeded >= 3 * u64::try_from(rotations).unwrap(), "{report:?}");
        assert_eq!((report.leaf_renewals.failed, report.authority_renewals.failed), (0, 0));
    }
    let bundles = setup.bundles().await;
    let members = bundles[0].matches("BEGIN CERTIFICATE").count();
    assert!(members <= 5, "what is retired goes: {members}");
}

#[scenario]
async fn a_clock_jump_costs_one_look(kit: Arc<Kit>) {
    let setup = Setup::of(&kit).await;
    let replica = Replica::start(&setup.settings).await;
    setup.configure(&[&replica]).await;
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
    setup.callable().await;
}

#[scenario]
async fn a_missing_configuration_or_right_is_reported(kit: Arc<Kit>) {
    let mut setup = Setup::of(&kit).await;
    let kubeconfig = Kubeconfig::read_from(setup.ns.account_with_every_right_here().await).unwrap();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await.unwrap();
    config.default_retry = false;
    setup.settings.client = Client::try_from(config).unwrap();
    let replica = Replica::start(&setup.settings).await;
    replica.says("get MutatingWebhookConfiguration certs-").await;
    replica.says("is forbidden").await;
    replica.says("(grant the operator this right)").await;

    let name = format!("certs-{}", setup.ns.name);
    let kinds = ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"];
    setup
        .ns
        .grant_everywhere(json!([{"apiGroups": ["admissionregistration.k8s.io"], "resources": kinds,
                                  "resourceNames": [name], "verbs": ["get", "list", "watch", "patch"]}]))
        .await;
    replica.says(&format!("there is no MutatingWebhookConfiguration {name}")).await;
    setup.make(&setup.settings.configurations[0], &[&replica]).await;
    replica.says(&format!("there is no ValidatingWebhookConfiguration {name}")).await;
    setup.make(&setup.settings.configurations[1], &[&replica]).await;
    replica.ready().await;
    setup.callable().await;
}

#[scenario]
async fn a_certificate_in_files_is_published_with_its_bundle(kit: Arc<Kit>) {
    let mut setup = Setup::of(&kit).await;
    let provided = Provided::new();
    let bundle = Some(provided.path("ca.crt"));
    setup.settings.origin = Some(Origin::Files(Files { bundle, ..provided.files() }));
    let replica = Replica::start(&setup.settings).await;
    setup.configure(&[&replica]).await;
    replica.says("tls.crt: No such file or directory").await;
    provided.write("127.0.0.1");
    replica.ready().await;
    setup.callable().await;

    setup.wipe(&setup.settings.configurations[1]).await;
    eventually("the bundle is back", async || {
        let bundles = setup.bundles().await;
        if bundles.iter().all(|bundle| *bundle == provided.authority) { Ok(()) } else { Err(bundles) }
    })
    .await;
}

#[scenario]
async fn a_replaced_authority_in_files_goes_after_the_overlap(kit: Arc<Kit>) {
    let mut setup = Setup::of(&kit).await;
    let mut provided = Provided::new();
    let bundle = Some(provided.path("ca.crt"));
    setup.settings.origin = Some(Origin::Files(Files { bundle, ..provided.files() }));
    let replica = Replica::start(&setup.settings).await;
    setup.configure(&[&replica]).await;
    provided.write("127.0.0.1");
    replica.ready().await;

    let old = provided.authority.clone();
    provided.replace_authority();
    let replaced = Instant::now();
    provided.write("127.0.0.1");
    let both = old.len() + provided.authority.len();
    eventually("both authorities are trusted", async || {
        let bundles = setup.bundles().await;
        let all = |authority: &str| bundles.iter().all(|bundle| bundle.contains(authority));
        if all(&old) && all(&provided.authority) && bundles[0].len() == both { Ok(()) } else { Err(bundles) }
    })
    .await;
    replica.ready().await;
    eventually("the old authority is trusted no longer", async || {
        let bundles = setup.bundles().await;
        if bundles.iter().all(|bundle| *bundle == provided.authority) { Ok(()) } else { Err(bundles) }
    })
    .await;
    let Lifetimes { settling, check, .. } = setup.settings.lifetimes;
    assert!(replaced.elapsed() >= 10 * settling.max(check), "after {:?}", replaced.elapsed());
    setup.callable().await;
}

#[scenario]
async fn a_certificate_of_others_waits_for_their_bundle(kit: Arc<Kit>) {
    let mut setup = Setup::of(&kit).await;
    let provided = Provided::new();
    provided.write("127.0.0.1");
    setup.settings.origin = Some(Origin::Files(provided.files()));
    let replica = Replica::start(&setup.settings).await;
    setup.configure(&[&replica]).await;
    for configuration in &setup.settings.configurations {
        replica.says(&format!("{configuration} does not trust the certificate yet")).await;
        let bundle = ByteString(provided.authority.clone().into_bytes());
        let put = json!([{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": bundle}]);
        let put: Patch<()> = Patch::Json(serde_json::from_value(put).unwrap());
        let api = setup.api(configuration);
        api.patch(&configuration.name, &PatchParams::default(), &put).await.unwrap();
    }
    replica.ready().await;
    setup.callable().await;
    // What is renewed by the same authority is presented without anybody's doing.
    let before = replica.presented();
    provided.write("127.0.0.1");
    replica.presents_other_than(&before).await;
    replica.ready().await;
    setup.callable().await;
}

//! Certificates on a real control plane: the API server calls webhooks through them while they are renewed, followed up,
//! wiped, deleted and corrupted.

mod provided;
mod replica;
mod stage;

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
use seinode_certs::{FIELD_MANAGER, Files, Lives, Origin, Standing};
use serde_json::json;

pub use self::provided::Provided;
use self::{
    replica::Replica,
    stage::{SECRET, Stage, signer},
};
use crate::kit::{Kit, eventually};

/// How often authorities follow each other in the scenario of that; SEI_ROTATIONS may say another number.
const ROTATIONS: usize = 3;

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

pub async fn a_bundle_that_somebody_wipes_is_put_back_at_once(kit: Arc<Kit>) {
    let stage = Stage::of(&kit).await;
    let (a, b) = tokio::join!(Replica::start(&stage.given), Replica::start(&stage.given));
    stage.configure(&[&a, &b]).await;
    tokio::join!(a.ready(), b.ready());
    let good = stage.bundles().await;
    for configuration in &stage.given.configurations {
        let wiped = Instant::now();
        stage.wipe(configuration).await;
        eventually("the bundle is back", async || {
            let bundles = stage.bundles().await;
            if bundles == good { Ok(()) } else { Err(bundles) }
        })
        .await;
        // The keeper looks by itself once a minute: so soon only because it watches. On a quiet machine it is well under a
        // second.
        assert!(wiped.elapsed() < Duration::from_secs(10), "{configuration}: {:?}", wiped.elapsed());
        let object = stage.api(configuration).get(&configuration.name).await.unwrap();
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

pub async fn authorities_follow_each_other_under_load_and_no_call_fails(kit: Arc<Kit>) {
    let mut stage = Stage::of(&kit).await;
    stage.given.lives = Lives {
        authority: Duration::from_secs(40),
        leaf: Duration::from_secs(10),
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
        assert!(report.leaf_renewals.succeeded >= 3 * u64::try_from(rotations).unwrap(), "{report:?}");
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
    let mut stage = Stage::of(&kit).await;
    let provided = Provided::new();
    let bundle = Some(provided.path("ca.crt"));
    stage.given.origin = Some(Origin::Files(Files { bundle, ..provided.files() }));
    let replica = Replica::start(&stage.given).await;
    stage.configure(&[&replica]).await;
    replica.says("tls.crt: No such file or directory").await;
    provided.write("127.0.0.1");
    replica.ready().await;
    stage.callable().await;

    stage.wipe(&stage.given.configurations[1]).await;
    eventually("the bundle is back", async || {
        let bundles = stage.bundles().await;
        if bundles.iter().all(|bundle| *bundle == provided.authority) { Ok(()) } else { Err(bundles) }
    })
    .await;
}

pub async fn a_certificate_that_others_look_after_waits_until_they_have_it_trusted(kit: Arc<Kit>) {
    let mut stage = Stage::of(&kit).await;
    let provided = Provided::new();
    provided.write("127.0.0.1");
    stage.given.origin = Some(Origin::Files(provided.files()));
    let replica = Replica::start(&stage.given).await;
    stage.configure(&[&replica]).await;
    for configuration in &stage.given.configurations {
        replica.says(&format!("{configuration} does not trust the certificate yet")).await;
        let bundle = ByteString(provided.authority.clone().into_bytes());
        let put = json!([{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": bundle}]);
        let put: Patch<()> = Patch::Json(serde_json::from_value(put).unwrap());
        let api = stage.api(configuration);
        api.patch(&configuration.name, &PatchParams::default(), &put).await.unwrap();
    }
    replica.ready().await;
    stage.callable().await;
    // What is renewed by the same authority is presented without anybody's doing.
    let before = replica.presented();
    provided.write("127.0.0.1");
    replica.presents_other_than(&before).await;
    replica.ready().await;
    stage.callable().await;
}

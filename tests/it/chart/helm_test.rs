//! `helm test`, with both majors: helm creates the hook's account and pod, and the pod's command runs as a process under that
//! account. No container runs here, so the test writes the outcome of the process to the pod's status, as the kubelet would.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use devcluster::{Audit, Options};
use k8s_openapi::api::{
    admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration},
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::{Pod, PodSpec, Secret, ServiceAccount},
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use scenario::scenario;
use serde_json::json;

use crate::kit::{
    Kit, Namespace, eventually,
    release::{Helm, Major, NAME, Release},
};

/// The hook's account and pod.
const TEST: &str = "seinode-operator-selftest";

#[scenario]
async fn helm_test_passes_and_reports_each_failure(kit: Arc<Kit>) {
    let options =
        Options { audit: Audit::On, crds: vec![seinode_api::crd::seinode()], ..xtask::platform::options() };
    let world = Arc::new(kit.private(options).await);
    let [three, four] = Major::BOTH.map(|major| Helm::major(&kit, &world, major));
    let (three, four) = (Arc::new(three.await), Arc::new(four.await));
    let release = Release::install(Arc::clone(&world), &json!({})).await;
    let replica = release.replica("operator-a").await;
    let metrics = replica.address("metrics").await;
    let test = async |helm: &Arc<Helm>, within: &str| tested(&release.system, helm, &metrics, within).await;

    // Right after the installation: what is not up yet is waited for.
    for helm in [&four, &three] {
        let (passed, said) = test(helm, "30").await;
        assert!(passed && said.lines().all(|line| line.starts_with("ok ")), "{said}");
        for line in [
            "a SeiNode is taken and labelled: sei.io/chain is selftest",
            "a SeiNode with a misspelt key is refused: ",
            "a StatefulSet of a node is made OnDelete: it is",
            "a StatefulSet of a node with two replicas is refused: ",
            "every replica serves /metrics, and one of them leads: 1 of version",
        ] {
            assert!(said.contains(&format!("ok    {line}")), "{line}: {said}");
        }
    }

    // The operator is down. The policy still refuses the second replica.
    assert!(replica.stop().await.success());
    let (passed, said) = test(&three, "0").await;
    assert!(!passed, "{said}");
    for line in [
        "FAIL  a SeiNode is taken and labelled: the API server cannot call the operator",
        "FAIL  a StatefulSet of a node is made OnDelete: it is still RollingUpdate, so no webhook was asked",
        "ok    a StatefulSet of a node with two replicas is refused: ",
        "FAIL  every replica serves /metrics, and one of them leads: it cannot be scraped",
        "4 of 5 checks failed",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }

    // The webhooks are gone.
    let client = &release.system.client;
    let all = DeleteParams::default();
    Api::<MutatingWebhookConfiguration>::all(client.clone()).delete(NAME, &all).await.unwrap();
    Api::<ValidatingWebhookConfiguration>::all(client.clone()).delete(NAME, &all).await.unwrap();
    eventually("what is not asked is said", async || {
        let (_, said) = test(&four, "0").await;
        let unlabelled = "it came back without the label sei.io/chain, so no webhook was asked";
        let taken = "FAIL  a SeiNode with a misspelt key is refused: it would have been taken";
        if said.contains(unlabelled) && said.contains(taken) { Ok(()) } else { Err(said) }
    })
    .await;
}

#[scenario]
async fn helm_test_scrapes_secure_metrics(kit: Arc<Kit>) {
    let options = Options { crds: vec![seinode_api::crd::seinode()], ..xtask::platform::options() };
    let world = Arc::new(kit.private(options).await);
    let helm = Arc::new(Helm::of(&world));
    let readers = json!([{"name": "prometheus", "namespace": "sei-system"}]);
    let secure = json!({"monitoring": {"metrics": {"secure": true, "readers": readers}}});
    let release = Release::install(Arc::clone(&world), &secure).await;
    let replica = release.replica("operator-a").await;
    let metrics = replica.address("metrics").await;
    let (passed, said) = tested(&release.system, &helm, &metrics, "30").await;
    assert!(passed && said.contains("ok    every replica serves /metrics, and one of them leads"), "{said}");
    reqwest::get(format!("http://{metrics}/metrics")).await.unwrap_err();
    for (account, expected) in [("prometheus", "yes"), ("default", "no")] {
        let account = format!("--as=system:serviceaccount:sei-system:{account}");
        let (_, answer) = release.system.try_kubectl(&["auth", "can-i", "get", "/metrics", &account]);
        assert_eq!(answer.trim(), expected, "{account}");
    }
}

/// Runs `helm test`: whether it passed, and what the process said.
async fn tested(ns: &Namespace, helm: &Arc<Helm>, metrics: &str, within: &str) -> (bool, String) {
    let pods = ns.api::<Pod>();
    let last = pods.get_opt(TEST).await.unwrap().and_then(|pod| pod.uid());
    let (running, home) = (Arc::clone(helm), ns.name.clone());
    let helm = move || running.run(&["test", NAME, "--namespace", &home, "--timeout", "2m"]);
    let helm = tokio::task::spawn_blocking(helm);
    let pod = eventually("helm makes the pod of the test, and it runs", async || {
        let pod = pods.get_opt(TEST).await.unwrap().filter(|pod| pod.uid() != last);
        let phase = pod.as_ref().and_then(|pod| pod.status.clone()?.phase);
        if phase.as_deref() == Some("Running") { pod.ok_or(phase) } else { Err(phase) }
    })
    .await;
    // Helm 3 reads the log in the end: the pod has to be there still.
    assert_eq!(
        pod.annotations()["helm.sh/hook-delete-policy"],
        "before-hook-creation",
        "--logs finds no pod"
    );

    let spec = pod.spec.unwrap();
    let account = spec.service_account_name.clone().unwrap();
    let kubeconfig = ns.world.cluster.kubeconfig_for_account(&ns.name, &account).await.unwrap();
    // In place of the Service's name.
    let metrics = format!("--metrics={metrics}");
    let files = tempfile::tempdir().unwrap();
    let mounted = mounted(ns, &spec, files.path()).await;
    let here = |it: &String| match (it.starts_with("--metrics="), it.split_once('=')) {
        (true, _) => metrics.clone(),
        (false, Some(("--metrics-ca", _))) => {
            format!("--metrics-ca={}", files.path().join("ca.crt").display())
        }
        (false, _) => it.clone(),
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_seinode-operator"));
    command.args(spec.containers[0].args.iter().flatten().map(here)).arg(format!("--within={within}"));
    if mounted {
        command.arg("--metrics-token").arg(token(ns, &account, files.path()).await);
    }
    command.env_clear().env("KUBECONFIG", kubeconfig);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let passed = output.status.success();

    let ended = json!({"status": {"phase": if passed { "Succeeded" } else { "Failed" }}});
    pods.patch_status(TEST, &PatchParams::default(), &Patch::Merge(ended)).await.unwrap();
    let (done, printed, said) = helm.await.unwrap();
    assert_eq!(done, passed, "{printed}{said}");
    let account = ns.api::<ServiceAccount>().get_opt(&account).await.unwrap();
    assert_eq!(account, None, "the account of the test stays when it is over");
    (passed, String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

/// Writes what the pod mounts, as the kubelet would, once it is there: the authority alone. Returns whether it mounts anything.
async fn mounted(ns: &Namespace, spec: &PodSpec, directory: &Path) -> bool {
    let Some(volume) = spec.volumes.iter().flatten().find(|it| it.name == "authority") else { return false };
    let source = volume.secret.as_ref().unwrap();
    let (name, item) = (source.secret_name.clone().unwrap(), source.items.clone().unwrap().remove(0));
    let secrets = ns.api::<Secret>();
    let data = eventually("the authority exists", async || {
        let secret = secrets.get_opt(&name).await.unwrap().ok_or(())?;
        secret.data.and_then(|mut data| data.remove(&item.key)).ok_or(())
    })
    .await;
    assert!(!String::from_utf8(data.0.clone()).unwrap().contains("PRIVATE KEY"), "{item:?}");
    std::fs::write(directory.join(item.path), data.0).unwrap();
    true
}

/// A file with a token of an account.
async fn token(ns: &Namespace, account: &str, directory: &Path) -> PathBuf {
    let request = TokenRequest { spec: TokenRequestSpec::default(), ..TokenRequest::default() };
    let accounts = ns.api::<ServiceAccount>();
    let made = accounts.create_token_request(account, &PostParams::default(), &request).await.unwrap();
    let file = directory.join("token");
    std::fs::write(&file, made.status.unwrap().token).unwrap();
    file
}

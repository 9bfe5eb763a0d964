//! `helm test`: the process that the rendered hook starts, under the hook's account.

use std::{process::Command, sync::Arc};

use devcluster::{Audit, Options};
use k8s_openapi::api::{
    admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration},
    core::v1::Pod,
};
use kube::{Api, api::DeleteParams};
use serde_json::json;

use super::rendered::documents;
use crate::kit::{
    Kit, Operator, eventually,
    release::{NAME, Release, path, rendered},
};

pub async fn helm_test_passes_with_the_release_and_says_what_is_wrong_without(kit: Arc<Kit>) {
    let options = Options { audit: Audit::On, crds: vec![seinode_api::crd::seinode()], ..Options::default() };
    let release = Release::install(Arc::new(kit.private(options).await), &json!({})).await;
    let replica = release.replica("operator-a").await;
    let hook = Hook::of(&release, &replica).await;
    // Right after the installation: what is not up yet is waited for.
    let (passed, said) = hook.run("30").await;
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

    // The operator is down. The policy still refuses the second replica.
    assert!(replica.stop().await.success());
    let (passed, said) = hook.run("0").await;
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
        let (_, said) = hook.run("0").await;
        let unlabelled = "it came back without the label sei.io/chain, so no webhook was asked";
        let taken = "FAIL  a SeiNode with a misspelt key is refused: it would have been taken";
        if said.contains(unlabelled) && said.contains(taken) { Ok(()) } else { Err(said) }
    })
    .await;
    assert_eq!(release.system.api::<Pod>().get_opt("seinode-operator-selftest").await.unwrap(), None);
}

/// What the hook starts.
struct Hook {
    arguments: Vec<String>,
    kubeconfig: std::path::PathBuf,
}

impl Hook {
    /// Installs all of the hook but its pod, as helm does it, and scrapes this replica in place of the Service's.
    async fn of(release: &Release, replica: &Operator) -> Self {
        let (done, text, said) =
            release.helm.run(&["get", "hooks", NAME, "--namespace", &release.system.name]);
        assert!(done, "{said}");
        let (pods, others): (Vec<_>, Vec<_>) =
            documents(&text).into_iter().partition(|it| it["kind"] == "Pod");
        let others = json!({"apiVersion": "v1", "kind": "List", "items": others}).to_string();
        let file = rendered(&release.helm, "hooks.json", &others);
        let applied = release.system.kubectl(&["apply", "-f", path(&file)]);
        assert_eq!(applied.matches("created").count(), 3, "{applied}");
        let [pod] = &pods[..] else { panic!("{text}") };
        let pod: Pod = serde_json::from_value(pod.clone()).unwrap();
        let spec = pod.spec.unwrap();
        let account = spec.service_account_name.unwrap();
        let metrics = format!("--metrics={}", replica.address("metrics").await);
        let here = |it: &String| if it.starts_with("--metrics=") { metrics.clone() } else { it.clone() };
        let cluster = &release.system.world.cluster;
        Self {
            arguments: spec.containers[0].args.iter().flatten().map(here).collect(),
            kubeconfig: cluster.kubeconfig_for_account(&release.system.name, &account).await.unwrap(),
        }
    }

    /// Runs it: whether it passed, and all that it said.
    async fn run(&self, within: &str) -> (bool, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_seinode-operator"));
        command.args(&self.arguments).arg(format!("--within={within}"));
        command.env_clear().env("KUBECONFIG", &self.kubeconfig);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    }
}

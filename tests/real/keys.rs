//! The signing key of a validator: its pod has a copy, which a changed Secret does not reach.

use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use scenario::scenario;
use serde_json::json;

use crate::{
    nodes::{address, condition_status, container, opened},
    setup::{FIRST as IMAGE, Installation, NODES, Shared, create},
    signing::{FIRST, NODE_KEY, SECOND},
    wait::eventually,
};

const SIGNING: (&str, &str) = ("signs-key", "priv_validator_key.json");
const NODE: (&str, &str) = ("signs-node-key", "node_key.json");

impl Installation {
    fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.client.clone(), NODES)
    }

    async fn put(&self, (secret, file): (&str, &str), content: &str) {
        let data = Patch::Merge(json!({"data": {file: ByteString(content.into())}}));
        self.secrets().patch(secret, &PatchParams::default(), &data).await.unwrap();
    }

    /// Runs a command in the container of `seid`.
    async fn in_seid(&self, command: &[&str]) -> Result<String, String> {
        let exec = ["exec", "-n", NODES, "signs-0", "-c", "seid", "--"];
        let (done, output) = self.kubectl(&[&exec, command].concat()).await;
        if done { Ok(output) } else { Err(output) }
    }

    /// Kills a container, and waits until it was started anew.
    async fn restart(&self, name: &str) {
        let id = async || {
            let pod = self.pods().get("signs-0").await.map_err(|error| error.to_string())?;
            let container = container(&pod, name).ok_or("no status")?;
            container.state.and_then(|state| state.running).ok_or("it does not run")?;
            container.container_id.ok_or("it has no id".to_owned())
        };
        let before = id().await.unwrap();
        self.kill(&before);
        eventually(&format!("{name} was started anew"), async || match id().await {
            Ok(now) if now != before => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
    }
}

#[scenario]
async fn a_changed_secret_does_not_reach_a_running_signer(setup: Shared) {
    let (_turn, installed) = setup.shared().await;
    for ((secret, file), content) in [(SIGNING, FIRST.file()), (NODE, NODE_KEY.to_owned())] {
        let object = json!({"metadata": {"name": secret}, "data": {file: ByteString(content.into())}});
        create(&installed.secrets(), object).await;
    }
    let key = |secret: &str| json!({"secret": {"secretName": secret}});
    let spec = json!({
        "chainId": "atlantic-2", "image": IMAGE,
        "validator": {"signingKey": key(SIGNING.0), "nodeKey": key(NODE.0)},
    });
    let node = json!({
        "apiVersion": "sei.io/v1alpha1", "kind": "SeiNode", "metadata": {"name": "signs"}, "spec": spec,
    });
    create(&installed.nodes(), node).await;
    installed.running("signs").await;
    let pod = installed.started_pod("signs").await;
    let signing = "/sei/config/priv_validator_key.json";
    assert_eq!(installed.in_seid(&["cat", signing]).await.unwrap(), FIRST.file());
    assert_eq!(installed.in_seid(&["stat", "-c", "%a", signing]).await.unwrap().trim(), "400");

    // The file of the P2P key, which is mounted from its Secret, shows when a change has reached the machine.
    let changed = format!("{NODE_KEY}\n");
    installed.put(SIGNING, &SECOND.file()).await;
    installed.put(NODE, &changed).await;
    // A changed pod is synchronised at once, and its Secrets with it.
    let touch = Patch::Merge(json!({"metadata": {"annotations": {"example.com/touched": "yes"}}}));
    installed.pods().patch("signs-0", &PatchParams::default(), &touch).await.unwrap();
    eventually("a restart of seid brings the changed Secrets", async || {
        installed.restart("seid").await;
        let read = installed.in_seid(&["cat", "/sei/config/node_key.json"]).await?;
        if read == changed { Ok(()) } else { Err("it is still the earlier one".to_owned()) }
    })
    .await;
    assert_eq!(installed.in_seid(&["cat", signing]).await.unwrap(), FIRST.file(), "the key was swapped");

    // The gate is not opened again until the earlier key is back.
    installed.restart("sei-sidecar").await;
    installed
        .until("signs", "says that the key was changed", |status| {
            let found = status.conditions.iter().find(|it| it.type_ == "SigningKeyReady");
            found.is_some_and(|it| it.reason == "SigningKeyChanged")
                && condition_status(status, "SidecarReady") == "False"
        })
        .await;
    installed.put(SIGNING, &FIRST.file()).await;
    let retry = Patch::Merge(json!({"metadata": {"annotations": {"sei.io/retry": "back"}}}));
    installed.nodes().patch("signs", &PatchParams::default(), &retry).await.unwrap();
    opened(address(&pod).unwrap()).await;
    let after = installed.pods().get("signs-0").await.unwrap();
    assert_eq!(after.uid(), pod.uid(), "the pod was replaced");
}

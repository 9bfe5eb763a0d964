//! Source of the signing key of a pod's `seid`.

use k8s_openapi::api::core::v1 as k8s;

use super::{SEID, SIDECAR, SIGNING_KEY, running, signing_secret};
use crate::keys::Digest;

/// Name of the volume with the copy of the consensus key, and of the init container that makes the copy.
pub const KEY_COPY: &str = "signing-key-copy";

/// Source of the signing key of a pod's `seid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// Nowhere: it signs with none.
    None,
    /// In the Secret: whenever its container starts, the kubelet mounts the file that the Secret holds then.
    Secret,
    /// In the copy that the pod's init container made. The digest is that of the copied file, as the latest run of the init
    /// container reported it.
    Copy(Option<Digest>),
}

impl KeySource {
    /// Reads the volumes, the mounts of `seid`, and what the init container reported.
    pub(in crate::observation) fn of(spec: &k8s::PodSpec, init_states: &[k8s::ContainerStatus]) -> Self {
        let seid = spec.containers.iter().filter(|container| container.name == SEID);
        let mounts: Vec<_> = seid.flat_map(|seid| seid.volume_mounts.iter().flatten()).collect();
        let mounts = |volume: &str| mounts.iter().any(|mount| mount.name == volume);
        match signing_secret(spec) {
            None => Self::None,
            Some(_) if mounts(KEY_COPY) && !mounts(SIGNING_KEY) => Self::Copy(reported(init_states)),
            Some(_) => Self::Secret,
        }
    }
}

/// The digest that the init container wrote into its termination message. A sidecar that started before that run has ended
/// belongs to an earlier sandbox: the two do not fit together.
fn reported(init_states: &[k8s::ContainerStatus]) -> Option<Digest> {
    let state = |name: &str| init_states.iter().find(|container| container.name == name);
    let run = state(KEY_COPY)?.state.as_ref()?.terminated.as_ref().filter(|run| run.exit_code == 0)?;
    let sidecar_since = running(state(SIDECAR)?)?.started_at.as_ref();
    let ended = run.finished_at.as_ref();
    let fits = sidecar_since.zip(ended).is_none_or(|(since, ended)| since.0 >= ended.0);
    Digest::parse(run.message.as_deref().filter(|_| fits)?)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const DIGEST: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    fn source(mounts: &[&str], copy: &Value, sidecar: &Value) -> KeySource {
        let mounts: Vec<_> = mounts.iter().map(|name| json!({"name": name, "mountPath": "/x"})).collect();
        let spec = json!({
            "containers": [{"name": "seid", "volumeMounts": mounts}],
            "volumes": [{"name": SIGNING_KEY, "secret": {"secretName": "s"}}],
        });
        let status = |name: &str, state: &Value| json!({"name": name, "state": state, "image": "", "imageID": "", "ready": true, "restartCount": 0});
        let states = json!([status(KEY_COPY, copy), status(SIDECAR, sidecar)]);
        KeySource::of(
            &serde_json::from_value(spec).unwrap(),
            &serde_json::from_value::<Vec<k8s::ContainerStatus>>(states).unwrap(),
        )
    }

    #[test]
    fn a_digest_counts_when_it_is_of_the_current_run() {
        let ended = |code: i32, message: &str| json!({"terminated": {"exitCode": code, "message": message, "finishedAt": "2026-01-01T00:00:05Z"}});
        let since = |second: u32| json!({"running": {"startedAt": format!("2026-01-01T00:00:0{second}Z")}});
        let good = ended(0, &format!("{DIGEST}  -\n"));
        let copied = KeySource::Copy(Digest::parse(DIGEST));
        assert!(copied != KeySource::Copy(None));
        assert_eq!(source(&[KEY_COPY], &good, &since(5)), copied);
        for (copy, sidecar) in [
            (&good, since(4)),
            (&good, json!({"waiting": {}})),
            (&ended(1, DIGEST), since(6)),
            (&ended(0, ""), since(6)),
            (&ended(0, &DIGEST[1..]), since(6)),
            (&ended(0, &DIGEST.replace('9', "é")), since(6)),
            (&json!({"running": {}}), since(6)),
        ] {
            assert_eq!(source(&[KEY_COPY], copy, &sidecar), KeySource::Copy(None), "{copy} {sidecar}");
        }
    }

    #[test]
    fn a_mount_of_the_secret_outweighs_a_copy() {
        let (copy, sidecar) = (json!({}), json!({}));
        assert_eq!(source(&[SIGNING_KEY, KEY_COPY], &copy, &sidecar), KeySource::Secret);
        assert_eq!(
            source(&["data"], &copy, &sidecar),
            KeySource::Secret,
            "what cannot be told counts as the Secret"
        );
        assert_eq!(KeySource::of(&k8s::PodSpec::default(), &[]), KeySource::None);
    }
}

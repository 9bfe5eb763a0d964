//! The keys of a validator that signs, as `seid` gets them: single files from Secrets (crd-and-workload §3.2, §3.3).

use k8s_openapi::api::core::v1::{KeyToPath, SecretVolumeSource, Volume, VolumeMount};

use crate::{intent::Intent, observation::SIGNING_KEY, render::HOME};

const SIGNING: KeyFile = KeyFile { volume: SIGNING_KEY, file: "priv_validator_key.json" };
const NODE: KeyFile = KeyFile { volume: "node-key", file: "node_key.json" };
/// Octal 0400: only the owner reads a key.
const OWNER_READS: i32 = 0o400;

/// A key that reaches `seid` as a file from a Secret.
struct KeyFile {
    volume: &'static str,
    file: &'static str,
}

/// The volumes, each with one file of one Secret.
pub(super) fn volumes(intent: &Intent) -> impl Iterator<Item = Volume> {
    files(intent).map(|(key, secret)| Volume {
        name: key.volume.into(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(secret.to_owned()),
            default_mode: Some(OWNER_READS),
            items: Some(vec![KeyToPath {
                key: key.file.into(),
                path: key.file.into(),
                ..KeyToPath::default()
            }]),
            ..SecretVolumeSource::default()
        }),
        ..Volume::default()
    })
}

/// Their mounts, for `seid` alone.
pub(super) fn mounts(intent: &Intent) -> impl Iterator<Item = VolumeMount> {
    // By subPath, which the kubelet never refreshes: editing the Secret cannot swap the key of a live validator.
    files(intent).map(|(key, _)| VolumeMount {
        name: key.volume.into(),
        mount_path: format!("{HOME}/config/{}", key.file),
        sub_path: Some(key.file.into()),
        read_only: Some(true),
        ..VolumeMount::default()
    })
}

/// The keys, each with its Secret.
fn files(intent: &Intent) -> impl Iterator<Item = (KeyFile, &str)> {
    intent.key_secrets().into_iter().flat_map(|(signing, node)| [(SIGNING, signing), (NODE, node)])
}

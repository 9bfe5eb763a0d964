//! The keys of a validator that signs, as `seid` gets them: single files (crd-and-workload §3.2, §3.3).
//!
//! The P2P key comes from its Secret by `subPath`, which the kubelet binds anew whenever the container starts: it may be
//! another one then. The consensus key must not be. An init container copies it once into memory that `seid` alone mounts,
//! and reports the digest of the copy in its termination message: the gate is opened for this file and no other.

use k8s_openapi::{
    api::core::v1::{Container, EmptyDirVolumeSource, KeyToPath, SecretVolumeSource, Volume, VolumeMount},
    apimachinery::pkg::api::resource::Quantity,
};

use super::pod;
use crate::{
    intent::Intent,
    keys,
    observation::{KEY_COPY, SIGNING_KEY},
    render::{HOME, script},
};

const SIGNING: KeyFile = KeyFile { volume: SIGNING_KEY, file: keys::SIGNING_KEY };
const NODE: KeyFile = KeyFile { volume: "node-key", file: keys::NODE_KEY };
/// Octal 0400: only the owner reads a key.
const OWNER_READS: i32 = 0o400;
/// Mount path of the Secret in the init container.
const SECRET: &str = "/signing-key/secret";
/// Mount path of the memory for the copy in the init container.
const COPY: &str = "/signing-key/copy";
/// More than a key file needs.
const COPY_SIZE: &str = "1Mi";

/// A key that is in a Secret.
struct KeyFile {
    volume: &'static str,
    file: &'static str,
}

/// The volumes: one for each Secret, with one file of it, and memory for the copy.
pub(super) fn volumes(intent: &Intent) -> impl Iterator<Item = Volume> {
    let keys = intent.key_secrets();
    let secrets = keys.into_iter().flat_map(|(signing, node)| [(SIGNING, signing), (NODE, node)]);
    let secrets = secrets.map(|(key, secret)| Volume {
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
    });
    let copy = keys.map(|_| Volume {
        name: KEY_COPY.into(),
        empty_dir: Some(EmptyDirVolumeSource {
            medium: Some("Memory".into()),
            size_limit: Some(Quantity(COPY_SIZE.into())),
        }),
        ..Volume::default()
    });
    secrets.chain(copy)
}

/// The init container that copies the consensus key; `None` for a node that does not sign. It runs in the image of `seid`,
/// which has a shell and the coreutils.
pub(super) fn copy(intent: &Intent) -> Option<Container> {
    intent.key_secrets().map(|_| Container {
        name: KEY_COPY.into(),
        image: Some(intent.image.clone()),
        command: Some(vec!["/bin/sh".into(), "-c".into(), script::copy_key(SECRET, COPY, SIGNING.file)]),
        volume_mounts: Some(vec![
            VolumeMount { read_only: Some(true), ..pod::mount(SIGNING.volume, SECRET) },
            pod::mount(KEY_COPY, COPY),
        ]),
        ..Container::default()
    })
}

/// The mounts of `seid`, which no other container has.
pub(super) fn mounts(intent: &Intent) -> impl Iterator<Item = VolumeMount> {
    let files = [(KEY_COPY, SIGNING.file), (NODE.volume, NODE.file)];
    intent.key_secrets().into_iter().flat_map(move |_| files).map(|(volume, file)| VolumeMount {
        sub_path: Some(file.into()),
        read_only: Some(true),
        ..pod::mount(volume, &format!("{HOME}/config/{file}"))
    })
}

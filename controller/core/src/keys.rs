//! Findings in the Secrets of a validator's keys: the shape of the files, and that their parts belong together.
//!
//! A key is looked at and let go: what leaves this module is a finding, and no word of it comes out of a key. Nothing
//! in here can be printed that holds a private part. Sei validators sign with Ed25519 (files as `seid init` writes
//! them: plans-tasks-sidecar §4.7).

mod file;

use std::fmt;

use k8s_openapi::api::core::v1::Secret;
use sha2::{Digest as _, Sha256};
use uuid::{Uuid, uuid};

use crate::{failure::Failure, node::NodeId};

/// Namespace of fingerprints; ours, nobody else derives them.
const FINGERPRINT_NAMESPACE: Uuid = uuid!("0b6ad0a9-3c1e-4f0e-9a5d-6a1c1c1f7f5e");
/// Key of the consensus key in a Secret, and the name of its file in a pod.
pub(crate) const SIGNING_KEY: &str = "priv_validator_key.json";
/// Entry of a Secret that holds the P2P key.
pub(crate) const NODE_KEY: &str = "node_key.json";

/// Stands for the public address of a consensus key, without showing it: two keys are the same if their fingerprints are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint(Uuid);

/// SHA-256 of the bytes of a key file: what `sha256sum` prints of the copy in a pod. Two files are the same if their digests
/// are. A key has 256 random bits, so nobody finds it by its digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest([u8; 32]);

/// A consensus key that is in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SigningKey {
    /// The key.
    pub fingerprint: Fingerprint,
    /// The file that it is in.
    pub file: Digest,
}

/// Finding about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding<T> {
    /// It is in order.
    Valid(T),
    /// There is no such Secret.
    Missing(String),
    /// The Secret is being deleted.
    Going(String),
    /// It is not in order: a person has to mend the Secret.
    Invalid(String),
    /// The Secret could not be read.
    Unread(Failure),
}

/// Checks the consensus key in a Secret: its shape is in order, and its address and public key derive from
/// the private one.
#[must_use]
pub fn signing_key(name: &str, namespace: &str, secret: Option<&Secret>) -> Finding<SigningKey> {
    look(name, namespace, secret, SIGNING_KEY, |file| {
        let fingerprint = Fingerprint::of(&file::signing(file)?);
        Ok(SigningKey { fingerprint, file: Digest::of(file) })
    })
}

/// Checks the P2P key in a Secret. The finding is the id by which peers know the node.
#[must_use]
pub fn node_key(name: &str, namespace: &str, secret: Option<&Secret>) -> Finding<NodeId> {
    look(name, namespace, secret, NODE_KEY, file::node)
}

fn look<T>(
    name: &str,
    namespace: &str,
    secret: Option<&Secret>,
    key: &str,
    judge: fn(&[u8]) -> Result<T, String>,
) -> Finding<T> {
    let Some(secret) = secret else {
        return Finding::Missing(format!(
            "Secret {name} does not exist in namespace {namespace}: create it, with the key file under {key}"
        ));
    };
    if secret.metadata.deletion_timestamp.is_some() {
        return Finding::Going(format!(
            "Secret {name} is being deleted: create it anew when it is gone, with the key file under {key}"
        ));
    }
    let file = secret.data.as_ref().and_then(|data| data.get(key)).filter(|file| !file.0.is_empty());
    let Some(file) = file else {
        return Finding::Invalid(format!("Secret {name} has no {key}: put the key file there"));
    };
    match judge(&file.0) {
        Ok(found) => Finding::Valid(found),
        Err(why) => Finding::Invalid(format!(
            "{key} in Secret {name} {why}: put the whole file there as seid wrote it"
        )),
    }
}

impl Digest {
    /// The digest of a file.
    #[must_use]
    pub fn of(file: &[u8]) -> Self {
        Self(Sha256::digest(file).into())
    }

    /// Reads the output of `sha256sum`: 64 hexadecimal digits, and whatever follows them after a space.
    #[must_use]
    pub fn parse(output: &str) -> Option<Self> {
        let digits = output.split_ascii_whitespace().next()?.as_bytes();
        let (pairs, rest) = digits.as_chunks::<2>();
        let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        let bytes = pairs
            .iter()
            .map(|[high, low]| Some(digit(*high)?.saturating_mul(16).saturating_add(digit(*low)?)));
        let bytes = bytes.collect::<Option<Vec<_>>>().filter(|_| rest.is_empty())?;
        bytes.try_into().ok().map(Self)
    }
}

impl Fingerprint {
    /// The fingerprint of an address, in upper-case hex.
    fn of(address: &str) -> Self {
        Self(Uuid::new_v5(&FINGERPRINT_NAMESPACE, address.as_bytes()))
    }

    /// Reads a stored fingerprint.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::parse_str(text).ok().map(Self)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests;

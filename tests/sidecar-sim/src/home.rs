//! Content of a node's data volume, as far as the contract shows it. It lives and dies with the volume.

use uuid::{Uuid, uuid};

use crate::store::Store;

/// Namespace of the node ids that the simulation makes up.
const NODE_ID_NAMESPACE: Uuid = uuid!("0f2a4c1e-97d5-4c6b-8e1d-5d0a3f6b7c88");

/// Identity of a data volume.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum VolumeId {
    /// A PersistentVolumeClaim, by UID.
    Claim(String),
    /// No claim: storage that ends with the pod, by the pod's UID.
    Pod(String),
    /// Made by a test, by number: nothing lies on it, not even what `seid init` leaves.
    Bare(u64),
}

/// Contents of a data volume.
#[derive(Debug, Default)]
pub(crate) struct Home {
    pub(crate) store: Store,
    /// Derived from `node_key.json`; `None` before there is one.
    pub(crate) node_id: Option<String>,
    /// `p2p.persistent-peers` of `config.toml`.
    pub(crate) persistent_peers: Vec<String>,
    /// `.sei-sidecar-statesync-done` exists.
    pub(crate) state_sync_done: bool,
    /// `[statesync]` of `config.toml` has the settings that configure-state-sync has written.
    pub(crate) state_sync: bool,
}

impl Home {
    /// A volume at the first start of a sidecar: where there is a pod, its `seid init` has made the keys.
    pub(crate) fn new(volume: &VolumeId) -> Self {
        let node_id = match volume {
            VolumeId::Claim(uid) | VolumeId::Pod(uid) => Some(made_up_node_id(uid)),
            VolumeId::Bare(_) => None,
        };
        Self { node_id, ..Self::default() }
    }
}

/// 40 hexadecimal digits that are the same for the same seed.
pub(crate) fn made_up_node_id(seed: &str) -> String {
    let first = Uuid::new_v5(&NODE_ID_NAMESPACE, seed.as_bytes()).simple().to_string();
    let second = Uuid::new_v5(&NODE_ID_NAMESPACE, first.as_bytes()).simple().to_string();
    first.chars().chain(second.chars()).take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_ids_look_like_those_of_keys() {
        let id = made_up_node_id("a");
        assert!(
            id.len() == 40 && id.chars().all(|c| c.is_ascii_hexdigit() && !c.is_ascii_uppercase()),
            "{id}"
        );
        assert_eq!(id, made_up_node_id("a"));
        assert_ne!(id, made_up_node_id("b"));
    }

    #[test]
    fn only_a_bare_volume_has_no_identity() {
        assert_eq!(Home::new(&VolumeId::Bare(1)).node_id, None);
        assert!(Home::new(&VolumeId::Claim("uid".into())).node_id.is_some());
    }
}

//! Hosts that answer `discover-peers`, with their node ids. Pure.

use std::collections::BTreeMap;

use crate::home::made_up_node_id;

/// Hosts that a sidecar reaches.
#[derive(Clone, Debug, Default)]
pub(crate) struct Peers {
    /// Hosts that the simulation knows.
    pub(crate) known: BTreeMap<String, String>,
    /// Behaviour of all other hosts.
    pub(crate) others: Others,
}

/// Behaviour of a host that the simulation does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Others {
    /// Nobody answers there.
    #[default]
    Silent,
    /// Somebody answers: a sidecar that is alone sees no other node, and holds none of them for dead.
    Answer,
}

impl Peers {
    /// The node id that a host answers with.
    pub(crate) fn id(&self, host: &str) -> Option<String> {
        self.known.get(host).cloned().or_else(|| match self.others {
            Others::Silent => None,
            Others::Answer => Some(made_up_node_id(host)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_answer_only_where_nobody_else_is_known() {
        let known = BTreeMap::from([("near".to_owned(), "id".to_owned())]);
        let among = Peers { known: known.clone(), others: Others::Silent };
        assert_eq!((among.id("near"), among.id("far")), (Some("id".into()), None));
        let alone = Peers { known, others: Others::Answer };
        assert_eq!(alone.id("near"), Some("id".into()));
        assert!(alone.id("far").is_some());
    }
}

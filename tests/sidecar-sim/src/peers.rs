//! Which hosts answer to `discover-peers`, and with which node ids. Pure.

use std::collections::BTreeMap;

use crate::home::made_up_node_id;

/// Whom a sidecar reaches.
#[derive(Clone, Debug, Default)]
pub(crate) struct Peers {
    /// Those that the simulation knows.
    pub(crate) known: BTreeMap<String, String>,
    /// What the others do.
    pub(crate) others: Others,
}

/// What a host does that the simulation knows nothing of.
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

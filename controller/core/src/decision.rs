//! A decision: the status as it should be, and one act.
//!
//! The type keeps the first rule: a decision that holds a new plan ([`Act::Store`]) cannot hold an effect.

use seinode_api::SeiNodeStatus;

use crate::{effect::Effect, query::Query, task::Until};

/// The status as it should be, and the next act.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The status as it should be.
    pub status: SeiNodeStatus,
    /// The next act.
    pub act: Act,
}

/// The next act.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// Fetch a fact, then decide again.
    Fetch(Query),
    /// Take a rollout slot, or learn who has them all, then decide again.
    TakeSlot,
    /// Store the status, which holds a new plan, then decide again.
    Store,
    /// Perform an effect, fold its outcome into the facts, then decide again.
    Perform(Effect),
    /// Store the status if it changed, and end the reconcile.
    Rest(Rest),
}

/// The end of a reconcile: the reason to wait, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rest {
    /// Reason that the node waits; `None` when it waits for nothing.
    pub why: Option<String>,
    /// Time of the next reconcile.
    pub until: Until,
}

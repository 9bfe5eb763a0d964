//! What a decision says: the status as it should be, and one act.
//!
//! The type keeps the first rule: a decision that holds a new plan ([`Act::Persist`]) cannot hold an effect.

use seinode_api::SeiNodeStatus;

use crate::{answer::Question, effect::Effect, task::Until};

/// What happens next.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The status as it should be.
    pub status: SeiNodeStatus,
    /// What to do.
    pub act: Act,
}

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// Fetch a fact, then decide again.
    Look(Question),
    /// Store the status, which holds a new plan, then decide again.
    Persist,
    /// Do this, fold what became of it into the facts, then decide again.
    Perform(Effect),
    /// Store the status if it changed; nothing to do until then.
    Rest(Rest),
}

/// Why a node rests, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rest {
    /// What is waited for; `None` when nothing is.
    pub why: Option<String>,
    /// When to look again.
    pub until: Until,
}

//! A change of the Secret: what is to happen to the authorities and why, and the content that comes of it.

use std::{collections::BTreeSet, fmt};

use jiff::Timestamp;

use crate::{
    certificate::{Bundle, Fingerprint},
    issue::{Authority, Unissued},
    lives::Lives,
    stored::{Corrupt, Stored},
};

/// What was found where the Secret ought to be.
#[derive(Clone, Debug)]
pub enum Content {
    /// No Secret.
    Absent,
    /// A Secret that is of no use.
    Corrupt(Corrupt),
    /// A Secret in order.
    Sound(Stored),
}

/// A change of the Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// There is no authority that could sign: a new one does at once.
    Replace(Unusable),
    /// A new authority is published beside the one that signs.
    Stage(Due),
    /// The published authority takes over.
    Promote(Cause),
    /// Authorities whose leaves are all gone are trusted no longer.
    Retire(BTreeSet<Fingerprint>),
}

/// Why there is no authority that could sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// There is no Secret.
    Absent,
    /// The Secret cannot be used.
    Corrupt(Corrupt),
    /// The authority is no longer valid.
    Expired,
    /// The authority is not valid yet: it was made when a clock was ahead.
    NotYetValid,
}

/// Why a successor is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Two thirds of the authority's life are over.
    Aged,
    /// The one that was to follow is not valid now.
    SuccessorInvalid,
}

/// Why the successor takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It has been in every configuration for long enough.
    Settled,
    /// The authority that signs is not valid now, and the successor is.
    SignerInvalid,
}

impl Rotation {
    /// Whether a new authority comes of it.
    pub(crate) fn makes_an_authority(&self) -> bool {
        match self {
            Self::Replace(_) | Self::Stage(_) => true,
            Self::Promote(_) | Self::Retire(_) => false,
        }
    }

    /// The content that comes of it. `known` are the authorities that somebody may still rely on: they stay trusted
    /// where the Secret itself does not say any more which they were.
    ///
    /// # Errors
    /// When a new authority is needed and cannot be made.
    pub fn carry_out(
        &self,
        content: &Content,
        known: &Bundle,
        now: Timestamp,
        lives: &Lives,
    ) -> Result<Stored, Unissued> {
        let made = || Authority::create(now, lives);
        let stored = match content {
            Content::Absent | Content::Corrupt(_) => return Ok(Stored::begun(made()?, known, now)),
            Content::Sound(stored) => stored,
        };
        Ok(match self {
            Self::Replace(_) => stored.replaced(made()?, now),
            Self::Stage(_) => stored.staged(made()?, now),
            Self::Promote(_) => stored.promoted(now),
            Self::Retire(gone) => stored.without(gone),
        })
    }
}

impl fmt::Display for Rotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replace(Unusable::Absent) => f.write_str("a new authority, as there is no Secret"),
            Self::Replace(Unusable::Corrupt(why)) => {
                write!(f, "a new authority, as the Secret is corrupt: {why}")
            }
            Self::Replace(Unusable::Expired) => f.write_str("a new authority, as the old one has expired"),
            Self::Replace(Unusable::NotYetValid) => {
                f.write_str("a new authority, as the old one is not valid yet: a clock was or is wrong")
            }
            Self::Stage(Due::Aged) => {
                f.write_str("a successor is published, as two thirds of the authority's life are over")
            }
            Self::Stage(Due::SuccessorInvalid) => {
                f.write_str("another successor is published, as the one before is not valid now")
            }
            Self::Promote(Cause::Settled) => {
                f.write_str("the successor signs from now on, as every configuration trusts it")
            }
            Self::Promote(Cause::SignerInvalid) => {
                f.write_str("the successor signs from now on, as the authority is not valid now")
            }
            Self::Retire(gone) => {
                f.write_str("authorities without leaves are trusted no longer:")?;
                gone.iter().try_for_each(|fingerprint| write!(f, " {fingerprint}"))
            }
        }
    }
}

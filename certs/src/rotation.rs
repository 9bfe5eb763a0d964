//! A change of the Secret: an operation on the authorities, its reason, and the resulting content.

use std::{collections::BTreeSet, fmt};

use jiff::Timestamp;

use crate::{
    certificate::{Bundle, Fingerprint},
    issue::{Authority, Unissued},
    lifetimes::Lifetimes,
    names::Names,
    stored::{Corrupt, Stored},
};

/// State of the Secret.
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
    /// An authority whose leaves are in use is trusted again.
    Restore(Fingerprint),
}

/// Reason why no authority can sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// There is no Secret, and nobody trusts an authority yet.
    Absent,
    /// The Secret is gone.
    Lost,
    /// The Secret cannot be used.
    Corrupt(Corrupt),
    /// The authority is no longer valid.
    Expired,
    /// The authority is not valid yet: it was made when a clock was ahead.
    NotYetValid,
    /// The authority may not sign for the names that API servers use now.
    OtherNames,
}

/// Reason for a successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Two thirds of the authority's life are over.
    Aged,
    /// The one that was to follow is not valid now.
    SuccessorInvalid,
}

/// Reason for a promotion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The successor has been in every configuration for long enough.
    Settled,
    /// The authority that signs is not valid now, and the successor is.
    SignerInvalid,
}

impl Rotation {
    /// Reports whether it makes a new authority.
    pub(crate) fn makes_an_authority(&self) -> bool {
        match self {
            Self::Replace(_) | Self::Stage(_) => true,
            Self::Promote(_) | Self::Retire(_) | Self::Restore(_) => false,
        }
    }

    /// The resulting content. `known` are the authorities that somebody may still rely on: they stay trusted
    /// where the Secret itself does not say any more which they were. A new authority may sign for `names`, and for those
    /// that the one before it could sign for: replicas with other names may still run.
    ///
    /// # Errors
    /// When a new authority is needed and cannot be made.
    pub fn carry_out(
        &self,
        content: &Content,
        known: &Bundle,
        names: &Names,
        now: Timestamp,
        lifetimes: &Lifetimes,
    ) -> Result<Stored, Unissued> {
        let stored = match content {
            Content::Absent | Content::Corrupt(_) => {
                return Ok(Stored::begun(Authority::create(names, now, lifetimes)?, known, now));
            }
            Content::Sound(stored) => stored,
        };
        let before = stored.signer.certificate().permitted();
        let names = before.map_or_else(|| names.clone(), |before| before.and(names));
        let made = || Authority::create(&names, now, lifetimes);
        Ok(match self {
            Self::Replace(_) => stored.replaced(made()?, now),
            Self::Stage(_) => stored.staged(made()?, now),
            Self::Promote(_) => stored.promoted(now),
            Self::Retire(gone) => stored.without(gone),
            Self::Restore(lost) => stored.with(known.get(lost), now),
        })
    }
}

impl fmt::Display for Rotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replace(Unusable::Absent) => f.write_str("a new authority, as there is no Secret yet"),
            Self::Replace(Unusable::Lost) => f.write_str("a new authority, as the Secret is gone"),
            Self::Replace(Unusable::Corrupt(why)) => {
                write!(f, "a new authority, as the Secret is corrupt: {why}")
            }
            Self::Replace(Unusable::Expired) => f.write_str("a new authority, as the old one has expired"),
            Self::Replace(Unusable::NotYetValid) => {
                f.write_str("a new authority, as the old one is not valid yet: a clock was or is wrong")
            }
            Self::Replace(Unusable::OtherNames) => {
                f.write_str("a new authority, as the old one may not sign for the names that are used now")
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
            Self::Restore(lost) => {
                write!(f, "an authority with leaves in use is trusted again, as the Secret lacks it: {lost}")
            }
        }
    }
}

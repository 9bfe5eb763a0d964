//! Decisions about the leaf of this replica: minted early enough, and from an authority that API servers trust already.

use std::fmt;

use crate::{certificate::Validity, lifetimes::Lifetimes, stored::Stored};

use super::Seen;

/// Reason for a new leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// There is none yet.
    First,
    /// The one before is no longer valid.
    Expired,
    /// The one before is not valid yet: a clock was or is wrong.
    NotYetValid,
    /// About two thirds of its life are over.
    Aged,
    /// Another authority signs now, and it is trusted.
    Successor,
    /// Nobody is to trust its authority any longer.
    Disowned,
}

impl Why {
    /// Reports whether the presented leaf is useless. Then a new one is minted even from a Secret that was read long ago.
    pub(crate) fn is_urgent(self) -> bool {
        match self {
            Self::First | Self::Expired | Self::NotYetValid => true,
            Self::Aged | Self::Successor | Self::Disowned => false,
        }
    }
}

pub(super) fn decide(seen: &Seen<'_>, stored: &Stored, lifetimes: &Lifetimes) -> Option<Why> {
    let signer = stored.signer.certificate();
    if !seen.is_valid(signer) {
        return None;
    }
    let Some(leaf) = seen.leaf else { return Some(Why::First) };
    match leaf.validity(seen.now) {
        Validity::Expired => return Some(Why::Expired),
        Validity::NotYet => return Some(Why::NotYetValid),
        Validity::Valid => {}
    }
    if leaf.issuer == signer.fingerprint() {
        return (seen.now >= leaf.renew_at).then_some(Why::Aged);
    }
    if seen.is_settled(signer.fingerprint(), lifetimes) {
        return Some(Why::Successor);
    }
    let trusts_ours = stored.bundle().trusts(&leaf.issuer);
    (!trusts_ours && seen.trusted.contains_key(&signer.fingerprint())).then_some(Why::Disowned)
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::First => "there is none yet",
            Self::Expired => "the one before has expired",
            Self::NotYetValid => "the one before is not valid yet: a clock was or is wrong",
            Self::Aged => "about two thirds of its life are over",
            Self::Successor => "another authority signs now",
            Self::Disowned => "its authority is trusted no longer",
        })
    }
}

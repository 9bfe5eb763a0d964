//! When this replica mints a leaf: early enough, and from an authority that the API servers trust already.

use std::fmt;

use crate::{certificate::Validity, lives::Lives, stored::Stored};

use super::Seen;

/// Why a leaf is minted.
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
    /// Whether what is presented now is of no use. Then a leaf is minted even from what was read some time ago.
    pub(crate) fn is_urgent(self) -> bool {
        match self {
            Self::First | Self::Expired | Self::NotYetValid => true,
            Self::Aged | Self::Successor | Self::Disowned => false,
        }
    }
}

pub(super) fn decide(seen: &Seen<'_>, stored: &Stored, lives: &Lives) -> Option<Why> {
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
    if seen.is_settled(signer.fingerprint(), lives) {
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

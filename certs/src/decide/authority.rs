//! What is to become of the authorities: made, followed up with an overlap, retired.

use std::collections::BTreeSet;

use crate::{
    certificate::Validity,
    lives::{Lives, earlier, later},
    rotation::{Cause, Content, Due, Rotation, Unusable},
    stored::Stored,
};

use super::Seen;

pub(super) fn decide(seen: &Seen<'_>, lives: &Lives) -> Option<Rotation> {
    let stored = match seen.content {
        Content::Absent => return Some(Rotation::Replace(Unusable::Absent)),
        Content::Corrupt(why) => return Some(Rotation::Replace(Unusable::Corrupt(why.clone()))),
        Content::Sound(stored) => stored,
    };
    let signer = stored.signer.certificate();
    let next = stored.next.as_ref().map(|next| next.certificate());
    let follower = next.filter(|next| seen.is_valid(next));
    match (signer.validity(seen.now), follower) {
        (Validity::Expired | Validity::NotYet, Some(_)) => Some(Rotation::Promote(Cause::SignerInvalid)),
        (Validity::Expired, None) => Some(Rotation::Replace(Unusable::Expired)),
        (Validity::NotYet, None) if is_served(seen, stored) => None,
        (Validity::NotYet, None) => Some(Rotation::Replace(Unusable::NotYetValid)),
        (Validity::Valid, Some(next)) if seen.is_settled(next.fingerprint(), lives) => {
            Some(Rotation::Promote(Cause::Settled))
        }
        (Validity::Valid, Some(_)) => retire(seen, stored, lives),
        (Validity::Valid, None) if next.is_some() => Some(Rotation::Stage(Due::SuccessorInvalid)),
        // By what is left of its life: how far it was back-dated does not count.
        (Validity::Valid, None) if seen.now >= earlier(signer.not_after, lives.authority / 3) => {
            Some(Rotation::Stage(Due::Aged))
        }
        (Validity::Valid, None) => retire(seen, stored, lives),
    }
}

/// Whether this replica can do without a new leaf for the time being. Then an authority of the future is left to whoever
/// made it: their clock may be the right one, and two that disagree must not replace each other's at every look.
fn is_served(seen: &Seen<'_>, stored: &Stored) -> bool {
    seen.leaf.is_some_and(|leaf| {
        leaf.validity(seen.now) == Validity::Valid
            && seen.now < leaf.renew_at
            && stored.bundle().trusts(&leaf.issuer)
    })
}

/// A retired authority goes when no leaf of it can be left: by the wall clock, as clocks may differ, and by what this
/// replica has seen itself, as a wall clock may jump.
fn retire(seen: &Seen<'_>, stored: &Stored, lives: &Lives) -> Option<Rotation> {
    let signer = stored.signer.certificate().fingerprint();
    if seen.trusted.get(&signer).is_none_or(|lasting| *lasting < lives.patience()) {
        return None;
    }
    let ours = seen.leaf.map(|leaf| leaf.issuer);
    let over = stored.retired.iter().filter(|retired| {
        let last_leaf = later(later(retired.since, lives.leaf), lives.back_dating);
        seen.now >= last_leaf && ours != Some(retired.certificate.fingerprint())
    });
    let gone: BTreeSet<_> = over.map(|retired| retired.certificate.fingerprint()).collect();
    (!gone.is_empty()).then_some(Rotation::Retire(gone))
}

//! Decisions about authorities: create, follow up with an overlap, retire.

use std::collections::BTreeSet;

use crate::{
    certificate::{Fingerprint, Validity},
    lifetimes::{Lifetimes, earlier, later},
    rotation::{Cause, Content, Due, Rotation, Unusable},
    stored::Stored,
};

use super::Seen;

pub(super) fn decide(seen: &Seen<'_>, lifetimes: &Lifetimes) -> Option<Rotation> {
    let stored = match seen.content {
        Content::Absent if seen.live.iter().all(|live| live.authorities().is_empty()) => {
            return Some(Rotation::Replace(Unusable::Absent));
        }
        Content::Absent => return Some(Rotation::Replace(Unusable::Lost)),
        Content::Corrupt(why) => return Some(Rotation::Replace(Unusable::Corrupt(why.clone()))),
        Content::Sound(stored) => stored,
    };
    if let Some(lost) = lost(seen, stored) {
        return Some(Rotation::Restore(lost));
    }
    let signer = stored.signer.certificate();
    let next = stored.next.as_ref().map(|next| next.certificate());
    let follower = next.filter(|next| seen.is_valid(next));
    match (signer.validity(seen.now), follower) {
        (Validity::Expired | Validity::NotYet, Some(_)) => Some(Rotation::Promote(Cause::SignerInvalid)),
        (Validity::Expired, None) => Some(Rotation::Replace(Unusable::Expired)),
        (Validity::NotYet, None) if is_served(seen, stored) => None,
        (Validity::NotYet, None) => Some(Rotation::Replace(Unusable::NotYetValid)),
        (Validity::Valid, _) if !signer.permits(seen.names) => Some(Rotation::Replace(Unusable::OtherNames)),
        (Validity::Valid, Some(next)) if seen.is_settled(next.fingerprint(), lifetimes) => {
            Some(Rotation::Promote(Cause::Settled))
        }
        (Validity::Valid, Some(_)) => retire(seen, stored, lifetimes),
        (Validity::Valid, None) if next.is_some() => Some(Rotation::Stage(Due::SuccessorInvalid)),
        // By what is left of its life: how far it was back-dated does not count.
        (Validity::Valid, None) if seen.now >= earlier(signer.not_after, lifetimes.last_third()) => {
            Some(Rotation::Stage(Due::Aged))
        }
        (Validity::Valid, None) => retire(seen, stored, lifetimes),
    }
}

/// The authority of the leaf that this replica presents, where the API servers trust it and the Secret has forgotten it:
/// somebody has put back an older Secret. Nobody may lose trust by that.
fn lost(seen: &Seen<'_>, stored: &Stored) -> Option<Fingerprint> {
    let leaf = seen.leaf.filter(|leaf| leaf.validity(seen.now) == Validity::Valid)?;
    let is_trusted = seen.live.iter().any(|live| live.authorities().trusts(&leaf.issuer));
    (is_trusted && !stored.bundle().trusts(&leaf.issuer)).then_some(leaf.issuer)
}

/// Reports whether this replica can do without a new leaf for now. Then an authority of the future stays: the clock of its
/// maker may be the right one, and two replicas that disagree must not replace each other's authority at every look.
fn is_served(seen: &Seen<'_>, stored: &Stored) -> bool {
    seen.leaf.is_some_and(|leaf| {
        leaf.validity(seen.now) == Validity::Valid
            && seen.now < leaf.renew_at
            && stored.bundle().trusts(&leaf.issuer)
    })
}

/// A retired authority goes when no leaf of it can be left: by the wall clock, as clocks may differ, and by what this
/// replica has seen itself, as a wall clock may jump.
fn retire(seen: &Seen<'_>, stored: &Stored, lifetimes: &Lifetimes) -> Option<Rotation> {
    let signer = stored.signer.certificate().fingerprint();
    if seen.trusted.get(&signer).is_none_or(|lasting| *lasting < lifetimes.patience()) {
        return None;
    }
    let ours = seen.leaf.map(|leaf| leaf.issuer);
    let over = stored.retired.iter().filter(|retired| {
        let last_leaf = later(later(retired.since, lifetimes.leaf), lifetimes.back_dating);
        seen.now >= last_leaf && ours != Some(retired.certificate.fingerprint())
    });
    let gone: BTreeSet<_> = over.map(|retired| retired.certificate.fingerprint()).collect();
    (!gone.is_empty()).then_some(Rotation::Retire(gone))
}

//! Whether an object that has our child's name is our child. One that is not is never touched (W6).

use super::{Step, Until, wait};
use crate::{failure::Class, node::Owner, observation::Stay};

/// Whether an object that has our child's name may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kin {
    /// It may.
    Ours,
    /// It will be gone: it is being deleted, or its owner is.
    Leaving,
    /// It may not.
    Foreign,
}

pub(crate) fn kin(owner: &Owner, stay: Stay) -> Kin {
    match (owner, stay) {
        (Owner::Us, Stay::Staying) => Kin::Ours,
        (Owner::Us | Owner::Predecessor, _) | (_, Stay::Going) => Kin::Leaving,
        (Owner::Nobody | Owner::Other(_), Stay::Staying) => Kin::Foreign,
    }
}

/// What has our child's name goes, and is waited for.
pub(super) fn leaving(kind: &str) -> Step {
    let why = format!("the {kind} of a deleted SeiNode is still being removed");
    wait(&why, Until::Retry(Class::Transient))
}

/// What has our child's name is somebody else's, and stays as it is.
pub(super) fn foreign(kind: &str) -> Step {
    let why = format!("a {kind} of this name exists and belongs to somebody else");
    wait(&why, Until::Retry(Class::User))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_used_only_when_it_is_ours_and_stays() {
        let other = Owner::Other("Pod/x".into());
        for (owner, stay, expected) in [
            (&Owner::Us, Stay::Staying, Kin::Ours),
            (&Owner::Us, Stay::Going, Kin::Leaving),
            (&Owner::Predecessor, Stay::Staying, Kin::Leaving),
            (&Owner::Predecessor, Stay::Going, Kin::Leaving),
            (&Owner::Nobody, Stay::Staying, Kin::Foreign),
            (&Owner::Nobody, Stay::Going, Kin::Leaving),
            (&other, Stay::Staying, Kin::Foreign),
            (&other, Stay::Going, Kin::Leaving),
        ] {
            assert_eq!(kin(owner, stay), expected, "{owner:?} {stay:?}");
        }
    }
}

//! Ownership of an object that has our child's name. One that is not our child is never touched (W6).

use super::{Step, Until, wait};
use crate::{failure::Class, node::Deletion, node::Owner};

/// Ownership of an object that has our child's name: it may be used, or may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ownership {
    /// It may.
    Ours,
    /// It will be gone: it is being deleted, or its owner is.
    Leaving,
    /// It may not.
    Foreign,
}

pub(crate) fn ownership(owner: &Owner, deletion: Deletion) -> Ownership {
    match (owner, deletion) {
        (Owner::Us, Deletion::Absent) => Ownership::Ours,
        (Owner::Us | Owner::Predecessor, _) | (_, Deletion::Requested) => Ownership::Leaving,
        (Owner::Nobody | Owner::Other(_), Deletion::Absent) => Ownership::Foreign,
    }
}

/// Waits for what has our child's name and is going.
pub(super) fn leaving(kind: &str) -> Step {
    let why = format!("the {kind} of a deleted SeiNode is still being removed");
    wait(&why, Until::Retry(Class::Transient))
}

/// Leaves an object alone that has our child's name and is somebody else's.
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
            (&Owner::Us, Deletion::Absent, Ownership::Ours),
            (&Owner::Us, Deletion::Requested, Ownership::Leaving),
            (&Owner::Predecessor, Deletion::Absent, Ownership::Leaving),
            (&Owner::Predecessor, Deletion::Requested, Ownership::Leaving),
            (&Owner::Nobody, Deletion::Absent, Ownership::Foreign),
            (&Owner::Nobody, Deletion::Requested, Ownership::Leaving),
            (&other, Deletion::Absent, Ownership::Foreign),
            (&other, Deletion::Requested, Ownership::Leaving),
        ] {
            assert_eq!(ownership(owner, stay), expected, "{owner:?} {stay:?}");
        }
    }
}

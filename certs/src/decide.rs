//! **The** decision of rotation: from what was seen and the time to one act, with its reason. Pure: no clock, no
//! client, no randomness.
//!
//! One act at a time; after it the world is looked at again. The order is that of need: without a Secret in order
//! there is nothing to mint from, without a leaf nothing to serve, and what is published follows from the Secret.

mod authority;
mod leaf;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use jiff::Timestamp;

pub use self::leaf::Why;
use crate::{
    certificate::{Certificate, Fingerprint, Validity},
    configuration::{Configuration, Live},
    issue::Held,
    lifetimes::Lifetimes,
    names::Names,
    rotation::{Content, Rotation},
};

/// All facts that a decision rests on.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The wall clock.
    pub now: Timestamp,
    /// The names that API servers call this replica by.
    pub names: &'a Names,
    /// The Secret.
    pub content: &'a Content,
    /// The configurations, as they were read before the Secret.
    pub live: &'a [Live],
    /// Time for which every configuration has trusted each authority, as far as this replica has seen.
    pub trusted: &'a BTreeMap<Fingerprint, Duration>,
    /// The leaf that this replica presents.
    pub leaf: Option<&'a Held>,
}

/// The next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Change the Secret.
    Write(Rotation),
    /// Mint a leaf and present it.
    Mint(Why),
    /// Give these configurations the bundle of the Secret.
    Inject(BTreeSet<Configuration>),
    /// All is as it should be.
    Rest,
}

/// Decides.
#[must_use]
pub fn decide(seen: &Seen<'_>, lifetimes: &Lifetimes) -> Act {
    if let Some(rotation) = authority::decide(seen, lifetimes) {
        return Act::Write(rotation);
    }
    let Content::Sound(stored) = seen.content else { return Act::Rest };
    if let Some(why) = leaf::decide(seen, stored, lifetimes) {
        return Act::Mint(why);
    }
    let bundle = stored.bundle().pem();
    let needy = seen.live.iter().filter(|live| live.needs(&bundle));
    let needy: BTreeSet<_> = needy.map(|live| live.configuration.clone()).collect();
    if needy.is_empty() { Act::Rest } else { Act::Inject(needy) }
}

impl Seen<'_> {
    fn is_valid(&self, certificate: &Certificate) -> bool {
        certificate.validity(self.now) == Validity::Valid
    }

    /// Reports whether every API server trusts an authority by now.
    fn is_settled(&self, issuer: Fingerprint, lifetimes: &Lifetimes) -> bool {
        self.trusted.get(&issuer).is_some_and(|lasting| *lasting >= lifetimes.settling)
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write(rotation) => rotation.fmt(f),
            Self::Mint(why) => write!(f, "a new certificate, as {why}"),
            Self::Inject(which) => {
                f.write_str("the bundle is put into")?;
                which.iter().try_for_each(|configuration| write!(f, " {configuration}"))
            }
            Self::Rest => f.write_str("nothing"),
        }
    }
}

#[cfg(test)]
mod tests;

//! The keys: the certificate that the admission webhooks present, and what makes the API servers trust it. It looks
//! after itself: nobody has to renew, rotate or copy anything. It knows X.509 and one Secret, and nothing of nodes.
//!
//! A certificate of our own comes about like this, in each replica alike and without a leader:
//!
//! ```text
//! watches, wall clock ─> look ─> decide ─┬─> write the Secret       compare-and-swap; losing is success
//!                         ^    (pure)    ├─> mint a leaf            in memory, presented at once
//!                         └──────────────┼─> inject the bundle      JSON patch of caBundle
//!                                        └─> rest
//! ```
//!
//! - `decide` says what to do and why, from what was seen and the time; `rotation` is a change of the Secret, `stored`
//!   its content;
//! - `issue` makes authorities and leaves; a leaf never outlives its authority;
//! - `store` is the one Secret, `configuration` and `inject` the bundles; `trust` knows since when they are trusted;
//! - `resolver` presents the certificate to rustls; `report` says whether this replica is ready;
//! - `rotate` is the loop, `files` the other one, for a certificate that somebody else renews.
//!
//! **An authority is followed up with an overlap.** The successor is published beside it and signs nothing. When it has
//! been seen in every configuration for a minute, it is promoted; each replica then mints a leaf of it. The old one
//! stays trusted for as long as a leaf of it may be in use.
//!
//! **A lost Secret breaks nobody.** The new one keeps trusting whom the configurations trust, and a replica that
//! presents a valid leaf goes on with it until its successor is trusted.
//!
//! Never belongs here: a private key in a log line, an event, a status, a report or an error message.

// Numbers, texts and lists of others cannot make it panic: arithmetic saturates or is checked, and nothing is indexed.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::string_slice))]

mod announce;
mod backoff;
mod certificate;
mod certificates;
mod clock;
mod configuration;
mod decide;
mod error;
mod files;
mod inject;
mod issue;
mod lifetimes;
mod names;
mod rate_limit;
mod report;
mod resolver;
mod rotate;
mod rotation;
mod settings;
mod store;
mod stored;
mod trust;
mod watch;

#[cfg(test)]
mod tests;

pub use certificates::{Certificates, Handle, prepare};
pub use clock::Clock;
pub use configuration::{Configuration, FIELD_MANAGER, Kind, Standing};
pub use lifetimes::Lifetimes;
pub use names::{BadNames, Names};
pub use report::{Readiness, Renewals, Report};
pub use resolver::Resolver;
pub use settings::{Files, Origin, Settings};
pub use store::SecretName;

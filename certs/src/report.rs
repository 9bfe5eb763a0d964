//! State of the certificates for the process: readiness and the values of metrics. Public facts only.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{
    certificate::{Fingerprint, Validity},
    configuration::{Configuration, Live, Standing},
    issue::Held,
    lifetimes::{Lifetimes, between},
};

/// The state of the certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Readiness to be called by API servers.
    pub readiness: Readiness,
    /// Expiry of the presented certificate.
    pub leaf_not_after: Option<Timestamp>,
    /// Expiry of the authority that signs; `None` where the certificate comes in files.
    pub authority_not_after: Option<Timestamp>,
    /// State of each configuration with regard to the bundle that it should have.
    pub configurations: BTreeMap<Configuration, Standing>,
    /// Certificates that this replica has exchanged, or failed to.
    pub leaf_renewals: Renewals,
    /// Authorities that this replica has made, or failed to.
    pub authority_renewals: Renewals,
}

/// Readiness of this replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Its certificate is valid for long enough, and every live bundle trusts it.
    Ready,
    /// Not yet, or no longer, and why.
    Waiting(String),
}

/// Counts of renewals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Renewals {
    /// Successfully.
    pub succeeded: u64,
    /// In vain.
    pub failed: u64,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            readiness: Readiness::Waiting("there is no certificate yet".into()),
            leaf_not_after: None,
            authority_not_after: None,
            configurations: BTreeMap::new(),
            leaf_renewals: Renewals::default(),
            authority_renewals: Renewals::default(),
        }
    }
}

impl Renewals {
    pub(crate) fn count<T, E>(&mut self, outcome: &Result<T, E>) {
        match outcome {
            Ok(_) => self.succeeded = self.succeeded.saturating_add(1),
            Err(_) => self.failed = self.failed.saturating_add(1),
        }
    }
}

/// Readiness with a leaf that was minted here.
pub(crate) fn of_leaf(
    leaf: Option<&Held>,
    live: &[Live],
    now: Timestamp,
    lifetimes: &Lifetimes,
) -> Readiness {
    let Some(leaf) = leaf else { return waiting("there is no certificate yet") };
    let issuer: Fingerprint = leaf.issuer;
    of_times(leaf.validity(now), leaf.not_after, now, lifetimes)
        .or_else(|| of_trust(live, |live| live.trusts(&issuer)))
        .unwrap_or(Readiness::Ready)
}

/// Obstacle to readiness in the validity of a certificate.
pub(crate) fn of_times(
    validity: Validity,
    not_after: Timestamp,
    now: Timestamp,
    lifetimes: &Lifetimes,
) -> Option<Readiness> {
    match validity {
        Validity::NotYet => Some(waiting("the certificate is not valid yet: is the clock right?")),
        Validity::Expired => Some(waiting("the certificate has expired")),
        Validity::Valid if between(now, not_after) <= lifetimes.margin => {
            Some(waiting(format!("the certificate is valid for less than {:?} more", lifetimes.margin)))
        }
        Validity::Valid => None,
    }
}

/// Obstacle to readiness in the live bundles.
pub(crate) fn of_trust(live: &[Live], trusts: impl Fn(&Live) -> bool) -> Option<Readiness> {
    live.iter().find(|live| !trusts(live)).map(|live| {
        let configuration = &live.configuration;
        if live.exists() {
            waiting(format!("{configuration} does not trust the certificate yet"))
        } else {
            waiting(format!("there is no {configuration}"))
        }
    })
}

fn waiting(why: impl Into<String>) -> Readiness {
    Readiness::Waiting(why.into())
}

//! What the process is told about its certificates: whether it is ready, and what metrics show. Public facts only.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{
    certificate::{Fingerprint, Validity},
    configuration::{Configuration, Live, Standing},
    issue::Held,
    lives::{Lives, between},
};

/// The state of the certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Whether the API servers can call this replica.
    pub readiness: Readiness,
    /// When the presented certificate expires.
    pub leaf_not_after: Option<Timestamp>,
    /// When the authority that signs expires; `None` where the certificate comes in files.
    pub authority_not_after: Option<Timestamp>,
    /// How each configuration stands to the bundle that it ought to have.
    pub configurations: BTreeMap<Configuration, Standing>,
    /// Certificates that this replica has exchanged, or failed to.
    pub leaf_renewals: Renewals,
    /// Authorities that this replica has made, or failed to.
    pub authority_renewals: Renewals,
}

/// Whether this replica can serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Its certificate is valid for long enough, and every live bundle trusts it.
    Ready,
    /// Not yet, or no longer, and why.
    Waiting(String),
}

/// How often something was renewed.
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
            Ok(_) => self.succeeded += 1,
            Err(_) => self.failed += 1,
        }
    }
}

/// Whether a leaf that was minted here can serve.
pub(crate) fn of_leaf(leaf: Option<&Held>, live: &[Live], now: Timestamp, lives: &Lives) -> Readiness {
    let Some(leaf) = leaf else { return waiting("there is no certificate yet") };
    let issuer: Fingerprint = leaf.issuer;
    of_times(leaf.validity(now), leaf.not_after, now, lives)
        .or_else(|| of_trust(live, |live| live.trusts(&issuer)))
        .unwrap_or(Readiness::Ready)
}

/// What stands in the way as far as time goes.
pub(crate) fn of_times(
    validity: Validity,
    not_after: Timestamp,
    now: Timestamp,
    lives: &Lives,
) -> Option<Readiness> {
    match validity {
        Validity::NotYet => Some(waiting("the certificate is not valid yet: is the clock right?")),
        Validity::Expired => Some(waiting("the certificate has expired")),
        Validity::Valid if between(now, not_after) <= lives.margin => {
            Some(waiting(format!("the certificate is valid for less than {:?} more", lives.margin)))
        }
        Validity::Valid => None,
    }
}

/// What stands in the way as far as the live bundles go.
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

//! Election of the replica that works on nodes: the one that holds a Lease.
//!
//! The holder writes the Lease every two seconds. Whoever sees it unchanged for as long as the Lease says takes it over;
//! both measure by a clock that nobody can set, and the holder stops well before that. Every write names the version that
//! was read, so of two that are quick only one succeeds. The form is client-go's: the original operator and this one keep
//! each other out of one namespace. What it decides opens and shuts [`crate::fence`]; nothing here knows of nodes.

mod candidate;
mod record;
mod seat;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use prometheus::IntGauge;
use tokio::time;

pub use self::candidate::{Deposed, Terms};
use self::{
    candidate::{Candidate, Standing},
    seat::Seat,
};
use crate::{
    fence::{Baton, Moment},
    readiness::Gate,
};

/// Longest time that one request may take: one that hangs leaves time for another before the deadline.
const CALL: Duration = Duration::from_secs(5);
/// Longest time that letting go may take at the end: the others would only have to wait for the Lease to expire.
const LETTING_GO: Duration = Duration::from_secs(2);

/// Settings of a candidate.
pub struct Election {
    /// A client without a fence.
    pub client: Client,
    /// Namespace of the Lease.
    pub namespace: String,
    /// Name of the Lease.
    pub name: String,
    /// Identity of this process: no other process may ever have the same.
    pub identity: String,
    /// The times that it goes by.
    pub terms: Terms,
    /// Handle that opens and shuts the fence of this process.
    pub baton: Baton,
}

impl Election {
    /// Name of the original operator's Lease, and so of ours.
    pub const LEASE: &'static str = "bc1f5b0a.sei.io";
}

/// A candidate at work.
pub(crate) struct Contest {
    candidate: Candidate,
    seat: Seat,
    baton: Baton,
    gate: Gate,
    transitions: IntGauge,
    /// Last trouble: the same words are logged once.
    trouble: Option<String>,
    /// Holder of the Lease that was logged last.
    holder: Option<String>,
}

impl Contest {
    /// `gate` opens when the Lease was read once, `transitions` shows how often its holder changed.
    pub(crate) fn new(election: Election, gate: Gate, transitions: IntGauge) -> Self {
        let Election { client, namespace, name, identity, terms, baton } = election;
        tracing::info!(lease = name, namespace, identity, "a candidate for the lease");
        Self {
            candidate: Candidate::new(identity, terms),
            seat: Seat::new(client, &namespace, name),
            baton,
            gate,
            transitions,
            trouble: None,
            holder: None,
        }
    }

    /// Tries to lead and goes on leading. Returns when it led and does no more.
    pub(crate) async fn run(&mut self) -> Deposed {
        loop {
            let patience = match self.candidate.standing(Moment::now()) {
                Standing::Follows => CALL,
                Standing::Leads { until } => until.since(Moment::now()).min(CALL),
                Standing::Deposed(why) => {
                    self.baton.lay_down();
                    return why;
                }
            };
            let outcome = match time::timeout(patience, self.round()).await {
                Ok(outcome) => outcome,
                Err(_) => Err("the API server does not answer".to_owned()),
            };
            self.tell(outcome);
            let pause = match self.candidate.standing(Moment::now()) {
                Standing::Leads { until } => {
                    self.baton.carry(until);
                    until.since(Moment::now()).min(self.candidate.terms().retry)
                }
                Standing::Follows => self.candidate.terms().retry,
                Standing::Deposed(_) => Duration::ZERO,
            };
            time::sleep(pause).await;
        }
    }

    /// Lets go, so that another need not wait. From here on the fence is shut.
    pub(crate) async fn release(mut self) {
        self.baton.lay_down();
        let Standing::Leads { .. } = self.candidate.standing(Moment::now()) else { return };
        match time::timeout(LETTING_GO, self.let_go()).await {
            Ok(Ok(())) => tracing::info!("the lease was released"),
            Ok(Err(trouble)) => tracing::warn!("the lease was not released and has to expire: {trouble}"),
            Err(_) => tracing::warn!("the lease was not released in time and has to expire"),
        }
    }

    async fn let_go(&mut self) -> Result<(), String> {
        let found = self.seat.read().await?;
        match self.candidate.farewell(found, Moment::now(), Timestamp::now()) {
            Some(write) => self.seat.write(&write).await.map(drop),
            None => Ok(()),
        }
    }

    /// Looks at the Lease unless it is known, and writes it if that is due. May be dropped at any point.
    async fn round(&mut self) -> Result<(), String> {
        let renewal = self.candidate.renewal(Timestamp::now());
        let write = match renewal {
            Some(write) => Some(write),
            None => {
                let found = self.seat.read().await?;
                self.gate.open();
                self.candidate.saw(found, Moment::now(), Timestamp::now())
            }
        };
        let Some(write) = write else { return Ok(()) };
        self.candidate.sends();
        let sent = Moment::now();
        let written = self.seat.write(&write).await?;
        self.candidate.wrote(&write, written, sent, Moment::now());
        Ok(())
    }

    fn tell(&mut self, outcome: Result<(), String>) {
        let trouble = outcome.err();
        if let Some(words) = trouble.as_ref().filter(|words| self.trouble.as_ref() != Some(words)) {
            tracing::warn!("the lease could not be looked after: {words}");
        }
        self.trouble = trouble;
        let Some(record) = self.candidate.record() else { return };
        self.transitions.set(i64::from(record.transitions));
        if self.holder.as_deref() != Some(&record.holder) {
            match self.candidate.standing(Moment::now()) {
                Standing::Leads { .. } => tracing::info!("this replica leads"),
                Standing::Follows | Standing::Deposed(_) => {
                    tracing::info!(holder = record.holder, "another replica leads, or none");
                }
            }
            self.holder = Some(record.holder.clone());
        }
    }
}

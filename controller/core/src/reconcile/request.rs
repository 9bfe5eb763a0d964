//! Requests of the machine to its driver, and the responses.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use seinode_api::{SeiNode, SeiNodeStatus};

use super::Done;
use crate::{
    effect::{Effect, Outcome},
    failure::Failure,
    memory::Memory,
    observe::View,
    platform::Platform,
    query::{Fetched, Query},
    rate::Now,
};

/// Surroundings of one step, borrowed from the driver.
pub struct Env<'a> {
    /// Memory of the process.
    pub memory: &'a mut Memory,
    /// Objects that the watches have brought.
    pub view: &'a dyn View,
    /// The platform settings.
    pub platform: &'a Platform,
    /// The present.
    pub now: Now,
}

/// The driver's next request.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Fetch a fact.
    Fetch(Query),
    /// Replace the status, if the object is still the one that was read.
    Store(Box<SeiNodeStatus>),
    /// Read the SeiNode's metadata live.
    Confirm,
    /// Perform an effect.
    Perform(Effect),
    /// Nothing: the reconcile has ended.
    Done(Done),
}

/// Outcome of a request.
#[derive(Clone, Debug)]
pub enum Response {
    /// Of `Fetch`.
    Fetched(Fetched),
    /// Of `Store`.
    Stored(Stored),
    /// Of `Confirm`: the metadata of the SeiNode; `None` when it is gone.
    Confirmed(Result<Option<ObjectMeta>, Failure>),
    /// Of `Perform`.
    Performed(Outcome),
}

/// Outcome of a status write.
#[derive(Clone, Debug)]
pub enum Stored {
    /// It is stored; this is the object now.
    Written(Arc<SeiNode>),
    /// The SeiNode is gone.
    Gone,
    /// It is not stored.
    Failed(Failure),
}

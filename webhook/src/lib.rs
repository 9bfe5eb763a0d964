//! The gate: admission of SeiNodes and of the StatefulSets that run them.
//!
//! - [`endpoint`]: the questions that an API server may ask, and their paths;
//! - `serve`: HTTPS with a certificate that somebody else looks after, bounds on everything, and a drain at the end;
//!   `handshake`: why one failed; `metrics`: what is counted of all this;
//! - [`request`]: what is asked, read from an `AdmissionReview`;
//! - [`review`]: from a body to an answer; [`review::answer`] is all that a server has to call;
//! - [`guard`]: the rules of StatefulSets, in words and in CEL;
//! - [`verdict`]: pure, from the old and the new object to "allow, with these warnings" or "deny, for all of these
//!   violations". It calls the core's own `Intent::parse`, so that `kubectl`, the condition and a test say the
//!   same of the same spec.
//!
//! This package may use `seinode-core` and `seinode-api`, and nothing else of ours. What never belongs here: a rule
//! of its own for SeiNodes, a call to the API server, or anything that changes an object behind its owner's back.
//! The gate being shut must never keep a SeiNode from being deleted.

pub mod endpoint;
pub mod guard;
mod handshake;
mod metrics;
pub mod request;
pub mod review;
mod serve;
pub mod verdict;

pub use metrics::Metrics;
pub use serve::{Door, Judge, Limits, serve};

#[cfg(test)]
mod tests;

//! Admission webhooks: they label and validate SeiNodes, reporting every error at once, and stop users from scaling a node's
//! StatefulSet above one replica or changing it away from `OnDelete`.
//!
//! - [`endpoint`]: the endpoints that an API server may call, and their paths;
//! - `serve`: HTTPS with limits on everything, and a drain at the end; `handshake`: reasons why one failed; `metrics`;
//! - [`clients`]: the certificates of API servers, where only they may call;
//! - [`request`]: a request, read from an `AdmissionReview`; [`view`]: its objects, read where they lie in the body;
//! - [`review`]: from a body to a response; [`review::respond`] is all that a server has to call;
//! - [`guard`]: the rules of StatefulSets, in words and in CEL;
//! - [`verdict`]: pure, from the old and the new object to "allow, with these warnings" or "deny, for all of these
//!   violations". It calls the core's own `Intent::parse`, so that `kubectl`, the condition and a test report the same
//!   errors of the same spec.
//!
//! This package may use `seinode-core` and `seinode-api`, and no other package of this workspace. It never has a rule of
//! its own for SeiNodes, calls the API server, or changes an object unannounced. It must never keep a SeiNode from being
//! deleted.

// Numbers, texts and lists of others cannot make it panic: arithmetic saturates or is checked, and nothing is indexed.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::string_slice))]

pub mod clients;
pub mod endpoint;
pub mod guard;
mod handshake;
mod metrics;
pub mod request;
pub mod review;
mod serve;
pub mod verdict;
pub mod view;

pub use metrics::Metrics;
pub use serve::{Limits, Listener, Reviewer, serve};

#[cfg(test)]
mod tests;

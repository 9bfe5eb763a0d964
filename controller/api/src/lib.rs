//! The vocabulary of `sei.io/v1alpha1`: what users write and read.
//!
//! Types, the admission (CEL) rules beside the fields they guard, names, labels, conditions and reasons.
//! It decides nothing and talks to nobody: no client, no clock, no parsing beyond serde.

pub mod conditions;
pub mod crd;
pub mod names;
mod rules;
mod schema;
pub mod spec;
pub mod status;

pub use spec::{SeiNode, SeiNodeSpec};
pub use status::SeiNodeStatus;

//! The vocabulary of `sei.io/v1alpha1`: what users write and read.
//!
//! Types, the admission (CEL) rules beside the fields they guard, names, labels, conditions and reasons.
//! It decides nothing and talks to nobody: no client, no clock, no parsing beyond serde.

// Numbers, texts and lists of others cannot make it panic: arithmetic saturates or is checked, and nothing is indexed.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::string_slice))]

pub mod conditions;
pub mod crd;
pub mod names;
mod rules;
mod schema;
pub mod spec;
pub mod status;

pub use spec::{SeiNode, SeiNodeSpec};
pub use status::SeiNodeStatus;

//! Images of the operator and of what stands in for Sei's own programs, made without a container engine.

mod build;
mod operator;
mod stand_in;

pub use build::{BuildError, build};
pub use operator::{LABELS, OPERATOR, operator};
pub use stand_in::{Seid, seid, sidecar};

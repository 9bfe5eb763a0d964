//! The SeiNode CRD on a real API server: what it lets in, what it refuses and in which words, and that
//! objects which were stored under the original operator's CRD live on under ours.
//!
//! The cases are a table, `crd/cases.yaml`. CRDs have no namespace; scenarios that install the original's do
//! it under another group and name, so they disturb nobody.

pub mod admission;
mod demands;
pub mod nodes;
mod original;
mod ratchet;
mod shape;
pub mod table;

//! Decisions of the operator: pure, synchronous, total.
//!
//! All knowledge enters as a value ([`observation::Observation`]), all intent leaves as a value
//! ([`decision::Decision`]). Nothing in here can reach a client, a clock, randomness or `async`; the crate's
//! `clippy.toml` and the dependency test of the workspace hold it to that.
//!
//! The way through: [`subject::Subject::of`] parses a SeiNode once, [`decide::decide`] says what comes next,
//! [`fold`] folds what became of it into the facts, [`render`] makes the objects that effects apply, and
//! [`events::between`] says what people should hear of a change of status.

// Numbers, texts and lists of others cannot make it panic: arithmetic saturates or is checked, and nothing is indexed.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::string_slice))]

pub mod adoption;
pub mod advice;
mod bounds;
mod children;
pub mod conditions;
pub mod configuration;
pub mod decide;
pub mod decision;
pub mod definition;
pub mod drift;
pub mod edits;
pub mod effect;
pub mod events;
pub mod exclusive;
pub mod failure;
pub mod fast_mark_ready;
pub mod fold;
mod handover;
pub mod ids;
pub mod import;
pub mod intent;
pub mod keys;
pub mod memory;
pub mod node;
pub mod observation;
pub mod observe;
pub mod peers;
pub mod plan;
pub mod platform;
mod ports;
pub mod quantity;
pub mod query;
pub mod rate;
pub mod reconcile;
pub mod render;
mod repairs;
pub mod retention;
pub mod sidecar;
pub mod storage;
pub mod subject;
pub mod task;
pub mod task_type;
pub mod text;
mod time;
pub mod tracking;
pub mod transition;
pub mod violation;

//! What the operator thinks: pure, synchronous, total.
//!
//! All knowledge enters as a value ([`observation::Observation`]), all intent leaves as a value
//! ([`decision::Decision`]). Nothing in here can reach a client, a clock, randomness or `async`; the crate's
//! `clippy.toml` and the dependency test of the workspace hold it to that.
//!
//! The way through: [`subject::Subject::of`] parses a SeiNode once, [`decide::decide`] says what comes next,
//! [`absorb`] folds what became of it into the facts, [`render`] makes the objects that effects apply, and
//! [`notice::between`] says what people should hear of a change of status.

pub mod absorb;
pub mod advice;
pub mod answer;
mod children;
pub mod conditions;
pub mod configuration;
pub mod decide;
pub mod decision;
pub mod definition;
pub mod drift;
pub mod edits;
pub mod effect;
pub mod exclusive;
pub mod fact;
pub mod failure;
pub mod heal;
pub mod ids;
pub mod import;
pub mod intent;
pub mod keys;
pub mod node;
pub mod notice;
pub mod observation;
pub mod peers;
pub mod plan;
pub mod platform;
mod ports;
pub mod quantity;
pub mod render;
mod repairs;
pub mod subject;
pub mod task;
pub mod task_type;
mod time;
pub mod transition;
pub mod violation;

//! Fixtures of the tests of this room, and the simulation of the whole of it.

pub(crate) mod fixtures;
mod simulation;

//! What the tests of this room share, and the test of the whole of it.

pub(crate) mod given;
mod simulation;

//! Properties of every object: laws on generated ones, and hostile bodies.

pub(crate) mod fixtures;
mod fuzz;
mod generate;
mod hostile;
mod laws;

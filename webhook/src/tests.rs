//! What holds for every object: laws on generated ones, and bodies that nobody should send.

mod generate;
pub(crate) mod given;
mod hostile;
mod laws;

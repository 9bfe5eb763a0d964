//! Facts about the code itself.

//! The real binary on a real control plane.

fn main() {}

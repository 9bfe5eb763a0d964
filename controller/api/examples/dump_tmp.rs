//! tmp
#![allow(clippy::print_stdout, clippy::unwrap_used, reason="tmp")]
fn main() { println!("{}", seinode_api::crd::yaml().unwrap()); }
